"""Programs for the developers of napari-xanes: they train the network and compute the K-edge libraries."""
