"""What only the makers of napari-xanes run: training of the network, computation of the K-edge libraries."""
