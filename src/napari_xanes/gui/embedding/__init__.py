"""The Embedding dock: a library of spectra as a picture, and the pixels of a stack among them."""

from napari_xanes.gui.embedding.dock import EmbeddingDock

__all__ = ["EmbeddingDock"]
