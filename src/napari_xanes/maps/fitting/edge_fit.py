"""The kernel of the edge maps: half-step crossing, steepest rise and white line of a block, with their errors.

Everything runs along rows of (E, P) matrices, so that the work is the same for each pixel and stays in cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.edge import EdgeLines, three_point_slope
from napari_xanes.stack import SpectralStack

Rows = NDArray[np.float32]


class EdgeFit:
    """Finds the edges of block after block of a stack, into flat float32 arrays of one value per pixel.

    Parameters
    ----------
    edge : EdgeLines
        How to normalize; of a normalized stack, where to take the noise.
    stack : SpectralStack
        Where to; only its shape and quantity are looked at.
    energy : tuple of float
        Search range in eV.
    level : float
        Fraction of the step whose crossing is the edge energy.
    min_jump : float
        Smallest edge jump of a good pixel.

    Raises
    ------
    ValueError
        If fewer than five energies lie in the search range.
    """

    def __init__(
        self, edge: EdgeLines, stack: SpectralStack, energy: tuple[float, float], level: float, min_jump: float
    ) -> None:
        self._edge, self._level, self._min_jump = edge, level, min_jump
        self._normalized = stack.quantity == "normalized"
        first, last = np.searchsorted(stack.energy, (energy[0] - 1e-6, energy[1] + 1e-6))
        if last - first < 5:
            raise ValueError(
                f"{last - first} energies lie in the search range {energy[0]:g} to {energy[1]:g} eV, but at least 5 "
                f"are needed; the stack covers {stack.energy[0]:g} to {stack.energy[-1]:g} eV"
            )
        self._frames = slice(int(first), int(last))
        axis = stack.energy[self._frames]
        self.searched = float(axis[0]), float(axis[-1])
        self._offset = axis - edge.e0
        self._slopes = three_point_slope(axis)
        self._number: NDArray[Any] = np.arange(axis.size, dtype=np.uint8 if axis.size < 256 else np.uint32)[:, None]
        n_pixels = int(np.prod(stack.shape[1:]))
        self.energies = {
            name: (np.full(n_pixels, np.nan, np.float32), np.full(n_pixels, np.nan, np.float32))
            for name in ("edge_energy", "derivative_maximum", "white_line")
        }
        self.jump, self.jump_sigma = (np.full(n_pixels, np.nan, np.float32) for _ in range(2))
        self.good = np.zeros(n_pixels, dtype=bool)

    def block(self, block: NDArray[Any], pixels: slice) -> None:
        """Find the edges of a block (E, P) and keep them."""
        with np.errstate(all="ignore"):
            lines = self._edge.measure(block)
            good = np.isfinite(block.sum(axis=0, dtype=np.float32)) & (lines.jump > self._min_jump)
            near = block[self._frames]
            if self._normalized:
                mu, noise = near.astype(np.float32, copy=False), lines.noise
            else:
                mu, noise = self._scaled(near, lines.low, lines.low_slope, lines.jump), lines.noise / lines.jump
            self.good[pixels] = good
            self.jump[pixels], self.jump_sigma[pixels] = lines.jump, lines.sigma
            top = self._last_argmax(mu)
            found = {
                "edge_energy": self._crossing(mu, top),
                "derivative_maximum": self._steepest(mu, top),
                "white_line": self._vertex(mu, top),
            }
            for name, (at, sigma) in found.items():
                values, errors = self.energies[name]
                kept = good & np.isfinite(at)
                values[pixels] = np.where(kept, at + self._edge.e0, np.nan)
                errors[pixels] = np.where(kept, sigma * noise, np.nan)

    def _scaled(self, near: NDArray[Any], low: Float64Array, slope: Float64Array, jump: Float64Array) -> Rows:
        """The search range of the normalized spectra."""
        line = np.stack([low / jump, slope / jump]).astype(np.float32)
        design = np.stack([np.ones_like(self._offset), self._offset], axis=1).astype(np.float32)
        mu: Rows = np.multiply(near, (1 / jump).astype(np.float32), dtype=np.float32)
        mu -= design @ line
        return mu

    def _crossing(self, mu: Rows, top: NDArray[np.intp]) -> tuple[Float64Array, Float64Array]:
        """The last crossing of the level below the maximum, and its error for noise of 1."""
        under = mu < self._level
        crosses = under[:-1] & ~under[1:]
        crosses &= self._number[: len(crosses)] < top
        below = _last_true(crosses, self._number[: len(crosses)] + 1)
        none = below == 0
        i = np.maximum(below - 1, 0)
        columns = np.arange(top.size)
        left, right = mu[i, columns].astype(np.float64), mu[i + 1, columns].astype(np.float64)
        width = self._offset[i + 1] - self._offset[i]
        share = (self._level - left) / (right - left)
        at = self._offset[i] + share * width
        pre, post = self._edge.variances
        lines = (1 - self._level) ** 2 * pre + self._level**2 * post
        sigma = width / (right - left) * np.sqrt((1 - share) ** 2 + share**2 + lines)
        return np.where(none, np.nan, at), sigma

    def _steepest(self, mu: Rows, top: NDArray[np.intp]) -> tuple[Float64Array, Float64Array]:
        """The vertex of the parabola through the slopes around the steepest below the maximum."""
        left, middle, right = (weights.astype(np.float32)[:, None] for weights in self._slopes)
        slope = left * mu[:-2]
        slope += middle * mu[1:-1]
        slope += right * mu[2:]
        np.copyto(slope, np.float32(-np.inf), where=self._number[1:-1] > top)
        j = self._last_argmax(slope)
        inside = (j > 0) & (j < slope.shape[0] - 1)
        j = np.clip(j, 1, slope.shape[0] - 2)
        at, (g0, g1, g2) = _parabola(self._offset[1:-1], slope, j)
        a, b, c = self._slopes
        weights = (
            g0 * a[j - 1],
            g0 * b[j - 1] + g1 * a[j],
            g0 * c[j - 1] + g1 * b[j] + g2 * a[j + 1],
            g1 * c[j] + g2 * b[j + 1],
            g2 * c[j + 1],
        )
        return np.where(inside, at, np.nan), np.sqrt(sum(w**2 for w in weights))

    def _last_argmax(self, rows: Rows) -> NDArray[np.intp]:
        """Index of the largest row of each column; two passes along rows are much faster than numpy's argmax."""
        return _last_true(rows == rows.max(axis=0), self._number[: len(rows)])

    def _vertex(self, mu: Rows, top: NDArray[np.intp]) -> tuple[Float64Array, Float64Array]:
        """The vertex of the parabola through the highest point and its neighbours."""
        inside = (top > 0) & (top < mu.shape[0] - 1)
        j = np.clip(top, 1, mu.shape[0] - 2)
        at, gradient = _parabola(self._offset, mu, j)
        return np.where(inside, at, np.nan), np.sqrt(sum(g**2 for g in gradient))


