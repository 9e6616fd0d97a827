"""Simulated stacks of an Mn L edge whose charge and 10Dq are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes import SpectralStack
from napari_xanes.theory import Library

ENERGY = np.linspace(635, 663, 140)
OH = "mn-l23-oh"
FULL = "mn-l23"


def stack_of(
    truth: Library, snr: float, n: int = 1024, *, spread: float = 0.0, offset: float = 0.0, seed: int = 0
) -> tuple[SpectralStack, Any, Any]:
    """Return noisy spectra of random members on random backgrounds, and the charge and 10Dq of each pixel."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(truth), n)
    shifts = np.linspace(-spread, spread, 13) if spread else np.zeros(1)
    which = rng.integers(0, shifts.size, n)
    data = np.empty((n, ENERGY.size))
    for i, shift in enumerate(shifts):
        here = which == i
        data[here] = truth.at(ENERGY, broadening=0.35, shift=offset + shift, rows=rows[here])
    data /= data.max(axis=1, keepdims=True)
    data += rng.standard_normal(data.shape) / snr
    data = data * rng.uniform(0.5, 2, (n, 1)) + rng.uniform(0, 1, (n, 1)) - 0.01 * (ENERGY - 650)
    stack = SpectralStack(data.T.reshape(ENERGY.size, -1, 32).astype(np.float32), ENERGY, "optical_depth")
    return stack, truth.table["charge"][rows].reshape(-1, 32), truth.table["ten_dq"][rows].reshape(-1, 32)
