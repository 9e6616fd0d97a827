"""The XANES dock: all steps in one place, beside one plot of spectra."""

from napari_xanes.gui.xanes.dock import XanesDock

__all__ = ["XanesDock"]
