"""Where two images lie that share a strip, to a fraction of a pixel, by least squares on the gradients.

Lucas and Kanade, IJCAI 1981, 674. A Fourier transform would need a wider strip.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.overlap import boxes
from napari_xanes.registration.resampling import moved_back
from napari_xanes.registration.white_noise import white_noise

FINE, WIDE = 0.8, 4.0
"""Widths of the Gaussians along a strip between which structures count, in pixels."""

_BLOCKS, _STEPS, _FARTHEST = 16, 6, 3


class StripFit(NamedTuple):
    """How much farther the second image lies, (y, x) in pixels, standard errors, and how both agree in the strip.

    ``parts``, over how many blocks along the strip what both show is spread; ``misfit``, mean square of the differences
    over that of the noise.
    """

    position: Float64Array
    sigma: Float64Array
    correlation: float
    parts: float
    misfit: float
    size: tuple[int, int]


def refined(
    first: NDArray[np.floating], second: NDArray[np.floating], offset: IndexArray, axis: int
) -> StripFit | None:
    """Return the place to a fraction of a pixel, its errors and the size of the strip."""
    noise = [float(np.hypot(white_noise(a), white_noise(b))) or 1.0 for a, b in zip(first, second, strict=True)]
    first, second = (
        np.array([image / np.float32(s) for image, s in zip(some, noise, strict=True)]) for some in (first, second)
    )
    place, found = offset.astype(np.float64), None
    for _ in range(_STEPS):
        step = _step(first, second, place, axis)
        if step is None:
            return None
        place = place + np.clip(step.position, -0.5, 0.5)
        if (np.abs(place - offset) > _FARTHEST).any():
            return None
        found = step._replace(position=place)
        if np.abs(step.position).max() < 1e-3:
            break
    return found


def _smooth_along(image: NDArray[np.floating], along: int) -> Float32Array:
    values = ndimage.gaussian_filter1d(filled(image), FINE, along)
    values -= ndimage.gaussian_filter1d(values, WIDE, along)
    return np.where(np.isfinite(image), values, np.nan).astype(np.float32)


def _step(first: NDArray[np.floating], second: NDArray[np.floating], place: Float64Array, axis: int) -> StripFit | None:
    """Compare both at a place; None if their gradients have nothing in common."""
    whole = np.round(place).astype(int)
    found = boxes((first.shape[1], first.shape[2]), (second.shape[1], second.shape[2]), whole)
    if found is None:
        return None
    size = (found[0][0].stop - found[0][0].start, found[0][1].stop - found[0][1].start)
    # On the grid of the first: content of the second lies (whole - place) from it.
    fraction = whole - place
    moved = np.array([moved_back(image, fraction) for image in second]) if fraction.any() else second
    first, mine = _along_what_is_shared(first, found[0], 1 - axis)
    moved, other = _along_what_is_shared(moved, found[1], 1 - axis)
    slopes = np.array([_mean_gradient(a, b, mine, other) for a, b in zip(first, moved, strict=True)])
    own, its = slopes[:, :, 0], slopes[:, :, 1]
    apart = first[:, *mine] - moved[:, *other]
    both = np.where(np.isfinite(own) & np.isfinite(its), 0.5 * (own + its), np.where(np.isfinite(own), own, its))
    known = np.isfinite(apart) & np.isfinite(both).all(axis=1)
    if known.sum() < _BLOCKS:
        return None
    weighted = np.where(known[:, None], both * apart[:, None], 0).sum(axis=0)
    sums = np.array([part.sum(axis=(1, 2)) for part in np.array_split(weighted, _BLOCKS, axis=2 - axis)])
    seen = known & np.isfinite(own).all(axis=1) & np.isfinite(its).all(axis=1)
    cross = np.einsum("maxy,mbxy->ab", np.where(seen[:, None], own, 0), np.where(seen[:, None], its, 0))
    # Noise of both gradients is independent, so their product holds what both show.
    bend = 0.5 * (cross + cross.T) * known.sum() / max(1, seen.sum())
    if np.linalg.det(bend) <= 0 or np.trace(bend) <= 0:
        return None
    inverse = np.linalg.inv(bend)
    # Where the second lies farther by a move m, it shows S(x + m), and the difference is -m S'.
    move = -inverse @ sums.sum(axis=0)
    product = np.where(known, first[:, *mine] * moved[:, *other], 0).sum(axis=0)
    parts = np.array([part.sum() for part in np.array_split(product, _BLOCKS, axis=1 - axis)])
    return StripFit(
        move,
        np.sqrt(np.diag(inverse @ _spread(sums, own, its, seen, 1 - axis) @ inverse)),
        _correlation(first[:, *mine], moved[:, *other]),
        float(parts.sum()) ** 2 / max(float((parts**2).sum()), 1e-300),
        float((apart[known].astype(np.float64) ** 2).mean()) / _noise_left(),
        size,
    )


@cache
def _noise_left() -> float:
    """Return the variance of white noise of unit variance in what is compared."""
    middle = np.eye(1, 101, 50)[0]
    smooth = ndimage.gaussian_filter1d(middle, FINE)
    return float(((smooth - ndimage.gaussian_filter1d(smooth, WIDE)) ** 2).sum())


def _spread(sums: Float64Array, own: Float32Array, its: Float32Array, seen: BoolArray, along: int) -> Float64Array:
    """Return the covariance of the sums over blocks along the strip, each seen from the others.

    A block that holds most of the gradients follows its own noise (MacKinnon and White, J. Econometrics 29 (1985) 305).
    """
    steep = np.where(seen[:, None], 0.5 * (own**2 + its**2), 0).sum(axis=(0, 1))
    shares = np.array([float(part.sum()) for part in np.array_split(steep, _BLOCKS, axis=along)])
    shares = shares / max(float(steep.sum()), 1e-300)
    apart = sums / (1 - np.minimum(shares, 0.9))[:, None]
    return np.asarray(apart.T @ apart)


def _correlation(first: Float32Array, second: Float32Array) -> float:
    """Return the correlation of images without a mean, over all pixels that both have."""
    known = np.isfinite(first) & np.isfinite(second)
    a, b = first[known].astype(np.float64), second[known].astype(np.float64)
    return float((a * b).sum()) / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-300)


def _along_what_is_shared(
    images: NDArray[np.floating], box: tuple[slice, slice], along: int
) -> tuple[Float32Array, tuple[slice, slice]]:
    """Return images (M, Y, X) that reach as far along the strip as both do, filtered along it, and the strip in them.

    So both are filtered alike at the ends of the strip. A pixel at each end is left out, which the other may lack.
    """
    part = slice(box[along].start + 1, box[along].stop - 1)
    cut = (slice(None), slice(None), part) if along == 1 else (slice(None), part)
    whole = slice(0, max(0, part.stop - part.start))
    strip = (box[0], whole) if along == 1 else (whole, box[1])
    return np.array([_smooth_along(image, along) for image in images[cut]]), strip


def _mean_gradient(
    first: Float32Array, second: Float32Array, mine: tuple[slice, slice], other: tuple[slice, slice]
) -> Float32Array:
    """Return the gradients (2 axes, 2 images, Y, X) in the strip; NaN where a neighbour is missing."""
    return np.array(
        [
            [_central(image, axis)[box] for image, box in ((first, mine), (second, other))]
            for axis in (0, 1)
        ]
    )  # fmt: skip


def _central(image: Float32Array, axis: int) -> Float32Array:
    """Return central differences; NaN at the border."""
    values = np.moveaxis(np.full(image.shape, np.nan, np.float32), axis, 0)
    along = np.moveaxis(image, axis, 0)
    values[1:-1] = 0.5 * (along[2:] - along[:-2])
    return np.moveaxis(values, 0, axis)
