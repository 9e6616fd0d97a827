"""Signals of pixels that are sums of a few spectra, but for a bend that no sum of spectra has."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array

_MOST_SPECTRA, _MORE = 5, 3
"""Pixels are sums of at most so many spectra: drift and frames that are not aligned look like more. A faint bend must
also be there if they are sums of some more."""

_NOISE_ALONE, _CLEARLY_MORE, _EXPLAINED = 1.12, 1.25, 0.25
"""Largest singular value of what spectra leave, over that of noise: at most so much if that is noise, at least so much
if it is not; without the bend, at most this share of what was above 1 stays."""

_CLEAR = 6.0
"""The bend is so many times its standard error."""

_ALIKE = 1.5
"""Amounts of a second spectrum scatter by at most so many times their noise, for the same amount of the first."""

_STEPS, _HALVINGS = 12, 6
"""So many sizes of the bend are tried, up to the largest that there can be; the interval is halved so often."""

_NO_NOISE = 1e-12
"""Added to noise, so that signals without any can be divided by it."""


class Law(NamedTuple):
    """How something bends a signal.

    Parameters
    ----------
    bend : callable
        What a small bend of size 1 takes from a signal.
    undone : callable
        The signal without a bend of a size, from the signal with it and the size.
    largest : callable
        The largest size that a bend of signals (E, P) can have.
    """

    bend: Callable[[Float64Array], Float64Array]
    undone: Callable[[Float64Array, float], Float64Array]
    largest: Callable[[Float64Array], float]


class _Bend(NamedTuple):
    """The size of a bend, that over its standard error, and what is left of signals: its size over that of noise."""

    size: float
    clear: float
    left: float


def size_of_bend(seen: Float64Array, law: Law) -> float | None:
    """Find the size of a bend without which signals are sums of few spectra; None if it is not clear.

    Parameters
    ----------
    seen : ndarray, shape (E, P)
        Finite signals of pixels.
    law : Law
        What bends them.

    Examples
    --------
    >>> square = Law(np.square, lambda seen, size: seen / (1 - size * seen), lambda seen: 0.6 / float(seen.max()))
    >>> true = np.where(np.arange(50) < 25, 0.5, 1.4)[:, None] * np.linspace(0.2, 1, 400)
    >>> noise = 0.002 * np.random.default_rng(0).standard_normal(true.shape)
    >>> round(size_of_bend(true / (1 + 0.1 * true) + noise, square), 2), size_of_bend(true + noise, square)
    (0.1, None)
    """
    most = min(_MOST_SPECTRA, len(seen) // 3)
    sums = _SumsOfSpectra(seen, law, most + _MORE)
    bend_of = cache(sums.bend)
    enough = next((count for count in range(1, most + 1) if bend_of(count).left < _NOISE_ALONE), None)
    if enough is None:
        return None
    if all(bend_of(count).clear > _CLEAR for count in range(enough, enough + _MORE + 1)):
        size = _solved(seen, law, enough, most + _MORE, _NOISE_ALONE)
        if size is not None:
            return size
    # A strong bend looks like more spectra, which are not needed if it is taken away.
    for count in range(enough - 1, 0, -1):
        bend = bend_of(count)
        if bend.left > _CLEARLY_MORE and bend.clear > _CLEAR and (count > 1 or sums.are_alike()):
            left = min(_CLEARLY_MORE, 1 + _EXPLAINED * (bend.left - 1))
            size = _solved(seen, law, count, most + _MORE, left)
            if size is not None:
                return size
    return None


def _solved(seen: Float64Array, law: Law, count: int, most: int, left: float) -> float | None:
    """The size of the bend without which signals (E, P) are sums of so many spectra, but for what may be left."""

    def rest(size: float) -> _Bend:
        return _SumsOfSpectra(law.undone(seen, size), law, most).bend(count)

    sizes = law.largest(seen) * (np.arange(_STEPS + 1) / _STEPS) ** 1.5
    high = next((step for step in range(1, _STEPS + 1) if rest(float(sizes[step])).size <= 0), None)
    if high is None:
        return None
    below, above = float(sizes[high - 1]), float(sizes[high])
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        below, above = (below, middle) if rest(middle).size <= 0 else (middle, above)
    size = (below + above) / 2
    undone = _SumsOfSpectra(law.undone(seen, size), law, most)
    if undone.bend(count).left >= left:
        return None
    # A composition that follows thickness looks bent with few spectra alone. Signals that were not bent are bent the
    # other way when a bend is undone, and sums of more spectra show it.
    return size if all(undone.bend(count + more).clear > -_CLEAR for more in range(1, _MORE + 1)) else None


class _SumsOfSpectra:
    """Signals (E, P) over their noise, as sums of spectra times amounts.

    Parameters
    ----------
    signal : ndarray, shape (E, P)
        Of pixels.
    law : Law
        What may bend them.
    most : int
        The noise of energies and of pixels is what so many spectra leave.
    """

    def __init__(self, signal: Float64Array, law: Law, most: int) -> None:
        self._law = law
        self._weights, self._of_pixels = np.ones_like(signal), np.ones(signal.shape[1])
        for _ in range(3):
            weighted = signal * self._weights
            spectra = _principal(weighted)[:, -most:]
            left = weighted - spectra @ (spectra.T @ weighted)
            # Spectra take noise away, most where it is large.
            free = np.maximum(1 - np.sum(spectra**2, axis=1, keepdims=True), 0.05)
            of_energies = np.sqrt(np.mean(left**2, axis=1, keepdims=True) / free) + _NO_NOISE
            of_pixels = np.sqrt(np.mean((left / of_energies) ** 2, axis=0, keepdims=True)) + _NO_NOISE
            self._weights /= of_energies * of_pixels
            self._of_pixels /= of_pixels[0]
        self._weighted = signal * self._weights
        self._spectra = _principal(self._weighted)
        self._signs = np.random.default_rng(0).choice([-1.0, 1.0], signal.shape)

    def are_alike(self) -> bool:
        """Whether pixels differ in thickness alone: the amount of the second spectrum follows from that of the first.

        Without this, few amounts and much noise, which grows where light is taken away, look like one spectrum, too.
        """
        second, first = self._spectra[:, -2:].T @ self._weighted / self._of_pixels
        columns = np.vander(first / np.abs(first).max(), 5)
        weight = self._of_pixels
        fitted = columns @ np.linalg.lstsq(columns * weight[:, None], second * weight, rcond=None)[0]
        return 1.4826 * float(np.median(np.abs(second - fitted) * weight)) < _ALIKE

    def bend(self, count: int) -> _Bend:
        """Measure the bend in what sums of so many spectra leave, whatever these spectra and amounts are."""
        spectra = self._spectra[:, -count:]
        amounts = spectra.T @ self._weighted
        sums = spectra @ amounts
        left = self._weighted - sums
        bend = self._law.bend(sums / self._weights) * self._weights
        bend -= spectra @ (spectra.T @ bend)
        pixels = np.linalg.qr(amounts.T)[0]
        bend -= (bend @ pixels) @ pixels.T
        squares = float(np.sum(bend**2))
        error = float(np.sqrt(np.sum((left * bend) ** 2)))
        # Noise has no signs.
        size, noise = _largest(left), _largest(left * self._signs)
        if not (squares > 0 and error > 0 and noise > 0):
            return _Bend(0.0, 0.0, np.inf)
        explained = -float(np.sum(left * bend))
        return _Bend(explained / squares, explained / error, size / noise)


def _principal(values: Float64Array) -> Float64Array:
    """The principal spectra (E, E) of pixels (E, P), the largest last."""
    vectors: Float64Array = np.linalg.eigh(values @ values.T)[1]
    return vectors


def _largest(values: Float64Array) -> float:
    """The largest singular value."""
    return float(np.sqrt(max(np.linalg.eigvalsh(values @ values.T)[-1], 0.0)))
