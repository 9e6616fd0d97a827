"""The Embedding dock: a map of library spectra in a plane, with the pixels of a stack."""

from napari_xanes.gui.embedding.dock import EmbeddingDock

__all__ = ["EmbeddingDock"]
