"""Images of stacks that tell where they lie, and the noise of frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array
from napari_xanes.computing import computed
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.registration.white_noise import white_noise
from napari_xanes.spreading import spread
from napari_xanes.stack import SpectralStack

MOST_FRAMES = 12
"""Most frames that are read to compare two stacks: more take long and tell what is known already."""


_KEPT_BYTES = 1 << 30
"""Bytes of frames that are kept of all lazy stacks together while they are compared."""


class KeptFrames:
    """The frames of a lazy stack, the last used ones in memory: a stack is compared with each of its neighbours.

    Parameters
    ----------
    data : dask array, shape (E, Y, X) or (E, Z, Y, X)
        The frames.
    most_bytes : int
        Bytes that the kept frames may take; one frame is always kept.
    """

    def __init__(self, data: Any, most_bytes: int) -> None:
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim
        most = max(1, most_bytes // max(1, int(np.prod(data.shape[1:])) * data.dtype.itemsize))
        self._read = lru_cache(most)(lambda frame: computed(data[frame]))

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, frame: int) -> NDArray[Any]:
        if not -len(self) <= frame < len(self):
            raise IndexError(frame)
        found: NDArray[Any] = self._read(int(frame) % len(self))
        return found


def with_kept_frames(stacks: Sequence[SpectralStack]) -> list[SpectralStack]:
    """Return stacks that keep frames they have read from their files; those in memory as they are."""
    share = _KEPT_BYTES // max(1, sum(stack.is_lazy for stack in stacks))
    return [stack.with_data(KeptFrames(stack.data, share)) if stack.is_lazy else stack for stack in stacks]


def flat_image(stack: SpectralStack, frame: int) -> Float32Array:
    """Return a frame (Y, X); of a volume the mean of its slices."""
    image = computed(stack.data[frame]).astype(np.float32, copy=False)
    if image.ndim == 2:
        return image
    count = np.isfinite(image).sum(axis=0)
    total = np.nansum(image, axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def mean_image(stack: SpectralStack, frames: Sequence[int]) -> Float32Array:
    """Return the mean (Y, X) of some frames; a pixel that lacks a value in one has none."""
    total = np.zeros(stack.shape[-2:])
    for frame in frames:
        total += flat_image(stack, frame)
    return (total / len(frames)).astype(np.float32)


def spread_over(frames: Sequence[Any], most: int = MOST_FRAMES) -> list[Any]:
    """Return at most so many of some frames, evenly spread."""
    return [frames[i] for i in spread(len(frames), most)]


def tile_images(stack: SpectralStack) -> Float32Array:
    """Return the mean over the energies, and the change from the first to the last third of them: (2, Y, X).

    The change shows what absorbs at the edge, also where the mean does not.
    """
    count = stack.energy.size
    frames = spread_over(range(count), 3 * MOST_FRAMES)
    mean = mean_image(stack, frames)
    if count < 3:
        return mean[None]
    third = max(1, len(frames) // 3)
    return np.array([mean, mean_image(stack, frames[-third:]) - mean_image(stack, frames[:third])])


def variance_of(stack: SpectralStack, frame: int, image: Float32Array) -> float:
    """Return the mean variance of the noise in a frame: by the error model of the stack, or from the image itself."""
    noise, size = stack.noise, int(np.prod(stack.shape[1:]))
    pixels = slice(0, size)
    if isinstance(noise, PhotonNoise | AmountNoise):
        part = noise.isel(slice(frame, frame + 1), (slice(None),) * (len(stack.shape) - 1))
        if isinstance(part, PhotonNoise):
            depth = computed(stack.data[frame]).astype(np.float32, copy=False).reshape(1, size)
            values = part.variance(depth, pixels)
        else:
            values = part.sigma(pixels) ** 2
        known = values[np.isfinite(values)]
        found = float(np.median(known)) if known.size else 0.0
        if found > 0:
            return found / (stack.shape[1] if len(stack.shape) == 4 else 1)
    return white_noise(image) ** 2
