"""Readers and writers of HDF5 files."""
