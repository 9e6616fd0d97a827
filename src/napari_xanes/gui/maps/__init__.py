"""The Map dock: maps of a physical parameter, with their errors."""

from napari_xanes.gui.maps.dock import MapDock

__all__ = ["MapDock"]
