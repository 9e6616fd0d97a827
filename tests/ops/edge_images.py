"""Images with an edge of a known height, for the tests of `normalize_edge`."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes import SpectralStack

AXIS = np.concatenate([np.arange(8270, 8330, 6.0), np.arange(8330, 8362, 1.0), np.arange(8362, 8461, 3.0)])
E0 = 8343.0


def arctan_step(axis: np.ndarray, e0: float) -> np.ndarray:
    return 0.5 + np.arctan((axis - e0) / 1.5) / np.pi


def image_of(mu: np.ndarray, axis: np.ndarray, quantity: Any = "optical_depth") -> SpectralStack:
    """One row of ten pixels without material and ten with it."""
    thick = np.repeat([0.0, 0.8], 10)[None, None]
    noise = 0.003 * np.random.default_rng(3).standard_normal((axis.size, 1, 20))
    return SpectralStack((mu[:, None, None] * thick + noise).astype(np.float32), axis, quantity)


LONG = np.concatenate([np.arange(8245, 8325, 5.0), np.arange(8325, 8375, 1.0), np.arange(8375, 8593, 5.0)])
