"""The window: readers, writers, docks. The only package that imports napari and Qt."""
