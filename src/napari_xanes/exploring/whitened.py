"""Pixels as points in the space of the components, in units of the noise."""

from __future__ import annotations

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.clusters import Distance, Points, points_of
from napari_xanes.stack import SpectralStack


class WhitenedScores:
    """Scores of pixels in units of the noise, along orthonormal directions, and the noise of pixels."""

    def __init__(self, basis: ComponentBasis) -> None:
        self.basis = basis
        directions = basis.spectra / basis.noise
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self._inverse, self._weights = directions / basis.noise, 1 / basis.noise**2
        self._freedom = max(1, basis.energy.size - len(directions))

    @property
    def stand_out(self) -> bool:
        """Whether any component is more than noise."""
        return bool(self.basis.eigenvalues[0] >= self.basis.limit)

    def points(self, values: Float64Array, squares: Float64Array, distance: Distance) -> Points:
        """Return pixels as points, from their values (E, P) and the squares of these."""
        scores = self._inverse @ values
        left = self._weights @ squares - np.einsum("kp,kp->p", scores, scores)
        return points_of(scores, np.maximum(left / self._freedom, 1.0), distance)


def pixels_of(stack: SpectralStack, drawn: IndexArray) -> tuple[Float64Array, Float64Array]:
    """Return those of some pixels that have values at all energies, as (E, N), and their squares."""
    parts: dict[int, Float64Array] = {}

    def pick(block: Block, pixels: slice) -> None:
        first, last = np.searchsorted(drawn, (pixels.start, pixels.stop))
        parts[pixels.start] = block[:, drawn[first:last] - pixels.start].astype(np.float64)

    blocks.over_pixels(pick, stack.data)
    values = np.concatenate([parts[start] for start in sorted(parts)], axis=1)
    values = values[:, np.isfinite(values).all(axis=0)]
    return values, values**2
