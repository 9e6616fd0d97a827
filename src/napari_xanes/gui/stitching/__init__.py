"""Join the stacks of several layers."""

from napari_xanes.gui.stitching.dock import StitchDock

__all__ = ["StitchDock"]
