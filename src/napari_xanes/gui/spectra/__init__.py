"""The Spectra dock: measured spectra under the cursor and in regions."""

from napari_xanes.gui.spectra.dock import SpectraDock

__all__ = ["SpectraDock"]
