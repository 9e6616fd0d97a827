"""Zarr stores, read and written."""
