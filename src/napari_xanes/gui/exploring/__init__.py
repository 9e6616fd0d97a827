"""The Explore step: which spectra there are, without references."""

from napari_xanes.gui.exploring.dock import ExploreDock

__all__ = ["ExploreDock"]
