"""Working copies in the window: offered where spectra are slow."""
