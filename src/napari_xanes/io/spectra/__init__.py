"""Files of spectra, read and written."""
