"""The lines below and above an edge, and the step between them.

Formulas follow the pre-edge and post-edge normalization of Athena (Ravel & Newville, J. Synchrotron Rad. 12, 537,
2005), with straight lines on both sides. Ranges are in eV relative to E0, as there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.edge.position import Range, default_ranges, find_e0, tabulated_e0
from napari_xanes.spectrum import Spectrum, checked_energy


class Normalized(NamedTuple):
    """A normalized spectrum (E,) and what normalized it: its jump, E0 in eV, ranges in eV from E0."""

    mu: Float64Array
    jump: float
    e0: float
    pre: Range
    post: Range


@dataclass(frozen=True)
class EdgeLines:
    """The lines below and above an edge, ready to be fitted to many spectra at once.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Photon energies in eV.
    e0 : float
        Energy of the edge in eV.
    pre, post : tuple of float
        Ranges of the lines in eV relative to E0, ends included.

    Raises
    ------
    ValueError
        If fewer than two energies lie in a range.

    Examples
    --------
    >>> energy = np.array([8300.0, 8320, 8340, 8380, 8400])
    >>> lines = EdgeLines(energy, 8340.0, (-40, -20), (40, 60))
    >>> lines.measure(np.array([[1.0], [1], [2], [3], [3]])).jump
    array([2.])
    """

    energy: Float64Array
    e0: float
    pre: Range
    post: Range

    def __post_init__(self) -> None:
        for name in ("pre", "post"):
            low, high = getattr(self, name)
            found = self.energy[self._within((low, high))].size
            if found < 2:
                raise ValueError(
                    f"{name} = {low:g} to {high:g} eV from E0 = {self.e0:g} eV holds {found} of the stack's energies "
                    f"({self.energy[0]:g} to {self.energy[-1]:g} eV), but a line needs at least 2: widen {name}, "
                    "which counts from E0"
                )

    def _within(self, limits: Range) -> slice:
        low, high = np.searchsorted(self.energy, (self.e0 + limits[0] - 1e-6, self.e0 + limits[1] + 1e-6))
        return slice(int(low), int(high))

    @cached_property
    def _sides(self) -> list[tuple[slice, Float64Array, Float64Array]]:
        """Per side its frames, its design (n, 2) of value at E0 and slope, and the weights (2, n) that fit it."""
        sides = []
        for limits in (self.pre, self.post):
            frames = self._within(limits)
            offset = self.energy[frames] - self.e0
            design = np.stack([np.ones_like(offset), offset], axis=1)
            sides.append((frames, design, np.asarray(np.linalg.pinv(design), dtype=np.float64)))
        return sides

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Variance of the pre-edge and the post-edge line at E0, for noise of variance 1."""
        first, second = (float(np.sum(weights[0] ** 2)) for _, _, weights in self._sides)
        return first, second

    def measure(self, block: NDArray[Any]) -> Lines:
        """Fit both lines to each spectrum.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns; one with NaN in a range gets NaN.

        Returns
        -------
        Lines
            Float64. The noise is that of the residuals of the pre-edge line, where it has four points, else of both.
        """
        fits: list[Float64Array] = []
        squares: list[Float64Array] = []
        free: list[int] = []
        for frames, design, weights in self._sides:
            values = block[frames].astype(np.float64)
            fit = weights @ values
            fits.append(fit)
            if not squares or free[0] < 2:
                values -= design @ fit
                squares.append(np.einsum("ep,ep->p", values, values))
                free.append(values.shape[0] - 2)
        freedom = sum(free)
        noise = np.sqrt(sum(squares) / freedom) if freedom else np.full(block.shape[1], np.nan)
        (low, low_slope), (high, high_slope) = fits
        jump = high - low
        return Lines(low, low_slope, high_slope, jump, noise, noise * np.sqrt(sum(self.variances)))

    def normalize(
        self, block: NDArray[Any], lines: Lines, *, flatten: bool = False, frames: slice = slice(None)
    ) -> NDArray[np.float32]:
        """``(mu - pre) / jump``; flattened, the post-edge line's slope is taken out above E0.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns, or some of their energies.
        lines : Lines
            What `measure` found; a jump of NaN gives a spectrum of NaN.
        flatten : bool
            Flatten as Athena does.
        frames : slice
            Which energies are in the block.
        """
        scale = 1 / lines.jump
        offset = (self.energy[frames] - self.e0).astype(np.float32)
        design = np.stack([np.ones_like(offset), offset, np.zeros_like(offset)], axis=1)
        if flatten:
            above = offset > 0
            design[above, 2], design[above, 1] = offset[above], 0
        line = np.stack([lines.low, lines.low_slope, lines.high_slope])
        terms = 3 if flatten else 2
        out: NDArray[np.float32] = np.multiply(block, scale.astype(np.float32), dtype=np.float32)
        out -= design[:, :terms] @ (line[:terms] * scale).astype(np.float32)
        return out


