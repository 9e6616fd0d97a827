"""Readers and writers of TIFF files."""
