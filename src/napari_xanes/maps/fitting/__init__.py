"""Least-squares fits of a block of spectra: references and edges."""
