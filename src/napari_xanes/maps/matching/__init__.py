"""Matching spectra to a library: at L edges, at K edges, as mixtures."""
