"""Pixels as points in the space of the components, in units of the noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array, IndexArray
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.clusters import Distance, Points, points_of
from napari_xanes.stack import SpectralStack


class Whitened(NamedTuple):
    """Pixels in units of the noise: ``values`` (E, P) from `WhitenedScores.middle`, whether they are ``finite`` (P,),
    and ``points``."""

    values: Float32Array
    finite: NDArray[np.bool_]
    points: Points


class WhitenedScores:
    """Scores of pixels in units of the noise, along orthonormal directions, and the noise of pixels."""

    def __init__(self, basis: ComponentBasis) -> None:
        self.basis = basis
        directions = basis.spectra / basis.noise
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        self._inverse, self._weights = directions / basis.noise, 1 / basis.noise**2
        self._freedom = max(1, basis.energy.size - len(directions))
        # A typical pixel; what differs from it little keeps its digits in single precision.
        typical = basis.noise * directions[0] * np.sqrt(max(float(basis.eigenvalues[0]), 0.0))
        self.middle = typical.astype(np.float32).astype(np.float64)
        self._at_middle = self._inverse @ self.middle
        self._single = directions.astype(np.float32)

    @property
    def stand_out(self) -> bool:
        """Whether any component is more than noise."""
        return bool(self.basis.eigenvalues[0] >= self.basis.limit)

    def points(self, values: Float64Array, squares: Float64Array, distance: Distance) -> Points:
        """Return pixels as points, from their values (E, P) and the squares of these."""
        scores = self._inverse @ values
        left = self._weights @ squares - np.einsum("kp,kp->p", scores, scores)
        return points_of(scores, np.maximum(left / self._freedom, 1.0), distance)

    def whitened(self, block: Block, distance: Distance) -> Whitened:
        """Return pixels (E, P) in single precision; where they are not finite, their values are 0."""
        with np.errstate(all="ignore"):
            values = (block - self.middle[:, None].astype(block.dtype)).astype(np.float32, copy=False)
            values *= (1 / self.basis.noise[:, None]).astype(np.float32)
            scores = self._single @ values
            left = self._single.T @ scores
            np.subtract(values, left, out=left)
            noise = np.einsum("ep,ep->p", left, left).astype(np.float64) / self._freedom
            finite = np.isfinite(noise)
        if not finite.all():
            finite |= np.isfinite(left).all(axis=0)
            for numbers in (values, scores):
                numbers[:, ~finite] = 0
            noise[~finite] = 1
        points = points_of(scores + self._at_middle[:, None], np.maximum(noise, 1.0), distance)
        return Whitened(values, finite, points)


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
