"""The kernel of `edge_energy`: half-step crossing, steepest rise and white line of a block, with their errors.

All work is done along the rows of (E, P) matrices: each step is the same for every pixel and stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Block, BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.edge import EdgeLines, three_point_slope
from napari_xanes.stack import SpectralStack

_MIN_ENERGIES = 5


class EdgeFit:
    """Finds the edges of block after block of a stack, in flat float32 arrays with one value per pixel.

    ``energies`` holds the values and errors (P,) of each map in eV; ``jump``, ``jump_sigma`` the edge jump; ``good``
    says which pixels are finite and have a sufficient jump; ``search_range`` is the range that was searched, in eV.

    Parameters
    ----------
    edge : EdgeLines
        The lines that normalize a spectrum; for a normalized stack they only give the noise.
    stack : SpectralStack
        The stack; only its shape, energies and quantity are used here.
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
        self._frames = _search_frames(stack.energy, energy)
        axis = stack.energy[self._frames]
        self.search_range = float(axis[0]), float(axis[-1])
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

    def block(self, block: Block, pixels: slice) -> None:
        """Find the edges of a block (E, P) and store the results."""
        with np.errstate(all="ignore"):
            lines = self._edge.measure(block)
            good = np.isfinite(block.sum(axis=0, dtype=np.float32)) & (lines.jump > self._min_jump)
            raw = block[self._frames]
            if self._normalized:
                mu, noise = raw.astype(np.float32, copy=False), lines.noise
            else:
                mu, noise = self._scaled(raw, lines.low, lines.low_slope, lines.jump), lines.noise / lines.jump
            self.good[pixels] = good
            self.jump[pixels], self.jump_sigma[pixels] = lines.jump, lines.sigma
            top = self._last_argmax(mu)
            results = {
                "edge_energy": self._crossing(mu, top),
                "derivative_maximum": self._steepest(mu, top),
                "white_line": self._vertex(mu, top),
            }
            for name, (offset, sigma) in results.items():
                values, errors = self.energies[name]
                valid = good & np.isfinite(offset)
                values[pixels] = np.where(valid, offset + self._edge.e0, np.nan)
                errors[pixels] = np.where(valid, sigma * noise, np.nan)

    def edges(self, block: Block) -> Float64Array:
        """Return the edge energies (P,) of normalized spectra (E, P) in eV, NaN where the level is not crossed."""
        mu = block[self._frames].astype(np.float32)
        with np.errstate(all="ignore"):
            offset, _ = self._crossing(mu, self._last_argmax(mu))
        return offset + self._edge.e0

    def _scaled(self, raw: Block, low: Float64Array, slope: Float64Array, jump: Float64Array) -> Float32Array:
        """Normalized spectra in the search range."""
        line = np.stack([low / jump, slope / jump]).astype(np.float32)
        design = np.stack([np.ones_like(self._offset), self._offset], axis=1).astype(np.float32)
        mu: Float32Array = np.multiply(raw, (1 / jump).astype(np.float32), dtype=np.float32)
        mu -= design @ line
        return mu

    def _crossing(self, mu: Float32Array, top: IndexArray) -> tuple[Float64Array, Float64Array]:
        """The last crossing of the level below the maximum in eV from E0, and its error for noise of 1."""
        under = mu < self._level
        crosses = under[:-1] & ~under[1:]
        crosses &= self._number[: len(crosses)] < top
        number_after = _last_true(crosses, self._number[: len(crosses)] + 1)
        i = np.maximum(number_after - 1, 0)
        columns = np.arange(top.size)
        below, above = mu[i, columns].astype(np.float64), mu[i + 1, columns].astype(np.float64)
        width = self._offset[i + 1] - self._offset[i]
        share = (self._level - below) / (above - below)
        offset = self._offset[i] + share * width
        pre, post = self._edge.variances
        lines = (1 - self._level) ** 2 * pre + self._level**2 * post
        sigma = width / (above - below) * np.sqrt((1 - share) ** 2 + share**2 + lines)
        return np.where(number_after == 0, np.nan, offset), sigma

    def _steepest(self, mu: Float32Array, top: IndexArray) -> tuple[Float64Array, Float64Array]:
        """The steepest rise below the maximum in eV from E0, and its error for noise of 1.

        It is the vertex of the parabola through the three slopes around the largest one.
        """
        left, middle, right = (weights.astype(np.float32)[:, None] for weights in self._slopes)
        slope = left * mu[:-2]
        slope += middle * mu[1:-1]
        slope += right * mu[2:]
        np.copyto(slope, np.float32(-np.inf), where=self._number[1:-1] > top)
        j = self._last_argmax(slope)
        inside = (j > 0) & (j < slope.shape[0] - 1)
        j = np.clip(j, 1, slope.shape[0] - 2)
        offset, (g0, g1, g2) = _parabola(self._offset[1:-1], slope, j)
        a, b, c = self._slopes
        weights = (
            g0 * a[j - 1],
            g0 * b[j - 1] + g1 * a[j],
            g0 * c[j - 1] + g1 * b[j] + g2 * a[j + 1],
            g1 * c[j] + g2 * b[j + 1],
            g2 * c[j + 1],
        )
        return np.where(inside, offset, np.nan), np.sqrt(sum(w**2 for w in weights))

    def _last_argmax(self, rows: Float32Array) -> IndexArray:
        """Index of the largest row of each column; two passes along rows are much faster than numpy's argmax."""
        return _last_true(rows == rows.max(axis=0), self._number[: len(rows)])

    def _vertex(self, mu: Float32Array, top: IndexArray) -> tuple[Float64Array, Float64Array]:
        """The vertex of the parabola around the highest point in eV from E0, and its error for noise of 1."""
        inside = (top > 0) & (top < mu.shape[0] - 1)
        j = np.clip(top, 1, mu.shape[0] - 2)
        offset, gradient = _parabola(self._offset, mu, j)
        return np.where(inside, offset, np.nan), np.sqrt(sum(g**2 for g in gradient))


def _search_frames(axis: Float64Array, energy: tuple[float, float]) -> slice:
    """The frames in a search range (eV)."""
    first, last = np.searchsorted(axis, (energy[0] - 1e-6, energy[1] + 1e-6))
    if last - first < _MIN_ENERGIES:
        raise ValueError(
            f"{last - first} energies lie in the search range {energy[0]:g} to {energy[1]:g} eV, but at least "
            f"{_MIN_ENERGIES} are needed; the stack covers {axis[0]:g} to {axis[-1]:g} eV: widen energy"
        )
    return slice(int(first), int(last))


def _last_true(flags: BoolArray, number: NDArray[Any]) -> IndexArray:
    """The largest `number` (n, 1) among the rows where a column is True, 0 if there is none."""
    result: IndexArray = (flags * number).max(axis=0).astype(np.intp)
    return result


def _parabola(
    axis: Float64Array, rows: Float32Array, j: IndexArray
) -> tuple[Float64Array, tuple[Float64Array, Float64Array, Float64Array]]:
    """Vertex of the parabola through three neighbouring rows, and its derivatives by the three values.

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
