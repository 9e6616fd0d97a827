"""How far each two frames of a stack lie apart, and how well that is known.

Two frames are Gaussian fields with a real cross-spectrum, which may have either sign in each ring of frequencies. The
likeliest distance is the maximum of their cross-correlation, weighted by ``c / (a b - c^2)`` with the powers a and b
and the cross-spectrum c of the ring, all measured. Its variance is one over the curvature there, because the curvature
is ``sum 2 k^2 coherence / (1 - coherence)`` (Knapp and Carter, IEEE Transactions on Acoustics, Speech, and Signal
Processing 24 (1976) 320). So noise of both frames counts, and so does what the sample shows in one of them only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.registration.fourier import Band, Coefficients, phases

_CERTAIN = 5.0
"""Standard deviations of noise above which two frames show the same."""

_NEAREST, _WIDEST = 1.0, 1.0
"""Most pixels to the maximum, beyond which it belongs to something else; largest standard error of use, in pixels."""

_MOST_ALONE = 0.99
"""Share of a variance that may belong to a pair alone."""


@dataclass(frozen=True)
class Pairs:
    """What pairs of frames tell of their places; first axis: frames looked from, second: frames looked at.

    Parameters
    ----------
    offset : ndarray, shape (F, E, 2)
        How much farther apart the frames lie than was thought, (dy, dx) in pixels.
    variance : ndarray, shape (F, E, 2)
        Of the offset, in square pixels; infinite for pairs that are not valid.
    apart : ndarray, shape (F, E)
        Share of the variance that belongs to this pair alone; the rest is that of the frames, which other pairs of
        these frames share.
    valid : ndarray of bool, shape (F, E)
        Pairs that show the same in about the same place.
    left : ndarray, shape (F, E)
        Mean square of what the first frame leaves of the second, over what noise leaves.
    """

    offset: Float64Array
    variance: Float64Array
    apart: Float64Array
    valid: BoolArray
    left: Float64Array


def compared(
    band: Band, data: Coefficients, shifts: Float64Array, share: float, rows: slice | list[int] = slice(None)
) -> Pairs:
    """Compare frames at given shifts with each other.

    Parameters
    ----------
    band : Band
        Frequencies of the coefficients.
    data : ndarray, complex64, shape (E, K)
        Coefficients in units of their noise.
    shifts : ndarray, shape (E, 2)
        Where the frames lie, to about a pixel.
    share : float
        Share of the coefficients that are independent; see `Window.share`.
    rows : slice or list of int
        Frames to look from; by default all.
    """
    aligned = data * phases(band, shifts)
    first = aligned[rows]
    own = band.ring_sums(np.abs(aligned).astype(np.float64) ** 2) / band.in_ring
    ends = np.searchsorted(band.ring, np.arange(band.n_rings + 1))
    rings = [slice(ends[ring], ends[ring + 1]) for ring in range(band.n_rings)]
    cross = np.stack([(first[:, ring].conj() @ aligned[:, ring].T).real for ring in rings])
    level = _Level.of(cross.astype(np.float32), own[rows].T, own.T, band.in_ring, share)
    slope, curvature = np.zeros((2, *cross.shape[1:])), np.zeros((3, *cross.shape[1:]))
    for ring, weight in zip(rings, 2 * share * level.weight, strict=True):
        ky, kx = (2 * np.pi * k[ring] for k in (band.ky, band.kx))
        a, b = first[:, ring].conj(), aligned[:, ring]
        for axis, k in enumerate((ky, kx)):
            slope[axis] -= weight * (a @ (k * b).T).imag
        for axis, k in enumerate((ky * ky, ky * kx, kx * kx)):
            curvature[axis] += weight * (a @ (k * b).T).real
    return _pairs(slope, curvature, level, band)


@dataclass(frozen=True)
class _Level:
    """What powers and cross-spectra of rings tell; all of shape (n_rings, F, E)."""

    weight: Float64Array
    told: Float64Array
    alone: Float64Array
    score: Float64Array
    left: Float64Array

    @classmethod
    def of(
        cls, cross: Float32Array, power_a: Float64Array, power_b: Float64Array, in_ring: Float64Array, share: float
    ) -> _Level:
        """Return it from sums of products (n_rings, F, E) and powers (n_rings, F) and (n_rings, E)."""
        size = in_ring[:, None, None]
        a, b = power_a[:, :, None], power_b[:, None]
        # Neighbouring rings are alike, and few coefficients tell little of their own.
        coherence = _smoothed(cross / np.sqrt(np.maximum(a * b, 1e-30)), in_ring)
        square = np.minimum(coherence**2, 1 - 1e-9)
        # Noise has some coherence, too.
        certain = np.clip(1 - _smoothed_usual(in_ring, share)[:, None, None] / np.maximum(square, 1e-30), 0, 1)
        told = certain * square / (1 - square)
        weight = certain * coherence / (np.sqrt(np.maximum(a * b, 1e-30)) * (1 - square))
        # Noise of one frame times what only the other one shows, or times noise, is shared with no other pair.
        signal_a, signal_b = np.maximum(a - 1, 1e-9), np.maximum(b - 1, 1e-9)
        both = np.maximum(square * a * b, 1e-30)
        foreign = np.clip(1 - both / (signal_a * signal_b), 0, 1) * (signal_a + signal_b)
        alone = told * np.minimum(told * (1 + foreign) / both, 1.0)
        score = -2 * size * share * np.log1p(-np.minimum((cross / size) ** 2 / np.maximum(a * b, 1e-30), 1 - 1e-9))
        left = size * b * (1 - square), size * (1 + signal_b / (signal_a + 1))
        return cls(weight, told, alone, score.sum(axis=0), left[0].sum(axis=0) / left[1].sum(axis=0))


def _smoothed(sums: Float64Array, in_ring: Float64Array) -> Float64Array:
    """Return means (n_rings, ...) of sums over rings, each with its neighbours."""
    padded = np.pad(sums, ((1, 1), *[(0, 0)] * (sums.ndim - 1)))
    size = np.pad(in_ring, 1).reshape(-1, *[1] * (sums.ndim - 1))
    both = [values[:-2] + 2 * values[1:-1] + values[2:] for values in (padded, size)]
    return np.asarray(both[0] / both[1], dtype=np.float64)


def _smoothed_usual(in_ring: Float64Array, share: float) -> Float64Array:
    """Return the coherence (n_rings,) of noise."""
    size = np.pad(in_ring, 1)
    total = size[:-2] + 2 * size[1:-1] + size[2:]
    return np.asarray((size[:-2] + 4 * size[1:-1] + size[2:]) / (2 * share * total**2))


def _pairs(slope: Float64Array, curvature: Float64Array, level: _Level, band: Band) -> Pairs:
    """Return what slopes (2, F, E) and curvatures (3, F, E) tell."""
    yy, yx, xx = curvature
    determinant = yy * xx - yx**2
    definite = (determinant > 1e-9 * np.abs(yy * xx)) & (yy > 0) & (xx > 0)
    determinant = np.where(definite, determinant, 1.0)[..., None]
    offset = np.stack([xx * slope[0] - yx * slope[1], yy * slope[1] - yx * slope[0]], axis=-1) / determinant
    variance = np.stack([xx, yy], axis=-1) / determinant
    valid = definite & (level.score > band.n_rings + _CERTAIN * np.sqrt(2 * band.n_rings))
    valid &= (np.abs(offset) < _NEAREST).all(axis=-1) & (variance < _WIDEST**2).all(axis=-1)
    square = band.ring_sums(band.ky.astype(np.float64) ** 2 + band.kx.astype(np.float64) ** 2)[:, None, None]
    apart = (square * level.alone).sum(axis=0) / np.maximum((square * level.told).sum(axis=0), 1e-30)
    apart = np.where(valid, np.clip(apart, 0, _MOST_ALONE), 0)
    return Pairs(offset, np.where(valid[..., None], variance, np.inf), apart, valid, level.left)
