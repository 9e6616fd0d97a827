"""Decompose a noisy absorption stack: beam background, fractions of the references, new features, and their errors."""
