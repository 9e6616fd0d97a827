"""The kernel of `edge_energy`: half-step crossing, steepest rise and white line of a block, with their errors.

All work is done along the rows of (E, P) matrices: each step is the same for every pixel and stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Block, Float32Array, Float64Array, IndexArray
from napari_xanes.edge import EdgeLines, Lines, three_point_slope
from napari_xanes.edge.local_quadratic import LocalQuadratic, local_quadratic, search_frames
from napari_xanes.edge.stray_light import DepthSample
from napari_xanes.maps.fitting.edge_errors import AmountErrors, BlockErrors, RowErrors, RowSet, at
from napari_xanes.maps.fitting.edge_noise import EdgeNoise
from napari_xanes.maps.fitting.edge_rivals import Rivals
from napari_xanes.maps.fitting.edge_trials import Trials
from napari_xanes.maps.fitting.parabola import Rows, highest, last_true, parabola, spread_of_bases
from napari_xanes.stack import SpectralStack

_PER_BLOCK = 64
"""About so many spectra of each block serve the mean spectrum."""

_WIDEST = 0.2
"""Share of the search range above which the error of a maximum says that there is none."""

_MOST_DOUBT = 0.15
"""A maximum whose rivals are more likely than this, all together, is no value."""


class EdgeFit:
    """Finds the edges of block after block of a stack, in flat float32 arrays with one value per pixel.

    Parameters
    ----------
    edge : EdgeLines
        The lines that normalize a spectrum; for a normalized stack they only give the noise.
    stack : SpectralStack
        The stack; only its shape, energies, quantity and noise are used here.
    energy : tuple of float
        Search range in eV.
    level : float
        Fraction of the step whose crossing is the edge energy.
    min_jump : float
        Smallest edge jump of a good pixel.
    smooth : float
        Values and slopes come from parabolas through the points within this distance in eV; see `local_quadratic`.
    noise : float, optional
        Scale of the noise; see `EdgeNoise`.
    shift : list of float, optional
        How far smoothing moves each of the three energies in eV, which is taken off, and the three errors of that.
    trials : Trials, optional
        What trials have shown beyond that: by how much noise moves the energies, and their true errors.

    Attributes
    ----------
    energies : mapping
        Values and errors (P,) of each map in eV.
    jump, jump_sigma, jump_noise : ndarray, shape (P,)
        Edge jump, its error, and the part of that which is noise.
    rough : ndarray, shape (P,)
        Noise of a point at E0, as a share of the jump.
    by_lines : ndarray, shape (P,)
        How far the error of the lines moves the edge energy, in eV.
    good, crossed : ndarray of bool, shape (P,)
        Which pixels are finite with a sufficient jump, and which of these cross the level at all.
    search_range : tuple of float
        The range that was searched, in eV.

    Raises
    ------
    ValueError
        If fewer than five energies lie in the search range.
    """

    def __init__(
        self,
        edge: EdgeLines,
        stack: SpectralStack,
        energy: tuple[float, float],
        level: float,
        min_jump: float,
        smooth: float = 0.0,
        noise: float | None = None,
        shift: list[float] | None = None,
        trials: Trials | None = None,
    ) -> None:
        self._edge, self._level, self._min_jump, self._smooth = edge, level, min_jump, smooth
        self._normalized = stack.quantity == "normalized"
        searched = search_frames(stack.energy, energy)
        axis = stack.energy[searched]
        self.search_range = float(axis[0]), float(axis[-1])
        self._offset = axis - edge.e0
        self._slopes = [weights.astype(np.float32)[:, None] for weights in three_point_slope(axis)]
        self._number: NDArray[Any] = np.arange(axis.size, dtype=np.uint8 if axis.size < 256 else np.uint32)[:, None]
        self._noise = EdgeNoise(edge, stack, searched, noise)
        self._prepare_rows(local_quadratic(stack.energy, searched, smooth), searched)
        n_pixels = int(np.prod(stack.shape[1:]))
        self.energies = {
            name: (np.full(n_pixels, np.nan, np.float32), np.full(n_pixels, np.nan, np.float32))
            for name in ("edge_energy", "derivative_maximum", "white_line")
        }
        shift = [*(shift or ()), *[0.0] * 6][:6]
        self._shift = {name: (shift[i], shift[i + 3]) for i, name in enumerate(self.energies)}
        self._trials = trials
        self._at_e0 = int(np.abs(self._offset).argmin())
        self.jump, self.jump_sigma, self.jump_noise, self.rough, self.by_lines = (
            np.full(n_pixels, np.nan, np.float32) for _ in range(5)
        )
        self.good, self.crossed = (np.zeros(n_pixels, dtype=bool) for _ in range(2))
        self._sums: list[tuple[Float64Array, int]] = []
        self.depths = DepthSample(n_pixels)

    @property
    def mean(self) -> Float64Array | None:
        """Mean spectrum (E,) of some good pixels of each block, None if there are none."""
        count = sum(n for _, n in self._sums)
        mean: Float64Array = np.sum([total for total, _ in self._sums], axis=0) / max(1, count)
        return mean if count else None

    def _prepare_rows(self, matrices: LocalQuadratic, searched: slice) -> None:
        """Prepare the values and slopes of a spectrum, and their errors."""
        self._frames, slope = matrices.frames, matrices.slope[1:-1]
        self._within = slice(searched.start - self._frames.start, searched.stop - self._frames.start)
        self._wide_offset = self._edge.energy[self._frames] - self._edge.e0
        self._smoothing = np.concatenate([matrices.value, slope]).astype(np.float32)
        columns = self._noise.columns
        columns = None if columns is None else columns[self._frames]
        self._errors = RowErrors(matrices.value, columns), RowErrors(slope, columns)
        self._kinds = tuple(
            Rows.of(axis, errors, self._smooth)
            for axis, errors in zip((self._offset, self._offset[1:-1]), self._errors, strict=True)
        )
        number = np.arange(self._offset.size)
        self._pair = RowSet(self._errors[0], (number, number, np.minimum(number + 1, number[-1])))
        self._rises = self._pair.form_of_rows((-1.0, 0.0, 1.0))
        spacing = np.gradient(self._offset)
        alone = np.minimum(1.0, spacing / (2 * self._smooth + spacing.min()))
        reach = np.maximum(2 * self._smooth, 2.5 * spacing)
        self._rivals = [
            Rivals(kind.axis, errors.own, alone[i : alone.size - i], reach[i : reach.size - i])
            for i, (kind, errors) in enumerate(zip(self._kinds, self._errors, strict=True))
        ]

    def block(self, block: Block, pixels: slice) -> None:
        """Find the edges of a block (E, P) and store the results."""
        with np.errstate(all="ignore"):
            lines = self._edge.measure(block)
            self.depths.add(block, pixels)
            good = self._edge.is_complete(block, lines) & (lines.jump > self._min_jump)
            noise = self._noise.of_block(block, lines, pixels)
            self.good[pixels], self.jump[pixels] = good, lines.jump
            of_noise = np.maximum(noise.of_jump(), self._edge.shared_error**2)
            self.jump_noise[pixels], self.jump_sigma[pixels] = np.sqrt(of_noise), np.sqrt(of_noise + lines.model**2)
            chosen = np.flatnonzero(good)
            if chosen.size == 0:
                return
            some = chosen[:: max(1, chosen.size // _PER_BLOCK)]
            self._sums.append((block[:, some].sum(axis=1, dtype=np.float64), some.size))
            raw = block[self._frames].take(chosen, axis=1)
            noise = noise.of_pixels(chosen, raw[self._within])
            self._search(raw, lines.of_pixels(chosen), noise, pixels.start + chosen)

    def _search(self, raw: Block, lines: Lines, noise: BlockErrors | AmountErrors, pixels: IndexArray) -> None:
        """Find the edges of good pixels, from the values (M, P) of their spectra that are used, and store them."""
        scale = np.ones_like(lines.jump) if self._normalized else 1 / lines.jump
        rough = np.sqrt(noise.row(np.full(pixels.size, self._at_e0))) * scale
        value, slope, top, steepest = self._searched(raw, lines)
        crossing, sigma, steepness = self._crossing(value, top, noise, scale)
        results = {
            "edge_energy": (crossing, sigma),
            "derivative_maximum": self._vertex(slope, steepest, 1, noise, scale),
            "white_line": self._vertex(value, top, 0, noise, scale),
        }
        self.rough[pixels], self.crossed[pixels] = rough, np.isfinite(crossing)
        self.by_lines[pixels] = self._level * self._edge.model_error / steepness
        for name, (offset, sigma) in results.items():
            values, errors = self.energies[name]
            moved, unlike = self._shift[name]
            by_noise, sigma = np.zeros_like(rough), np.hypot(sigma, unlike)
            if self._trials is not None:
                by_noise, sigma = self._trials.of(name, rough, sigma)
            valid = np.isfinite(offset) & np.isfinite(sigma)
            values[pixels] = np.where(valid, offset + (self._edge.e0 - moved) - by_noise, np.nan)
            errors[pixels] = np.where(valid, sigma, np.nan)

    def edges(self, block: Block) -> Float64Array:
        """Return the edge energies (P,) of normalized spectra (E, P) in eV, NaN where the level is not crossed."""
        with np.errstate(all="ignore"):
            value, _ = self._rows(block[self._frames].astype(np.float32))
            offset, *_ = self._last_crossing(value, highest(value, self._number))
        return offset + (self._edge.e0 - self._shift["edge_energy"][0])

    def positions(self, block: Block) -> dict[str, Float64Array]:
        """Return the three energies of spectra (E, P) without noise, in eV, NaN where there are none."""
        with np.errstate(all="ignore"):
            value, slope, top, steepest = self._searched(block[self._frames], self._edge.measure(block))
            crossing, *_ = self._last_crossing(value, top)
            offsets = crossing, self._vertex_of(slope, steepest, 1), self._vertex_of(value, top, 0)
        return {name: offset + self._edge.e0 for name, offset in zip(self.energies, offsets, strict=True)}

    def _searched(self, raw: Block, lines: Lines) -> tuple[Float32Array, Float32Array, IndexArray, IndexArray]:
        """Values and slopes at the searched energies, and the highest of each; slopes above the value's are no rise."""
        if self._normalized:
            mu = raw.astype(np.float32, copy=False)
        else:
            mu = self._scaled(raw, lines.low, lines.low_slope, lines.jump)
        value, slope = self._rows(mu)
        top = highest(value, self._number)
        np.copyto(slope, np.float32(-np.inf), where=self._number[1:-1] > top)
        return value, slope, top, highest(slope, self._number)

    def _scaled(self, raw: Block, low: Float64Array, slope: Float64Array, jump: Float64Array) -> Float32Array:
        """Normalized spectra at the energies that are used."""
        line = np.stack([low / jump, slope / jump]).astype(np.float32)
        design = np.stack([np.ones_like(self._wide_offset), self._wide_offset], axis=1).astype(np.float32)
        mu: Float32Array = np.multiply(raw, (1 / jump).astype(np.float32), dtype=np.float32)
        mu -= design @ line
        return mu

    def _rows(self, mu: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Smoothed values at the searched energies, and slopes at all but the first and the last."""
        if self._smooth:
            both = self._smoothing @ mu
            return both[: self._offset.size], both[self._offset.size :]
        left, middle, right = self._slopes
        slope, part = left * mu[:-2], middle * mu[1:-1]
        slope += part
        slope += np.multiply(right, mu[2:], out=part)
        return mu, slope

    def _last_crossing(
        self, mu: Float32Array, top: IndexArray
    ) -> tuple[Float64Array, IndexArray, Float64Array, Float64Array]:
        """The last crossing of the level below the maximum in eV from E0, its row, share of the step, and slope."""
        under = mu < self._level
        crosses = under[:-1] > under[1:]
        crosses &= self._number[: len(crosses)] < top
        number_after = last_true(crosses, self._number[: len(crosses)] + 1)
        i = np.maximum(number_after - 1, 0)
        below, above = at(mu, i).astype(np.float64), at(mu, i + 1).astype(np.float64)
        width = np.diff(self._offset).take(i)
        share = (self._level - below) / (above - below)
        offset = self._offset.take(i) + share * width
        return np.where(number_after == 0, np.nan, offset), i, share, (above - below) / width

    def _crossing(
        self, mu: Float32Array, top: IndexArray, noise: BlockErrors | AmountErrors, scale: Float64Array
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """The last crossing of the level below the maximum in eV from E0, its error, and the slope there per eV.

        A crossing is found where noise makes the rise steep, so the rise found is too steep by about its variance.
        """
        offset, i, share, slope = self._last_crossing(mu, top)
        own = noise.row(i)
        variance = noise.variance(self._pair, i, own, (1 - share, 0.0, share), (1.0, offset, self._level))
        rise = slope * np.diff(self._offset).take(i)
        steeper = self._rises.take(i) * own * (scale / rise) ** 2
        sigma = np.sqrt(variance * (1 + 4 * steeper)) * scale / slope
        return offset, sigma, slope

    def _vertex(
        self, rows: Float32Array, top: IndexArray, kind: int, noise: BlockErrors | AmountErrors, scale: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """The vertex of the parabola around the highest row in eV from E0, and its error.

        Rows elsewhere that noise may have kept below the highest one add to the error.
        """
        one, j = self._kinds[kind], self._middle(rows, top, kind)
        found = parabola(one, rows, j)
        offset, gradient = found.vertex, found.gradient()
        tilt: Any = 0.0
        if kind == 0:
            tilt = sum(g * one.axis[row].take(j) for g, row in zip(gradient, one.rows.rows, strict=True))
        own = noise.row(j)
        point = np.sqrt(own) * scale
        variance = noise.variance(one.rows, j, own, gradient, (0.0, tilt, 0.0)) * scale**2
        variance *= 1 + 2 * one.bends.take(j) * (point / found.bend) ** 2
        variance += spread_of_bases(one, rows, j, offset, point)
        spread, doubt = self._rivals[kind].of(rows, top, point)
        sure = (doubt < _MOST_DOUBT) & one.is_inside(top, j, offset)
        sigma = np.sqrt(variance + spread)
        sure &= sigma < _WIDEST * (self.search_range[1] - self.search_range[0])
        return np.where(sure, offset, np.nan), sigma

    def _middle(self, rows: Float32Array, top: IndexArray, kind: int) -> IndexArray:
        """The middle row of the parabola around the highest one."""
        one = self._kinds[kind]
        # The highest row is where noise puts it, the vertex of smoothed rows less so.
        return one.nearest(parabola(one, rows, one.within(top)).vertex) if self._smooth else one.within(top)

    def _vertex_of(self, rows: Float32Array, top: IndexArray, kind: int) -> Float64Array:
        """The vertex of the parabola around the highest row in eV from E0, NaN if it is at an end."""
        one, j = self._kinds[kind], self._middle(rows, top, kind)
        offset = parabola(one, rows, j).vertex
        return np.where(one.is_inside(top, j, offset), offset, np.nan)
