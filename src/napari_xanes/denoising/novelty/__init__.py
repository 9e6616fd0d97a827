"""Spectra that the references do not explain."""
