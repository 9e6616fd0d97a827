"""The gain of the detector, from the metadata of a stack or from its counts."""

from __future__ import annotations

import logging
from math import prod
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.computing import computed
from napari_xanes.ops.flats import Dark, dark_counts, find_flats
from napari_xanes.photon_transfer import PhotonTransfer, noise_ratio, photon_transfer
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

logger = logging.getLogger(__name__)

_TILE, _TILES = 20, 3
"""Pixels along a tile, and number of tiles along each side of the image, that the noise is measured in."""

_MAX_RATIO = 1.2
"""Factor by which the noise of flats may differ from that of the sample."""


def detector_gain(stack: SpectralStack, i0: Any) -> PhotonTransfer:
    """Measure the gain and the read noise of the detector that took a stack.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Counts, in memory. Of a volume the middle slice is looked at.
    i0 : Spectrum, SpectralStack or "flat"
        Incident intensity, as `optical_depth` uses it. Flats of each energy must have the same noise as the stack.

    Returns
    -------
    PhotonTransfer
        With a `reason` instead of numbers where they can't be known.

    See Also
    --------
    photon_transfer : The method.
    """
    found = _measure(stack, i0)
    logger.info("optical_depth: %s", found)
    return found


def _measure(stack: SpectralStack, i0: Any) -> PhotonTransfer:
    if stack.is_lazy:
        return PhotonTransfer(reason="the stack stays in its file; give gain")
    found = photon_transfer(_tiles(stack.data, dark_counts(stack), stack.shape))
    if found.reason or isinstance(i0, Spectrum):
        return found
    flats = find_flats(stack, i0)
    if not flats.matched or flats.frames.shape[0] < stack.shape[0] or not isinstance(flats.frames, np.ndarray):
        return found
    source = i0 if isinstance(i0, SpectralStack) else stack
    n_flat = float(np.mean(source.corrections.frames_per_flat))
    ratio = n_flat * noise_ratio(_tiles(flats.frames, flats.dark, stack.shape), found.gain, found.read_noise)
    if 1 / _MAX_RATIO < ratio < _MAX_RATIO:
        return found
    return PhotonTransfer(
        reason="the noise of the flats can't be told from patterns"
        if np.isnan(ratio)
        else f"the flats have {ratio:.2g} times the variance that means of {n_flat:g} frames would have (n_flat)"
    )


def _tiles(data: Any, dark: Dark, shape: tuple[int, ...]) -> Float32Array:
    """Return some tiles of all frames without dark, one below the other, (E, Y, X)."""
    box = (shape[1] // 2,) if len(shape) == 4 else ()
    height, width = shape[-2:]
    if height * width <= (_TILE * _TILES) ** 2:
        corners = [(slice(None), slice(None))]
    else:
        rows, columns = (
            [slice(int(a), int(a) + _TILE) for a in np.linspace(0, max(n - _TILE, 0), _TILES)] for n in (height, width)
        )
        corners = [(row, column) for row in rows for column in columns]
    numbers, tiles = np.arange(prod(shape[1:])).reshape(shape[1:]), []
    for corner in corners:
        tile = computed(data[(slice(None), *box, *corner)]).astype(np.float32, copy=False)
        spectra = tile.reshape(len(tile), -1) - dark(slice(None), numbers[(*box, *corner)].ravel())
        tiles.append(spectra.astype(np.float32).reshape(tile.shape))
    return np.concatenate(tiles, axis=1)
