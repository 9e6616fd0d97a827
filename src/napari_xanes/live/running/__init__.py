"""Sums that grow with each frame, and what follows from them: maps from the energies that were measured so far."""
