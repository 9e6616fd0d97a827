"""Noise of a fluorescence stack from the elements of its detector: they count the same sample at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.computing import frames_of

if TYPE_CHECKING:
    from napari_xanes.stack import SpectralStack

_LEAST_PIXELS = 20


@dataclass(frozen=True)
class ElementNoise:
    """Noise of the sum of detector elements.

    Parameters
    ----------
    variance : ndarray, shape (E,)
        Variance of the sum in a pixel, mean over the pixels, in the unit of the sum squared.
    sigma : ndarray, shape (E,)
        Standard error of `variance`.
    mean : ndarray, shape (E,)
        Mean of the sum over the same pixels.
    n_pixels : int
        Pixels that have finite values at all energies.
    """

    variance: Float64Array
    sigma: Float64Array
    mean: Float64Array
    n_pixels: int


class _Shares(NamedTuple):
    """What share of the sum each of K elements has: ``of_pixel`` (K, P) over all energies, ``mean`` (K,)."""

    of_pixel: Float64Array
    mean: Float64Array
    totals: Float64Array
    is_used: BoolArray


def element_noise(elements: Sequence[SpectralStack]) -> ElementNoise:
    """Return the noise of the sum of detector elements from the differences between them, without any model of it.

    Parameters
    ----------
    elements : sequence of SpectralStack
        The same map by each element of the detector: equal shapes and energies. ``metadata["elements"]`` of a stack of
        X-ray fluorescence names them where its files keep them apart.

    Returns
    -------
    ElementNoise
        One variance for each energy.

    Raises
    ------
    ValueError
        If there are fewer than two elements, they are not of one scan, or too few pixels have finite values.

    Notes
    -----
    Of N photons in all elements, element k counts a share ``w_k``, with the variance ``w_k (1 - w_k) N`` around it: the
    photons choose among elements (multinomial distribution). So ``sum_k (n_k - w_k n)**2 / w_k`` has the mean ``(K - 1)
    N``, and the scale of the values, a gain or I0, comes with it. What changes the sum itself, such as a beam that
    flickers or a sample that moves, is in no difference, and not counted as noise.

    Shares differ from pixel to pixel, because the sample shades elements, and from energy to energy, because a busy
    element misses photons; the product of both is taken out. A share that is learned from all energies follows the
    noise of each by its part of the photons, which is divided out again.

    Examples
    --------
    >>> from napari_xanes import SpectralStack
    >>> rng = np.random.default_rng(1)
    >>> counts = rng.poisson(100, (4, 10, 30, 30))
    >>> found = element_noise([SpectralStack(image, 7100.0 + np.arange(10), "fluorescence") for image in counts])
    >>> bool((abs(found.variance - 400) < 4 * found.sigma).all())
    True
    """
    _check(elements)
    shares = _shares(elements)
    variance, sigma, mean = (np.empty(elements[0].energy.size) for _ in range(3))
    frames = zip(*(frames_of(stack.data) for stack in elements), strict=True)
    for i, images in enumerate(frames):
        values = np.array([image.ravel()[shares.is_used] for image in images], np.float64)
        of_pixels = _variances(values, shares)
        variance[i], sigma[i] = of_pixels.mean(), of_pixels.std() / np.sqrt(of_pixels.size)
        mean[i] = values.sum(axis=0).mean()
    return ElementNoise(variance, sigma, mean, int(shares.is_used.sum()))


def _check(elements: Sequence[SpectralStack]) -> None:
    if len(elements) < 2:
        raise ValueError(f"{len(elements)} detector element: differences take two or more; give each as a stack")
    first = elements[0]
    for stack in elements[1:]:
        if stack.shape != first.shape or not np.array_equal(stack.energy, first.energy):
            raise ValueError(f"{stack!r} and {first!r} differ in shape or energies; give the elements of one scan")


def _shares(elements: Sequence[SpectralStack]) -> _Shares:
    """Return the share of each element in the sum over the energies, of the pixels that are finite in all frames."""
    n_pixels = int(np.prod(elements[0].shape[1:]))
    sums = np.zeros((len(elements), n_pixels))
    for total, stack in zip(sums, elements, strict=True):
        for image in frames_of(stack.data):
            total += image.ravel()
    is_used: BoolArray = np.asarray(np.isfinite(sums).all(axis=0))
    sums = sums[:, is_used]
    total = sums.sum()
    if is_used.sum() < _LEAST_PIXELS or not total > 0:
        raise ValueError(
            f"{int(is_used.sum())} of {n_pixels} pixels have finite values in all elements, with the sum {total:g}; "
            f"the noise takes {_LEAST_PIXELS} pixels and positive values: crop to where the detector counted"
        )
    mean = np.maximum(sums.sum(axis=1) / total, 1e-6)
    totals = sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_pixel = np.where(totals > 0, np.clip(sums / totals, 0, 1), mean[:, None])
    if elements[0].energy.size == 1:
        of_pixel = np.broadcast_to(mean[:, None], of_pixel.shape)
    return _Shares(of_pixel, mean, totals, is_used)


def _variances(values: Float64Array, shares: _Shares) -> Float64Array:
    """Return an estimate of the variance of the sum in each pixel (P,) from one frame of all elements (K, P)."""
    whole = values.sum(axis=0)
    expected = shares.of_pixel * whole
    # An element that is busy at this energy counts less in all pixels.
    factor = values.sum(axis=1) / np.maximum(expected.sum(axis=1), 1e-300)
    share = shares.of_pixel * factor[:, None]
    share /= np.maximum(share.sum(axis=0), 1e-300)
    squares = ((values - share * whole) ** 2 / shares.mean[:, None]).sum(axis=0)
    freedom = (share * (1 - share) / shares.mean[:, None]).sum(axis=0)
    learned = np.clip(whole.sum() / shares.totals.sum(), 0, 0.9)
    is_alone = shares.of_pixel.strides[1] == 0
    result: Float64Array = squares / np.maximum(freedom, 1e-12) / (1 if is_alone else 1 - learned)
    return result
