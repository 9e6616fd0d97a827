"""Open and save files from napari."""
