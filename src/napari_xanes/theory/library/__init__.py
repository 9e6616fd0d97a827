"""Libraries of spectra with known parameters."""
