"""The reference spectra of a window and their list."""