class Lines(NamedTuple):
    """What `EdgeLines.measure` finds, all (P,): the pre-edge line at E0, slopes per eV, jump, noise and jump's
    sigma."""

    low: Float64Array
    low_slope: Float64Array
    high_slope: Float64Array
    jump: Float64Array
    noise: Float64Array
    sigma: Float64Array


def normalize_mu(
    energy: ArrayLike,
    mu: ArrayLike,
    e0: float | None = None,
    pre: Range | None = None,
    post: Range | None = None,
    *,
    flatten: bool = False,
    near: float | None = None,
) -> Normalized:
    """Normalize one spectrum to 0 below and 1 above its edge.

    Parameters
    ----------
    energy, mu : array_like, shape (E,)
        Photon energies in eV and absorption.
    e0 : float, optional
        Energy of the edge in eV; found by `find_e0`.
    pre, post : tuple of float, optional
        Ranges of the two lines in eV relative to E0; see `default_ranges`.
    flatten : bool
        Take the slope of the post-edge line out.
    near : float, optional
        Where `find_e0` looks.

    Raises
    ------
    ValueError
        If there is no edge, too few points on a side of it, or the jump is not positive.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> made = normalize_mu(energy, 3 + 2 * (energy > 8343), e0=8343)
    >>> round(made.jump, 6), made.mu.round(6)[[0, -1]].tolist()
    (2.0, [0.0, 1.0])
    """
    axis, values = checked_energy(energy, what="normalize_mu"), np.asarray(mu, dtype=np.float64)
    e0 = find_e0(axis, values, near=near) if e0 is None else float(e0)
    wide = default_ranges(axis, e0) if pre is None or post is None else (pre, post)
    edge = EdgeLines(axis, e0, pre or wide[0], post or wide[1])
    lines = edge.measure(values[:, None])
    jump = float(lines.jump[0])
    if not jump > 0:
        raise ValueError(
            f"the step at E0 = {e0:g} eV is {jump:.3g}, so there is nothing to normalize to; "
            f"check e0 and the ranges pre = {edge.pre}, post = {edge.post}"
        )
    offset = axis - e0
    slope = np.where(flatten & (offset > 0), lines.high_slope[0], lines.low_slope[0])
    return Normalized((values - lines.low[0] - slope * offset) / jump, jump, e0, edge.pre, edge.post)


def normalize_spectrum(
    spectrum: Spectrum, *, e0: float | None = None, pre: Range | None = None, post: Range | None = None
) -> Spectrum:
    """The spectrum normalized by `normalize_mu`, with ``normalized``, ``e0`` and ``edge_jump`` in its metadata.

    Raises
    ------
    ValueError
        As in `normalize_mu`; the message names the spectrum.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> normalize_spectrum(Spectrum("Ni", energy, 2.0 * (energy > 8343))).metadata["edge_jump"]
    2.0
    """
    near = tabulated_e0(spectrum.metadata.get("element"), spectrum.metadata.get("edge"))
    try:
        made = normalize_mu(spectrum.energy, spectrum.mu, e0, pre, post, near=near)
    except ValueError as error:
        raise ValueError(f"spectrum {spectrum.name!r}: {error}") from None
    metadata = {**spectrum.metadata, "normalized": True, "e0": made.e0, "edge_jump": round(made.jump, 12)}
    sigma = None if spectrum.sigma is None else spectrum.sigma / made.jump
    return replace(spectrum, mu=made.mu, sigma=sigma, metadata=metadata)
