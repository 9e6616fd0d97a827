"""Light that passed beside the sample, or that it does not absorb: thick pixels absorb less than their thickness says.

A share b of such light (holes smaller than a pixel, harmonics, scattering) makes -ln((1 - b) exp(-d) + b) of a depth d.
One pixel does not tell it. But depths of many pixels are sums of a few spectra times the amounts in each pixel, and no
such sum has the bend ``exp(d) - 1`` that this light gives to all of them. So neither references nor an edge are needed,
and pixels may differ in composition. Where all are thin, or of one thickness, nothing is told.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.stack import SpectralStack

_FEWEST, _FEWEST_ENERGIES = 200, 12
"""So many pixels and energies are needed."""

_MOST = 2048
"""At most so many pixels of a stack are looked at."""

_MOST_SPECTRA, _MORE = 5, 3
"""Pixels are sums of at most so many spectra: drift and frames that are not aligned look like more. A faint bend must
also be there if they are sums of some more."""

_NOISE_ALONE, _CLEARLY_MORE, _EXPLAINED = 1.12, 1.25, 0.25
"""Largest singular value of what spectra leave, over that of noise: at most so much if that is noise, at least so much
if it is not; without the light, at most this share of what was above 1 stays."""

_CLEAR = 6.0
"""The bend is so many times its standard error."""

_ALIKE = 1.5
"""Amounts of a second spectrum scatter by at most so many times their noise, for the same amount of the first."""

_STEPS, _HALVINGS = 12, 6
"""So many shares of light are tried, up to the largest that there can be; the interval is halved so often."""

_TOLD = 0.05
"""If jumps are too small by a smaller share, nothing is said."""


class StrayLight(NamedTuple):
    """The ``share`` of light that the sample did not absorb, and by how much jumps are too small as a share of them."""

    share: float
    too_small: float


class _Bend(NamedTuple):
    """A share of light, that over its standard error, and what is left of depths: its size over that of noise."""

    share: float
    clear: float
    left: float


def find_stray_light(depth: Block) -> StrayLight | None:
    """Find the share of light beside the sample without which the depths of pixels are sums of few spectra.

    Parameters
    ----------
    depth : ndarray, shape (E, P)
        Optical depth of pixels.

    Returns
    -------
    StrayLight or None
        None where nothing is sure.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> thick, spectrum = np.linspace(0.2, 1, 400), np.where(np.arange(50) < 25, 0.5, 1.4)[:, None]
    >>> noise = 0.01 * rng.standard_normal((50, 400))
    >>> found = find_stray_light(-np.log(0.8 * np.exp(-spectrum * thick) + 0.2) + noise)
    >>> round(found.share, 2), round(found.too_small, 2)
    (0.2, 0.36)
    >>> find_stray_light(spectrum * thick + noise)
    """
    seen = np.asarray(depth[:, np.isfinite(depth).all(axis=0)], dtype=np.float64)
    if seen.shape[0] < _FEWEST_ENERGIES or seen.shape[1] < _FEWEST:
        return None
    share = _share(seen, min(_MOST_SPECTRA, len(seen) // 3))
    if share is None:
        return None
    # The mean of thick pixels rises by the edge.
    mean = seen.mean(axis=0)
    thick = seen[:, mean > np.median(mean)]
    too_small = 1 - float(np.ptp(thick.mean(axis=1)) / np.ptp(_undone(thick, share).mean(axis=1)))
    return StrayLight(share, too_small) if too_small > _TOLD else None


def _share(seen: Float64Array, most: int) -> float | None:
    """The share of light in depths (E, P), sums of at most so many spectra and its bend; None if it is not clear."""
    depths = _SumsOfSpectra(seen, most + _MORE)
    bends = [depths.bend(count) for count in range(1, most + _MORE + 1)]
    enough = next((count for count, bend in enumerate(bends[:most], 1) if bend.left < _NOISE_ALONE), None)
    if enough is None:
        return None
    if all(bend.clear > _CLEAR for bend in bends[enough - 1 : enough + _MORE]):
        share = _solved(seen, enough, most + _MORE, _NOISE_ALONE)
        if share is not None:
            return share
    # A strong bend looks like more spectra, which are not needed if it is taken away.
    for count in range(enough - 1, 0, -1):
        bend = bends[count - 1]
        if bend.left > _CLEARLY_MORE and bend.clear > _CLEAR and (count > 1 or depths.are_alike()):
            share = _solved(seen, count, most + _MORE, min(_CLEARLY_MORE, 1 + _EXPLAINED * (bend.left - 1)))
            if share is not None:
                return share
    return None


def _solved(seen: Float64Array, count: int, most: int, left: float) -> float | None:
    """The share of light without which depths (E, P) are sums of so many spectra, but for what may be left."""
    # Nearly all pixels have some more light, and the noise of most may not grow much.
    largest = min(0.6 * np.exp(-np.median(seen)), 0.99 * np.exp(-np.quantile(seen, 0.995)))

    def rest(share: float) -> _Bend:
        return _SumsOfSpectra(_undone(seen, share), most).bend(count)

    low, high = 0.0, None
    for step in range(1, _STEPS + 1):
        share = float(largest * (step / _STEPS) ** 1.5)
        bend = rest(share)
        if bend.share <= 0:
            high = share
            break
        low = share
    if high is None:
        return None
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        bend = rest(share)
        low, high = (low, share) if bend.share <= 0 else (share, high)
    return (low + high) / 2 if bend.left < left else None


def _undone(depth: Float64Array, share: float) -> Float64Array:
    """The depth without a share of light beside the sample; a large one where there can't be so much."""
    left: Float64Array = -np.log(np.maximum((np.exp(-depth) - share) / (1 - share), 1e-4))
    return left


