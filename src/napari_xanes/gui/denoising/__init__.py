"""The Denoise dock: a stack without background and noise, what was removed, and what could not be explained."""

from napari_xanes.gui.denoising.dock import DenoiseDock

__all__ = ["DenoiseDock"]
