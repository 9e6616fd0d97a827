"""The lines below and above an edge, and the step between them.

Formulas follow the pre-edge and post-edge normalization of Athena (Ravel & Newville, J. Synchrotron Rad. 12, 537,
2005), with straight lines on both sides. Ranges are in eV relative to E0, as there. `choose_lines` says what is fitted
where the ranges are too short for a line.

Longer than 300 lines because the fit of the lines, its errors and what is subtracted share their weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.edge.elements import DECAY_EXPONENT
from napari_xanes.edge.forms import AUTOMATIC, PostForm, PreForm
from napari_xanes.edge.ranges import Range, is_left_out
from napari_xanes.edge.weights import (
    LineWeights,
    choose_forms,
    choose_lines,
    inverse_of_line,
    match_cross_section,
    spread_of_lines,
)

_ENOUGH_POINTS = 4
"""A pre-edge range of so many points gives the noise alone."""


@dataclass(frozen=True)
class EdgeLines:
    """Lines below and above an edge, to fit to many spectra at once.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Photon energies in eV.
    e0 : float
        Energy of the edge in eV.
    pre, post : tuple of float
        Ranges of the lines in eV relative to E0, ends included.
    model_error : float
        Relative error of the jump that more photons do not reduce, because spectra are not straight (`error_in`).
    left_out : tuple of float
        Energies in eV that the lines do not use.
    step : ndarray, shape (E,), optional
        Tabulated absorption of the edge (`tabulated_step`); both sides are matched to it together.
    shared_noise : float
        Standard deviation of the noise that all spectra share at an energy, in their unit (`shared_noise`).
    forms : tuple of str
        Forms of the curves below and above the edge (`fit_curves`), where they are not chosen by the ranges.

    Raises
    ------
    ValueError
        If fewer than two energies lie in a range.

    Examples
    --------
    >>> energy = np.array([8300.0, 8320, 8340, 8380, 8460])
    >>> lines = EdgeLines(energy, 8340.0, (-40, -20), (40, 120))
    >>> lines.measure(np.array([[1.0], [1], [2], [3], [3]])).jump.round(6)
    array([2.])
    """

    energy: Float64Array
    e0: float
    pre: Range
    post: Range
    model_error: float = 0.0
    left_out: tuple[float, ...] = ()
    step: Float64Array | None = None
    shared_noise: float = 0.0
    forms: tuple[PreForm, PostForm] = AUTOMATIC

    def __post_init__(self) -> None:
        for name in ("pre", "post"):
            low, high = getattr(self, name)
            count = self.energy[self._within((low, high))].size
            if count < 2:
                raise ValueError(
                    f"{name} = {low:g} to {high:g} eV from E0 = {self.e0:g} eV holds {count} of the stack's energies "
                    f"({self.energy[0]:g} to {self.energy[-1]:g} eV), but a line needs at least 2: widen {name}, "
                    "which is given in eV from E0"
                )

    @property
    def decay(self) -> float:
        """Share of the jump by which the step falls per eV, where the post-edge range is too short for a line."""
        return DECAY_EXPONENT / self.e0

    def _within(self, limits: Range) -> slice | IndexArray:
        """Return the frames in a range."""
        low, high = np.searchsorted(self.energy, (self.e0 + limits[0] - 1e-6, self.e0 + limits[1] + 1e-6))
        frames = slice(int(low), int(high))
        out = is_left_out(self.energy[frames], self.left_out)
        return frames.start + np.flatnonzero(~out) if out.any() else frames

    @cached_property
    def frames(self) -> tuple[slice | IndexArray, slice | IndexArray]:
        """The frames of both ranges."""
        return self._within(self.pre), self._within(self.post)

    @cached_property
    def _offsets(self) -> tuple[Float64Array, Float64Array]:
        """Energies of both ranges in eV from E0."""
        before, after = (self.energy[frames] - self.e0 for frames in self.frames)
        return before, after

    @cached_property
    def lines(self) -> LineWeights:
        """The lines that are fitted, by their weights."""
        if self.step is not None:
            return match_cross_section(*self._offsets, self.e0, self.step[self.frames[1]])
        if self.forms != AUTOMATIC:
            return choose_forms(*self._offsets, self.e0, *self.forms)
        return choose_lines(*self._offsets, self.e0, self.decay)

    @property
    def n_terms(self) -> int:
        """Number of the coefficients in ``Lines.terms``."""
        return 3 if self.lines.curves is None else len(self.lines.curves.weights)

    def error_in(self, spectrum: Float64Array) -> float:
        """Return the error of the jump, as a share of it, that comes from the choice of lines.

        It is the root of the sum of two squares: the error that these ranges make on measured spectra, and how much the
        admissible lines differ in this spectrum.

        Parameters
        ----------
        spectrum : ndarray, shape (E,)
            Absorption, of little noise: a mean over the stack.
        """
        noise = float(self.measure(spectrum[:, None]).noise[0])
        used = np.concatenate([spectrum[frames] for frames in self.frames])
        spread = spread_of_lines(
            self.lines, used, *self._offsets, self.e0, self.decay, noise if np.isfinite(noise) else 0.0
        )
        return float(np.hypot(self.lines.error, spread))

    def measure(self, block: NDArray[Any]) -> Lines:
        """Fit both lines to each spectrum.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns; a spectrum with NaN in a range gives NaN.

        Returns
        -------
        Lines
            Float64. The noise is estimated from the residuals of a pre-edge line if it has at least four points, else
            of lines on both sides. Where these have two points each, it is NaN, and sigma is that of the lines alone.
        """
        n_before = self._offsets[0].size
        used = np.empty((self._weights.shape[1], block.shape[1]))
        used[:n_before], used[n_before:] = (block[frames] for frames in self.frames)
        # One product for all coefficients: the spectra are read once.
        fitted = self._weights @ used
        low, low_slope, high_slope, jump = fitted[:4]
        terms = fitted[:3] if self.lines.curves is None else fitted[4 : 4 + self.n_terms]
        noise = self._noise((used[:n_before], used[n_before:]), fitted[len(fitted) - 2 * self._n_free :])
        model = self.model_error * np.abs(jump)
        sigma = np.hypot(self.error_by(noise), model) if self.knows_noise else np.where(model > 0, model, np.nan)
        return Lines(low, low_slope, high_slope, jump, noise, sigma, model, terms)

    def error_by(self, noise: Float64Array) -> Float64Array:
        """Return the standard deviation of the jump (P,) that noise of points makes, with that which spectra share."""
        error: Float64Array = np.maximum(noise, self.shared_noise) * np.linalg.norm(self.lines.matrix[3])
        return error

    def is_complete(self, block: NDArray[Any], lines: Lines) -> BoolArray:
        """Return which spectra (E, P) have a finite value at each energy; the jump tells of those that it uses."""
        complete: BoolArray = np.isfinite(lines.jump)
        for frames in self._unseen:
            complete &= np.isfinite(block[frames].sum(axis=0, dtype=np.float32))
        return complete

    @cached_property
    def _unseen(self) -> list[slice]:
        """The frames whose values have no part in the jump."""
        seen = np.zeros(self.energy.size, dtype=bool)
        weights = np.split(self.lines.matrix[3], [self._offsets[0].size])
        for frames, weight in zip(self.frames, weights, strict=True):
            seen[frames] = weight != 0
        ends = np.flatnonzero(np.diff(~seen, prepend=False, append=False)).tolist()
        return [slice(start, stop) for start, stop in zip(ends[::2], ends[1::2], strict=True)]

    @cached_property
    def _n_free(self) -> int:
        """On how many sides a line of its own gives the noise."""
        return 1 if self._offsets[0].size >= _ENOUGH_POINTS else 2

    @cached_property
    def _weights(self) -> Float64Array:
        """Weights of the points in both ranges: `LineWeights.matrix`, the terms of given forms, and the free lines."""
        curves, n_before = self.lines.curves, self._offsets[0].size
        free = np.zeros((2 * self._n_free, self.lines.matrix.shape[1]))
        free[:2, :n_before] = self._free_lines[0][0]
        free[2:, n_before:] = self._free_lines[1][0][: 2 * self._n_free - 2]
        return np.vstack([self.lines.matrix, *([] if curves is None else [curves.weights]), free])

    @property
    def knows_noise(self) -> bool:
        """Whether the ranges hold more points than their lines need, so that residuals tell the noise."""
        return sum(max(at.size - 2, 0) for at in self._offsets[: self._n_free]) > 0

    @property
    def shared_error(self) -> float:
        """Standard deviation of the jump that comes from the noise that all spectra share."""
        return self.shared_noise * float(np.linalg.norm(self.lines.matrix[3]))

    def residuals(self, block: NDArray[Any]) -> list[Float64Array]:
        """Return what spectra (E, P) differ by from a line of its own on each side, the values of each range."""
        return [
            values - design @ (weights @ values)
            for values, (weights, design) in zip(
                (block[frames].astype(np.float64) for frames in self.frames), self._free_lines, strict=True
            )
        ]

    @cached_property
    def _free_lines(self) -> list[tuple[Float64Array, Float64Array]]:
        """A line of its own for each side: the weights (2, n) of value at E0 and slope, and the design (n, 2)."""
        return [(inverse_of_line(at), np.stack([np.ones_like(at), at], axis=1)) for at in self._offsets]

    def _noise(self, ranges: tuple[Float64Array, Float64Array], free: Float64Array) -> Float64Array:
        """Return the noise of each spectrum from its points and free lines (2 or 4, P); points become residuals."""
        squares, freedom = np.zeros(free.shape[1]), 0
        for side, values in enumerate(ranges[: self._n_free]):
            values -= self._free_lines[side][1] @ free[2 * side : 2 * side + 2]
            squares += np.einsum("ep,ep->p", values, values)
            freedom += len(values) - 2
        return np.sqrt(squares / freedom) if freedom else np.full_like(squares, np.nan)

    def normalize(
        self,
        block: NDArray[Any],
        lines: Lines,
        *,
        flatten: bool = False,
        frames: slice = slice(None),
        out: Float32Array | None = None,
    ) -> Float32Array:
        """Return ``(mu - pre) / jump``; if flattened, without the slope of the post-edge line above E0.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns, or some of their energies.
        lines : Lines
            Result of `measure`, of which jump and terms are used; a jump of NaN gives a spectrum of NaN.
        flatten : bool
            Flatten as Athena does; with a tabulated step, subtract its fall.
        frames : slice
            Energies of the block.
        out : ndarray, shape (E, P), float32, optional
            Where to write.
        """
        return self.subtract(block, *self.scaled(lines), flatten=flatten, frames=frames, out=out)

    @staticmethod
    def scaled(lines: Lines) -> tuple[Float32Array, Float32Array]:
        """Return 1 over the jump (P,), and the terms (T, P) over the jump, as `subtract` takes them."""
        scale = 1 / lines.jump
        return scale.astype(np.float32), (lines.terms * scale).astype(np.float32)

    def subtract(
        self,
        block: NDArray[Any],
        scale: Float32Array,
        terms: Float32Array,
        *,
        flatten: bool = False,
        frames: slice = slice(None),
        out: Float32Array | None = None,
    ) -> Float32Array:
        """Do as `normalize`, with what `scaled` returns in place of lines."""
        offset = self.energy[frames] - self.e0
        design = self._design(offset, flatten=flatten).astype(np.float32)
        out = np.multiply(block, scale, out=out, dtype=np.float32)
        out -= design @ terms[: design.shape[1]]
        if flatten and self.step is not None:
            out -= np.where(offset > 0, self.step[frames] - 1, 0).astype(np.float32)[:, None]
        return out

    def _design(self, offset: Float64Array, *, flatten: bool) -> Float64Array:
        """Return the functions (E, T) whose sum, times the terms of `Lines`, is subtracted from spectra."""
        if self.lines.curves is not None:
            return self.lines.curves.design(offset, flatten=flatten)
        if not flatten or self.step is not None:
            return np.stack([np.ones_like(offset), offset], axis=1)
        above = offset > 0
        return np.stack([np.ones_like(offset), np.where(above, 0, offset), np.where(above, offset, 0)], axis=1)


class Lines(NamedTuple):
    """Results of `EdgeLines.measure`, each (P,): pre-edge line at E0, slopes per eV, jump, noise, sigma of the jump.

    ``model`` is the part of sigma that comes from the lines, not from noise. ``terms`` (T, P) are the coefficients of
    what is subtracted: ``low, low_slope, high_slope``, or those of the forms that were chosen.
    """

    low: Float64Array
    low_slope: Float64Array
    high_slope: Float64Array
    jump: Float64Array
    noise: Float64Array
    sigma: Float64Array
    model: Float64Array
    terms: Float64Array

    def of_pixels(self, chosen: IndexArray) -> Lines:
        """Return the lines of some of the spectra."""
        return Lines(*(part.take(chosen, axis=-1) for part in self))
