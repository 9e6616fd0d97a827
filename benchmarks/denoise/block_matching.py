"""Block matching with collaborative filtering, of images whose noise differs from pixel to pixel.

Written for this benchmark after Dabov et al., IEEE Trans. Image Process. 16 (2007), 2080: groups of like patches are
transformed together, small coefficients are dropped, and a second pass uses the first one as a guess (Wiener filter).
The authors' own package `bm3d` is free for non-commercial use only, so it is no dependency here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

PATCH, STEP, REACH, STRIDE, GROUP = 8, 4, 10, 2, 16
"""Width of a patch, distance of the patches that groups are made for, how far and in what steps like ones are looked
for, and size of a group."""

_THRESHOLD = 2.7  # standard errors of a coefficient


def block_matching(image: Image, sigma: Image, strength: float = 1.0) -> Image:
    """Remove noise from an image.

    Parameters
    ----------
    image, sigma : array, shape (Y, X)
        The image and the standard deviation of its noise.
    strength : float
        Factor on `sigma`.
    """
    noise = (strength * sigma).astype(np.float32)
    first = _filtered(image.astype(np.float32), noise, None)
    return _filtered(image.astype(np.float32), noise, first)


def _filtered(image: Image, sigma: Image, guess: Image | None) -> Image:
    """Filter all groups: by a threshold, or by a Wiener filter if there is a guess."""
    rows, columns, offsets = _like_patches(image if guess is None else guess, sigma)
    windows = np.lib.stride_tricks.sliding_window_view
    places = rows[:, None] + offsets[..., 0], columns[:, None] + offsets[..., 1]
    groups = _transformed(windows(image, (PATCH, PATCH))[places])
    variance = windows(sigma**2, (PATCH, PATCH))[places].mean(axis=(1, 2, 3))[:, None, None, None]
    if guess is None:
        kept = np.abs(groups) > _THRESHOLD * np.sqrt(variance)
        kept[:, 0, 0, 0] = True
        groups = groups * kept
        weight = 1 / (variance[:, 0, 0, 0] * kept.sum(axis=(1, 2, 3)))
    else:
        power = _transformed(windows(guess, (PATCH, PATCH))[places]) ** 2
        gain = power / (power + variance)
        groups = groups * gain
        weight = 1 / (variance[:, 0, 0, 0] * np.maximum((gain**2).sum(axis=(1, 2, 3)), 1e-3))
    patches = _transformed(groups, back=True)
    return _assembled(image.shape, places, patches, weight)


def _assembled(
    shape: tuple[int, ...], places: tuple[NDArray[np.intp], NDArray[np.intp]], patches: Image, weight: Image
) -> Image:
    """Return the weighted mean of overlapping patches (G, N, P, P) in an image."""
    inner = np.arange(PATCH)
    row = places[0][..., None, None] + inner[:, None]
    column = places[1][..., None, None] + inner
    pixel = (row * shape[1] + column).ravel()
    shares = np.broadcast_to(weight[:, None, None, None], patches.shape).ravel()
    total = np.bincount(pixel, shares, shape[0] * shape[1])
    values = np.bincount(pixel, shares * patches.ravel(), shape[0] * shape[1])
    return (values / np.maximum(total, 1e-30)).reshape(shape).astype(np.float32)


def _like_patches(image: Image, sigma: Image) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the corners of the patches (G,) (G,), and for each the offsets to the patches most like it (G, N, 2)."""
    from scipy.ndimage import gaussian_filter, uniform_filter

    height, width = image.shape
    starts = [np.unique([*range(0, n - PATCH + 1, STEP), n - PATCH]) for n in (height, width)]
    rows, columns = (grid.ravel() for grid in np.meshgrid(*starts, indexing="ij"))
    smooth = gaussian_filter(image / np.maximum(sigma, 1e-6), 1.0)
    shifts = np.arange(-REACH, REACH + 1, STRIDE)
    offsets = np.array([(dy, dx) for dy in shifts for dx in shifts])
    distance = np.empty((len(offsets), len(rows)), np.float32)
    for number, (dy, dx) in enumerate(offsets):
        square = (smooth - np.roll(smooth, (-dy, -dx), axis=(0, 1))) ** 2
        # The filter is centred: its value at a corner plus half a patch is that of the patch.
        mean = uniform_filter(square, PATCH)
        distance[number] = mean[rows + PATCH // 2, columns + PATCH // 2]
        y, x = rows + dy, columns + dx
        outside = (y < 0) | (x < 0) | (y > height - PATCH) | (x > width - PATCH)
        distance[number, outside] = np.inf
    best = np.argpartition(distance, GROUP - 1, axis=0)[:GROUP]
    order = np.take_along_axis(distance, best, axis=0).argsort(axis=0)
    return rows, columns, offsets[np.take_along_axis(best, order, axis=0).T]


def _transformed(groups: Image, *, back: bool = False) -> Image:
    """Return the orthonormal cosine transform of groups (G, N, P, P) along the group and both sides of the patches."""
    from scipy.fft import dctn, idctn

    result: Image = (idctn if back else dctn)(groups.astype(np.float32), axes=(1, 2, 3), norm="ortho")
    return result
