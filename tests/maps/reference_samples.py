"""Reference spectra with known valences, and stacks of known amounts of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes import SpectralStack, Spectrum

AXIS = np.concatenate([np.arange(8330, 8362, 1.0), np.arange(8362, 8401, 3.0)])


def curve(energy: np.ndarray, e0: float, white_line: float) -> np.ndarray:
    """Return a step with a white line."""
    return 0.5 + np.arctan(energy - e0) / np.pi + white_line * np.exp(-(((energy - e0 - 4) / 2.5) ** 2))


def edge_spectrum(name: str, e0: float, white_line: float, valence: float | None = None, **metadata: Any) -> Spectrum:
    """Return a normalized reference."""
    grid = np.arange(8200.0, 8500.0, 0.5)
    return Spectrum(name, grid, curve(grid, e0, white_line), valence, metadata={"normalized": True, **metadata})


REFS = [edge_spectrum("two", 8344, 0.6, 2), edge_spectrum("three", 8345.5, 0.5, 3), edge_spectrum("four", 8347, 0.3, 4)]


def stack_of(
    amounts: np.ndarray, refs: list[Spectrum], noise: float = 0.0, seed: int = 0, **more: Any
) -> SpectralStack:
    """Return a stack of the amounts (K, Y, X) of the references, with a sloping background."""
    rng = np.random.default_rng(seed)
    data = np.einsum("ke,kyx->eyx", [ref.at(AXIS) for ref in refs], amounts)
    data += 0.3 - 0.002 * (AXIS - AXIS.mean())[:, None, None]
    data += noise * rng.standard_normal(data.shape)
    return SpectralStack(data.astype(np.float32), AXIS, "optical_depth", 0.04, **more)
