"""Search of a library for the references that spectra are made of."""
