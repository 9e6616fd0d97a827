"""The Denoise dock: remove background and noise, and report what was removed."""

from napari_xanes.gui.denoising.dock import DenoiseDock

__all__ = ["DenoiseDock"]
