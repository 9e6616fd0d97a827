"""How well spectra, phases and references are found without knowing them before."""
