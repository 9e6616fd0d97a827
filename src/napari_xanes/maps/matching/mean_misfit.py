"""Misfit of mean spectra of a stack to a library, as a function of energy offset and broadening."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array, IndexArray
from napari_xanes.maps.matching.l_edge_model_error import theory_squares, white_variance
from napari_xanes.maps.matching.low_rank_library import low_rank
from napari_xanes.theory.library.conventions import AXIS_STEP
from napari_xanes.theory.library.model import Library

NARROWEST, WIDEST = 0.1, 2.0
"""Limits of the broadening in eV."""

_FWHM = 2 * np.sqrt(2 * np.log(2))


_FITS_NOTHING = 0.15
"""Means of larger squares belong to no member: noise, or what is not of this element. They tell no charge."""


@dataclass(frozen=True)
class MeanMisfit:
    """The misfit of G mean spectra to M members of a library.

    Parameters
    ----------
    library : Library
        The library.
    rows : ndarray of int, shape (M,)
        Rows of the members that are compared.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    background : ndarray, shape (E, F)
        Orthonormal columns that span the background.
    means : ndarray, shape (E, G)
        Mean spectra of unit length, without background.
    weights : ndarray, shape (G,)
        Weight of each mean spectrum.
    """

    library: Library
    rows: IndexArray
    energy: Float64Array
    background: Float64Array
    means: Float64Array
    weights: Float64Array
    _broadened: dict[float, Float32Array] = field(default_factory=dict, init=False)

    def squares(self, offset: float, width: float) -> Float64Array:
        """Return the squared residual of each mean with each member, shape (G, M), as a share of the mean's square."""
        components, weights = self._components(offset, width)
        norms = np.sqrt(np.einsum("me,me->m", *[weights @ components] * 2))
        cosines = (weights @ (components @ self.means)).T / np.maximum(norms, 1e-12)
        result: Float64Array = 1 - np.maximum(cosines, 0) ** 2
        return result

    def unit_members(self, offset: float, width: float) -> tuple[Float64Array, Float64Array]:
        """Return the members without background, of unit length, shape (M, E), and their lengths (M,)."""
        components, weights = self._components(offset, width)
        members = (weights @ components).astype(np.float64)
        norms = np.maximum(np.linalg.norm(members, axis=1), 1e-12)
        return members / norms[:, None], norms

    def _components(self, offset: float, width: float) -> tuple[Float32Array, Float32Array]:
        """Components of the library without background (K, E), and their weights in the members (M, K)."""
        reduced = low_rank(self.library)
        if width not in self._broadened:
            self._broadened[width] = _broaden(reduced.components.spectra, width)
        broadened, axis = self._broadened[width], reduced.components.energy
        zero = reduced.components.table["offset"][0] + offset
        position = np.clip((self.energy - zero - axis[0]) / AXIS_STEP, 0, axis.size - 1.001)
        lower = position.astype(np.intp)
        fraction = (position - lower).astype(np.float32)
        components = broadened[:, lower] * (1 - fraction) + broadened[:, lower + 1] * fraction
        components -= ((components @ self.background) @ self.background.T).astype(np.float32)
        weights: Float32Array = reduced.weights[self.rows]
        return components, weights

    def total(self, offset: float, width: float) -> float:
        """Return the weighted sum of the misfits of all means, each with its best member."""
        return float(self.weights @ self.squares(offset, width).min(axis=1))

    def minimum(self, offsets: Float64Array, widths: tuple[float, ...], width: float | None) -> tuple[float, float]:
        """Return the offset and width of least misfit in eV, from a grid search and a refinement within its range.

        Parameters
        ----------
        offsets : ndarray, shape (N,)
            Offsets to start from, in order. A single offset is kept.
        widths : tuple of float
            Widths to start from.
        width : float, optional
            Width to keep, instead of searching one.
        """
        starts = widths if width is None else (width,)
        table = np.array([[self.total(offset, start) for offset in offsets] for start in starts])
        i, j = np.unravel_index(int(table.argmin()), table.shape)
        limits = float(offsets[0]), float(offsets[-1])
        return self._refined(float(offsets[j]), float(starts[i]), limits, free_width=width is None)

    def _refined(
        self, offset: float, width: float, limits: tuple[float, float], *, free_width: bool
    ) -> tuple[float, float]:
        """Offset and width at the nearest minimum: a pattern search whose steps are halved where none helps."""
        low, high = limits
        nearby = replace(self, rows=self._neighbouring_members(offset, width))
        least, step, factor = nearby.total(offset, width), 0.1, 1.25
        while step > 0.004:
            moves = [(move, 1.0) for move in (-step, step) if low <= offset + move <= high]
            moves += [(0.0, scale) for scale in (1 / factor, factor)] if free_width else []
            points = [(offset + move, width * scale) for move, scale in moves if NARROWEST <= width * scale <= WIDEST]
            trials = [(nearby.total(*point), *point) for point in points]
            if trials and min(trials)[0] < least:
                least, offset, width = min(trials)
            else:
                step, factor = step / 2, factor**0.5
        return offset, width

    def _neighbouring_members(self, offset: float, width: float) -> IndexArray:
        """Rows of the best members and of their neighbours in 10Dq."""
        best = self.rows[self.squares(offset, width).argmin(axis=1)]
        ten_dq = self.library.column("ten_dq")
        neighbours: set[int] = set()
        for track in self.library.tracks:
            for row in np.intersect1d(track, best):
                close = (np.abs(ten_dq[track] - ten_dq[row]) <= 0.25) | (track == row)
                neighbours.update(track[close].tolist())
        return np.array(sorted(neighbours), dtype=np.intp)

    def ambiguous_charges(self, offsets: Float64Array, offset: float, width: float, ratio: float) -> list[float]:
        """Return the charges that can be mistaken for each other, because the theory misfits or the axis may be off.

        All means of one charge are taken together. They may have another charge if that fits them, at an offset that
        fits the other means too. It fits if its squares are larger by at most the allowance.

        Parameters
        ----------
        offsets : ndarray, shape (N,)
            Offsets that are possible, in eV.
        offset, width : float
            The best offset and width in eV.
        ratio : float
            The allowance is (ratio - 1) times the squared misfit of the theory, and three standard errors of the noise.
        """
        charge = self.library.table["charge"][self.rows]
        charges = np.unique(charge[np.isfinite(charge)])
        squares = self.squares(offset, width)
        fits = squares.min(axis=1) < _FITS_NOTHING
        if not fits.all() and fits.any():
            fitted = replace(self, means=self.means[:, fits], weights=self.weights[fits])
            return fitted.ambiguous_charges(offsets, offset, width, ratio)
        least, best = squares.min(axis=1), self.rows[squares.argmin(axis=1)]
        nearest = self.library.table["charge"][best]
        allowance = self.weights * self._allowance(least, best, offset, width, ratio)
        ambiguous: set[float] = set()
        for trial_offset in offsets:
            squares = self.squares(float(trial_offset), width)
            increase = self.weights * (squares.min(axis=1) - least)
            for best_charge in charges:
                group = nearest == best_charge
                if not group.any() or increase[~group].sum() > allowance[~group].sum():
                    continue
                for trial_charge in charges[charges != best_charge]:
                    alternative = squares[np.ix_(group, charge == trial_charge)].min(axis=1)
                    if self.weights[group] @ (alternative - least[group]) <= allowance[group].sum():
                        ambiguous |= {float(best_charge), float(trial_charge)}
        return sorted(ambiguous)

    def _allowance(
        self, least: Float64Array, best: IndexArray, offset: float, width: float, ratio: float
    ) -> Float64Array:
        """By how much other members may fit each mean worse than the best ones, in squares, (G,)."""
        fitted = self.library.at(self.energy, broadening=width, shift=offset, rows=best).T
        fitted -= self.background @ (self.background.T @ fitted)
        scale = np.einsum("eg,eg->g", fitted, self.means) / np.einsum("eg,eg->g", fitted, fitted)
        white = white_variance(self.means - scale * fitted)
        freedom = max(self.energy.size - self.background.shape[1] - 3, 1)
        theory = theory_squares(least, white, freedom)
        # Mixtures of charges misfit by more than the theory does: no mean has more than a typical misfit.
        order = np.argsort(theory)
        half = np.searchsorted(np.cumsum(self.weights[order]), 0.5 * self.weights.sum())
        typical = theory[order[min(half, order.size - 1)]]
        result: Float64Array = (ratio - 1) * np.minimum(theory, typical) + 9 * white
        return result


def _broaden(spectra: Float32Array, width: float) -> Float32Array:
    """Convolve spectra with a Gaussian of full width `width` in eV, on the library's energy axis."""
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    n = next_fast_len(spectra.shape[1] + 64, real=True)
    transfer = np.exp(-2 * (np.pi * rfftfreq(n, AXIS_STEP) * width / _FWHM) ** 2).astype(np.float32)
    padded = np.pad(spectra, ((0, 0), (0, n - spectra.shape[1])), mode="edge")
    broad: Float32Array = irfft(rfft(padded, axis=1) * transfer, n, axis=1)[:, : spectra.shape[1]]
    return broad
