"""The Prepare dock: correct, crop and normalize a stack."""

from napari_xanes.gui.prepare.dock import PrepareDock

__all__ = ["PrepareDock"]
