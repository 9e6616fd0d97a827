"""Least-squares fits of all spectra of a block at once: references and edges."""
