"""Products of complex coefficients as real ones: those of numpy's complex numbers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.registration.products import combined, energy, inner


def rows(count: int, length: int, seed: int = 0) -> np.ndarray:
    parts = np.random.default_rng(seed).standard_normal((2, count, length))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


@pytest.mark.parametrize("length", [1, 7, 8192, 20_001])
def test_sums_over_blocks_are_those_of_complex_numbers(length: int) -> None:
    left, right = rows(5, length), rows(3, length, seed=1)
    exact = left.astype(complex) @ right.astype(complex).conj().T
    limit = 1e-5 * np.sqrt(length) + 1e-6
    np.testing.assert_allclose(inner(left, right), exact.real, atol=limit)
    np.testing.assert_allclose(inner(left, 1j * right), exact.imag, atol=limit)
    own = (left.astype(complex) @ left.astype(complex).conj().T).real
    np.testing.assert_allclose(inner(left, left), own, rtol=1e-5, atol=limit)
    np.testing.assert_allclose(energy(left), np.diag(own), rtol=1e-5)


def test_parts_of_rows_are_taken_as_they_are() -> None:
    """Slices, and rows of every second coefficient, do not lie together in memory."""
    both, weights = rows(4, 50), np.random.default_rng(2).standard_normal((2, 4))
    for part in (both[:, 10:30], both[:, ::2], both[::2]):
        some = weights[:, : len(part)]
        np.testing.assert_allclose(combined(some, part), some @ part.astype(complex), atol=1e-5)
        np.testing.assert_allclose(energy(part), (np.abs(part.astype(complex)) ** 2).sum(axis=1), rtol=1e-5)
