"""Matching the spectra of a stack to a library: single members at L edges, mixtures, and valences at K edges."""
