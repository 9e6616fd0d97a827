"""The Simulate dock: a theory spectrum that follows its sliders."""

from napari_xanes.gui.simulate.dock import SimulateDock

__all__ = ["SimulateDock"]
