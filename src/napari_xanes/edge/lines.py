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
    """A normalized spectrum (E,), its edge jump, E0 in eV, and the ranges of the two lines in eV from E0."""

    mu: Float64Array
    jump: float
    e0: float
    pre: Range
    post: Range


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
            count = self.energy[self._within((low, high))].size
            if count < 2:
                raise ValueError(
                    f"{name} = {low:g} to {high:g} eV from E0 = {self.e0:g} eV holds {count} of the stack's energies "
                    f"({self.energy[0]:g} to {self.energy[-1]:g} eV), but a line needs at least 2: widen {name}, "
                    "which is given in eV from E0"
                )

    def _within(self, limits: Range) -> slice:
        """Return the frames in a range."""
        low, high = np.searchsorted(self.energy, (self.e0 + limits[0] - 1e-6, self.e0 + limits[1] + 1e-6))
        return slice(int(low), int(high))

    @cached_property
    def _sides(self) -> list[tuple[slice, Float64Array, Float64Array]]:
        """Frames of each line, its design matrix (n, 2) of value at E0 and slope, and its pseudo-inverse (2, n)."""
        sides = []
        for limits in (self.pre, self.post):
            frames = self._within(limits)
            offset = self.energy[frames] - self.e0
            design = np.stack([np.ones_like(offset), offset], axis=1)
            sides.append((frames, design, np.asarray(np.linalg.pinv(design), dtype=np.float64)))
        return sides

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Variances of the pre-edge and the post-edge line at E0, for noise of variance 1."""
        first, second = (float(np.sum(weights[0] ** 2)) for _, _, weights in self._sides)
        return first, second

    def measure(self, block: NDArray[Any]) -> Lines:
        """Fit both lines to each spectrum.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns; a spectrum with NaN in a range gives NaN.

        Returns
        -------
        Lines
            Float64. The noise is estimated from the residuals of the pre-edge line if it has at least four points, else
            of both lines.
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
        """Return ``(mu - pre) / jump``; if flattened, without the slope of the post-edge line above E0.

        Parameters
        ----------
        block : ndarray, shape (E, P)
            Spectra in columns, or some of their energies.
        lines : Lines
            Result of `measure`; a jump of NaN gives a spectrum of NaN.
        flatten : bool
            Flatten as Athena does.
        frames : slice
            Energies of the block.
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
    """Results of `EdgeLines.measure`, each (P,): pre-edge line at E0, slopes per eV, jump, noise, sigma of the jump."""

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
        Energy of the edge in eV; by default that of `find_e0`.
    pre, post : tuple of float, optional
        Ranges of the two lines in eV relative to E0; see `default_ranges`.
    flatten : bool
        Remove the slope of the post-edge line.
    near : float, optional
        Tabulated energy for `find_e0`.

    Raises
    ------
    ValueError
        If there is no edge, too few points on one side of it, or the jump is not positive.

    Examples
    --------
    >>> energy = np.arange(8280.0, 8450.0)
    >>> normalized = normalize_mu(energy, 3 + 2 * (energy > 8343), e0=8343)
    >>> round(normalized.jump, 6), normalized.mu.round(6)[[0, -1]].tolist()
    (2.0, [0.0, 1.0])
    """
    axis, values = checked_energy(energy, what="normalize_mu"), np.asarray(mu, dtype=np.float64)
    e0 = find_e0(axis, values, near=near) if e0 is None else float(e0)
    default_pre, default_post = default_ranges(axis, e0) if pre is None or post is None else (pre, post)
    edge = EdgeLines(axis, e0, pre or default_pre, post or default_post)
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
    """Normalize a spectrum by `normalize_mu`; ``normalized``, ``e0`` and ``edge_jump`` are added to its metadata.

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
        normalized = normalize_mu(spectrum.energy, spectrum.mu, e0, pre, post, near=near)
    except ValueError as error:
        raise ValueError(f"spectrum {spectrum.name!r}: {error}") from None
    metadata = {**spectrum.metadata, "normalized": True, "e0": normalized.e0, "edge_jump": round(normalized.jump, 12)}
    sigma = None if spectrum.sigma is None else spectrum.sigma / normalized.jump
    return replace(spectrum, mu=normalized.mu, sigma=sigma, metadata=metadata)
