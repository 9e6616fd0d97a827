"""Which other spectra fit as well: the bands of rotational ambiguity.

If ``S A`` fits, so does ``(S M) (M^-1 A)`` for every invertible M; only those M count that leave spectra and amounts
non-negative (Lawton & Sylvestre, Technometrics 13, 617, 1971). Every M is a chain of simple steps that mix one spectrum
into another: ``S_k + t S_j`` with ``A_j - t A_k``. How far a step may go follows from the first value that becomes
negative. So a random walk of such steps goes through all solutions, and the ends of its steps are the bands. As
MCR-BANDS does (Tauler, J. Chemom. 15, 627, 2001), the solutions with the largest and smallest amounts are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.unmixing import Mixture

_ROUNDS = 200
"""So many times each spectrum is mixed into each other one."""

_SIGMAS = 4.0
"""Values that are negative by less than this many of their standard errors may be 0."""

_FARTHEST = 30.0
"""Largest element of the matrices M: what lies farther away is a difference of spectra that are nearly the same."""


class Bands(NamedTuple):
    """Range of the spectra that fit as well, ``low`` and ``high`` (E, K), and matrices (Q, K, K) of the solutions with
    the largest and smallest amounts: spectra are ``S M``."""

    low: Float64Array
    high: Float64Array
    turns: Float64Array


def ambiguity_of(
    mixture: Mixture,
    spectra_sigma: Float64Array,
    amounts_sigma: Float64Array,
    pixel_noise: Float64Array,
    *,
    n_fixed: int = 0,
    closure: bool = False,
    seed: int = 0,
) -> Bands:
    """Return the range of non-negative solutions that fit as well.

    Parameters
    ----------
    mixture : Mixture
        Spectra (E, K) and amounts (K, N) that fit; amounts with their noise, which may be negative.
    spectra_sigma : ndarray, shape (E, K)
        Standard errors of the spectra.
    amounts_sigma : ndarray, shape (K,)
        Standard errors of the amounts in a typical pixel.
    pixel_noise : ndarray, shape (N,)
        Noise of each pixel over that of a typical one.
    n_fixed : int
        So many of the first spectra are known.
    closure : bool
        Whether the amounts of a pixel have the sum 1; else spectra have the mean that they have now.
    seed : int
        For the random walk.

    Returns
    -------
    Bands
        Low and high are the spectra themselves where nothing else fits.
    """
    walk = _Walk(mixture, (spectra_sigma, amounts_sigma, pixel_noise), closure)
    count, rng = mixture.spectra.shape[1], np.random.default_rng(seed)
    pairs = [(k, j) for k in range(n_fixed, count) for j in range(count) if j != k]
    for _ in range(_ROUNDS if pairs else 0):
        for index in rng.permutation(len(pairs)):
            k, j = pairs[index]
            walk.step(k, j, float(rng.uniform()))
    return Bands(walk.low, walk.high, walk.turns())


class _Walk:
    """A solution that mixes its spectra at random, and what it has met."""

    def __init__(
        self, mixture: Mixture, sigmas: tuple[Float64Array, Float64Array, Float64Array], closure: bool
    ) -> None:
        self.spectra, self.amounts = (np.array(part) for part in mixture)
        self._sigma_spectra, self._sigma_amounts, pixels = sigmas
        # One standard error is left free everywhere, so that a value that is negative by chance stops nothing.
        found = self.amounts / (self._sigma_amounts[:, None] * pixels)
        self._pixels = pixels * np.maximum(_SIGMAS, 1 - found.min(axis=0))
        self._energies = np.maximum(_SIGMAS, 1 - (self.spectra / self._sigma_spectra).min(axis=1))
        self._closure, count = closure, self.spectra.shape[1]
        self.low, self.high = self.spectra.copy(), self.spectra.copy()
        self._turn, self._back, self._sizes = np.eye(count), np.eye(count), self.spectra.mean(axis=0)
        totals = self.amounts.mean(axis=1)
        self._least = [(float(total), self._turn) for total in totals]
        self._most = list(self._least)

    def step(self, k: int, j: int, where: float) -> None:
        """Mix spectrum j into spectrum k, at a place from 0 to 1 between the farthest steps either way."""
        low, high = self._reach(k, j)
        for amount in (low, high):
            self._note(k, j, amount)
        amount = low + where * (high - low)
        scale = self._scale(k, j, amount)
        if not 1 / _FARTHEST < scale < _FARTHEST:
            return
        turn, back = self._turned(k, j, amount, scale), self._back.copy()
        back[j] -= amount * back[k]
        back[k] /= scale
        if max(np.abs(turn).max(), np.abs(back).max()) > _FARTHEST:
            return
        self._turn, self._back = turn, back
        self.spectra[:, k] = (self.spectra[:, k] + amount * self.spectra[:, j]) * scale
        self.amounts[j] -= amount * self.amounts[k]
        self.amounts[k] /= scale

    def turns(self) -> Float64Array:
        """Return the solutions with the smallest and the largest amount of each spectrum, (2 K, K, K)."""
        return np.array([turn for pair in zip(self._least, self._most, strict=True) for _, turn in pair])

    def _reach(self, k: int, j: int) -> tuple[float, float]:
        """Return the most negative and the largest amount of spectrum j that spectrum k may take."""
        spectrum, amounts = self.spectra[:, j], self.amounts[k]
        room = self.spectra[:, k] + self._energies * np.sqrt(self._sigma_spectra**2 @ self._turn[:, k] ** 2)
        space = self.amounts[j] + self._pixels * np.sqrt(self._back[j] ** 2 @ self._sigma_amounts**2)
        low = max(_largest(-room, spectrum, 1), _largest(space, amounts, -1))
        high = min(-_largest(room, spectrum, -1), -_largest(-space, amounts, 1))
        # A spectrum does not lose more than nearly all of itself.
        means = self.spectra[:, [k, j]].mean(axis=0)
        least = -0.95 * (1.0 if self._closure else float(means[0] / max(means[1], 1e-300)))
        return min(max(low, least), 0.0), max(min(high, _FARTHEST), 0.0)

    def _scale(self, k: int, j: int, amount: float) -> float:
        if self._closure:
            return 1 / max(1 + amount, 1e-6)
        mean = float(self.spectra[:, k].mean() + amount * self.spectra[:, j].mean())
        return float(self._sizes[k]) / mean if mean > 0 else np.inf

    def _turned(self, k: int, j: int, amount: float, scale: float) -> Float64Array:
        turn = self._turn.copy()
        turn[:, k] = (turn[:, k] + amount * turn[:, j]) * scale
        return turn

    def _note(self, k: int, j: int, amount: float) -> None:
        """Keep a solution at the end of a step, where it goes farther than all before."""
        scale = self._scale(k, j, amount)
        if not 1 / _FARTHEST < scale < _FARTHEST:
            return
        spectrum = (self.spectra[:, k] + amount * self.spectra[:, j]) * scale
        np.minimum(self.low[:, k], spectrum, out=self.low[:, k])
        np.maximum(self.high[:, k], spectrum, out=self.high[:, k])
        mean = float(self.amounts[k].mean())
        for number, total in ((k, mean / scale), (j, float(self.amounts[j].mean()) - amount * mean)):
            if total < self._least[number][0]:
                self._least[number] = (total, self._turned(k, j, amount, scale))
            if total > self._most[number][0]:
                self._most[number] = (total, self._turned(k, j, amount, scale))


def _largest(values: Float64Array, slopes: Float64Array, sign: int) -> float:
    """Return the largest of values over slopes of one sign; minus infinity if there are none."""
    chosen = slopes * sign > 0
    return float((values[chosen] / slopes[chosen]).max()) if chosen.any() else -np.inf
