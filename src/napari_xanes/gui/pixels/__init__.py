"""Spectra of pixels: under the cursor and in regions."""
