"""Light that passed beside the sample, or that it does not absorb, and counts that a busy detector has lost.

A share b of such light (holes smaller than a pixel, harmonics, scattering) makes -ln((1 - b) exp(-d) + b) of a depth d;
a detector that is busy for a time t after each count makes y / (1 + t y) of a rate y. One pixel does not tell it. But
signals of many pixels are sums of a few spectra times the amounts in each pixel, and no such sum has the bend
``exp(d) - 1``, or ``y^2``, that all of them have then. So neither references nor an edge are needed, and pixels may
differ in composition. Where all are thin, or of one thickness, nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.edge.bent_sums import Law, size_of_bend
from napari_xanes.stack import SpectralStack

_FEWEST, _FEWEST_ENERGIES = 200, 12
"""So many pixels and energies are needed."""

_MOST = 2048
"""At most so many pixels of a stack are looked at."""

_TOLD = 0.05
"""If jumps are too small by a smaller share, nothing is said."""


def _depth_beside(depth: Float64Array, share: float) -> Float64Array:
    """The depth without a share of light beside the sample; a large one where there can't be so much."""
    left: Float64Array = -np.log(np.maximum((np.exp(-depth) - share) / (1 - share), 1e-4))
    return left


def _most_light(depth: Float64Array) -> float:
    """Nearly all pixels have more light than this, and the noise of most does not grow much without it."""
    return float(min(0.6 * np.exp(-np.median(depth)), 0.99 * np.exp(-np.quantile(depth, 0.995))))


_LIGHT = Law(lambda depth: np.expm1(depth.clip(-1, 8)), _depth_beside, _most_light)
_BUSY = Law(
    np.square,
    lambda rate, time: rate / np.maximum(1 - time * rate, 0.05),
    lambda rate: 0.6 / max(float(np.quantile(rate, 0.995)), 1e-30),
)


class Flattened(NamedTuple):
    """The ``share`` of light that the sample did not absorb, or of counts that the brightest pixels have lost.

    ``too_small`` says by how much jumps of thick pixels are too small, as a share of them.
    """

    share: float
    too_small: float


def find_stray_light(depth: Block) -> Flattened | None:
    """Find the share of light beside the sample without which the depths of pixels are sums of few spectra.

    Parameters
    ----------
    depth : ndarray, shape (E, P)
        Optical depth of pixels.

    Returns
    -------
    Flattened or None
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
    return _flattened(depth, _LIGHT, lambda _, share: share)


def find_lost_counts(rate: Block) -> Flattened | None:
    """Find the share of counts lost in the brightest pixels without which fluorescence is a sum of few spectra.

    Parameters
    ----------
    rate : ndarray, shape (E, P)
        Fluorescence of pixels, in any unit.

    Returns
    -------
    Flattened or None
        None where nothing is sure.

    Examples
    --------
    >>> true = np.where(np.arange(50) < 25, 0.1, 1.1)[:, None] * np.linspace(0.2, 1, 400)
    >>> counts = np.random.default_rng(0).poisson(20000 * true / (1 + 0.1 * true))
    >>> found = find_lost_counts(counts)
    >>> round(found.share, 1), round(found.too_small, 1)
    (0.1, 0.1)
    """
    return _flattened(rate, _BUSY, lambda seen, time: time * float(np.quantile(seen, 0.99)))


def _flattened(values: Block, law: Law, share: Callable[[Float64Array, float], float]) -> Flattened | None:
    """The bend of signals (E, P), in words of `Flattened`; None where it is not sure, or makes little of jumps.

    `share` takes the finite signals and the size of the bend.
    """
    seen = np.asarray(values[:, np.isfinite(values).all(axis=0)], dtype=np.float64)
    if seen.shape[0] < _FEWEST_ENERGIES or seen.shape[1] < _FEWEST:
        return None
    size = size_of_bend(seen, law)
    if size is None:
        return None
    # The mean of thick pixels rises by the edge.
    mean = seen.mean(axis=0)
    thick = seen[:, mean > np.median(mean)]
    too_small = 1 - float(np.ptp(thick.mean(axis=1)) / np.ptp(law.undone(thick, size).mean(axis=1)))
    return Flattened(share(seen, size), too_small) if too_small > _TOLD else None


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
        """Say by how much jumps are too small if light passed beside the sample, or counts were lost.

        Parameters
        ----------
        stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
            The whole stack. Nothing is said but of optical depth and fluorescence with their noise.
        """
        if stack.quantity not in ("optical_depth", "fluorescence") or "denoise" in stack.metadata or not self._parts:
            return []
        spectra = np.concatenate([block for _, block in sorted(self._parts, key=lambda part: part[0])], axis=1)
        if stack.quantity == "fluorescence":
            return _on_lost_counts(find_lost_counts(spectra))
        return _on_stray_light(find_stray_light(spectra))


def _on_stray_light(found: Flattened | None) -> list[str]:
    if found is None:
        return []
    return [
        "thick pixels have smaller edge jumps than those of thin ones let expect, as if "
        f"{found.share:.0%} of the light had not met the sample (holes, harmonics, scattering; or they are of "
        f"another composition): edge jumps and amounts would be {found.too_small:.0%} too small. Measure thinner "
        "samples, and check the dark, harmonics, and the exposures of images and flats"
    ]


def _on_lost_counts(found: Flattened | None) -> list[str]:
    if found is None:
        return []
    return [
        "bright pixels have smaller edge jumps than those of dim ones let expect, as if the brightest had lost "
        f"{found.share:.0%} of their counts (dead time, self-absorption in thick places; or they are of another "
        f"composition): edge jumps and amounts would be {found.too_small:.0%} too small. Run correct_dead_time, or "
        "measure with less light or thinner samples"
    ]


def told_about_stray_light(stack: SpectralStack) -> list[str]:
    """Say what a `DepthSample` of a stack in memory says; nothing of a lazy stack, which would be read once more.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Nothing is said but of optical depth and fluorescence with their noise.
    """
    if stack.is_lazy:
        return []
    sample = DepthSample(int(np.prod(stack.shape[1:])))
    sample.add(stack.data.reshape(stack.energy.size, -1), slice(None))
    return sample.told(stack)