def _last_true(found: NDArray[np.bool_], number: NDArray[Any]) -> NDArray[np.intp]:
    """The largest `number` (n, 1) among the rows where a column is True, 0 if there is none."""
    result: NDArray[np.intp] = (found * number).max(axis=0).astype(np.intp)
    return result


def _parabola(
    axis: Float64Array, rows: Rows, j: NDArray[np.intp]
) -> tuple[Float64Array, tuple[Float64Array, Float64Array, Float64Array]]:
    """Vertex of the parabola through three neighbouring rows, and how it answers to each of the three values.

    With h the steps to the left and to the right and d the differences of neighbours over them, the vertex lies at
    ``x + (d_left * h_right + d_right * h_left) / (2 * (d_left - d_right))``.
    """
    columns = np.arange(j.size)
    y0, y1, y2 = (rows[j + k, columns].astype(np.float64) for k in (-1, 0, 1))
    before, after = axis[j] - axis[j - 1], axis[j + 1] - axis[j]
    left, right = (y1 - y0) / before, (y2 - y1) / after
    bend = left - right
    shift = (left * after + right * before) / (2 * bend)
    by_left, by_right = (after / 2 - shift) / bend, (before / 2 + shift) / bend
    gradient = (-by_left / before, by_left / before - by_right / after, by_right / after)
    return np.where(bend > 0, axis[j] + shift, np.nan), gradient