class _SumsOfSpectra:
    """Depths (E, P) over their noise, as sums of spectra times amounts.

    Parameters
    ----------
    depth : ndarray, shape (E, P)
        Optical depth.
    most : int
        The noise of energies and of pixels is what so many spectra leave.
    """

    def __init__(self, depth: Float64Array, most: int) -> None:
        self._weights, self._of_pixels = np.ones_like(depth), np.ones(depth.shape[1])
        for _ in range(3):
            weighted = depth * self._weights
            spectra = _principal(weighted)[:, -most:]
            left = weighted - spectra @ (spectra.T @ weighted)
            # Spectra take noise away, most where it is large.
            free = np.maximum(1 - np.sum(spectra**2, axis=1, keepdims=True), 0.05)
            of_energies = np.sqrt(np.mean(left**2, axis=1, keepdims=True) / free) + _NO_NOISE
            of_pixels = np.sqrt(np.mean((left / of_energies) ** 2, axis=0, keepdims=True)) + _NO_NOISE
            self._weights /= of_energies * of_pixels
            self._of_pixels /= of_pixels[0]
        self._weighted = depth * self._weights
        self._spectra = _principal(self._weighted)
        self._signs = np.random.default_rng(0).choice([-1.0, 1.0], depth.shape)

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
        bend = np.expm1((sums / self._weights).clip(-1, 8)) * self._weights
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


_NO_NOISE = 1e-12
"""Added to noise, so that depths without any can be divided by it."""


def _principal(values: Float64Array) -> Float64Array:
    """The principal spectra (E, E) of pixels (E, P), the largest last."""
    vectors: Float64Array = np.linalg.eigh(values @ values.T)[1]
    return vectors


def _largest(values: Float64Array) -> float:
    """The largest singular value."""
    return float(np.sqrt(max(np.linalg.eigvalsh(values @ values.T)[-1], 0.0)))


class DepthSample:
    """Spectra of some pixels of a stack, the same ones whatever the blocks.

    Parameters
    ----------
    n_pixels : int
        Number of pixels of the stack.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> depth = np.where(np.arange(50) < 25, 0.5, 1.4)[:, None] * np.linspace(0.2, 1, 400)
    >>> for share in (0, 0.2):
    ...     sample = DepthSample(400)
    ...     seen = -np.log((1 - share) * np.exp(-depth) + share)
    ...     sample.add(seen + 0.01 * rng.standard_normal((50, 400)), slice(400))
    ...     told = sample.told(SpectralStack(np.zeros((50, 20, 20)), np.arange(50.0) + 7000, "optical_depth"))
    ...     print([text.partition(" of the light")[0][-3:] for text in told])
    []
    ['20%']
    """

    def __init__(self, n_pixels: int) -> None:
        self._chosen = np.zeros(n_pixels, dtype=bool)
        self._chosen[np.random.default_rng(0).choice(n_pixels, min(n_pixels, _MOST), replace=False)] = True
        self._parts: list[tuple[int, Block]] = []

    def add(self, block: Block, pixels: slice | IndexArray) -> None:
        """Add some of the spectra (E, P) of a block, whose pixels have these numbers."""
        columns = np.flatnonzero(self._chosen[pixels])
        if columns.size:
            first = (pixels.start or 0) if isinstance(pixels, slice) else int(pixels[0])
            self._parts.append((first, block[:, columns]))

    def told(self, stack: SpectralStack) -> list[str]:
        """Say by how much jumps are too small if light passed beside the sample.

        Parameters
        ----------
        stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
            The whole stack. Nothing is said but of optical depth with its noise.
        """
        if stack.quantity != "optical_depth" or "denoise" in stack.metadata:
            return []
        parts = [block for _, block in sorted(self._parts, key=lambda part: part[0])]
        found = find_stray_light(np.concatenate(parts, axis=1)) if parts else None
        if found is None:
            return []
        return [
            "thick pixels have smaller edge jumps than those of thin ones let expect, as if "
            f"{found.share:.0%} of the light had not met the sample (holes, harmonics, scattering; or they are of "
            f"another composition): edge jumps and amounts would be {found.too_small:.0%} too small. Measure thinner "
            "samples, and check the dark, harmonics, and the exposures of images and flats"
        ]


def told_about_stray_light(stack: SpectralStack) -> list[str]:
    """Say what a `DepthSample` of a stack in memory says; nothing of a lazy stack, which would be read once more.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Nothing is said but of optical depth with its noise.
    """
    if stack.is_lazy:
        return []
    sample = DepthSample(int(np.prod(stack.shape[1:])))
    sample.add(stack.data.reshape(stack.energy.size, -1), slice(None))
    return sample.told(stack)
