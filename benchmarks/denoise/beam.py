"""Simulate beam and detector: uneven light that changes, photon noise, bad pixels, frames that move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.denoise.specimens import Image, smooth_noise
from numpy.typing import NDArray

Frames = NDArray[np.float32]

LOW_ORDER, RING = 0.004, 0.003
"""Standard deviations of the patterns' change between flat and sample, in optical depth, over image and energies."""

RING_PERIOD = 27.0
N_FLAT = 10


@dataclass(frozen=True)
class Detector:
    """Counts per photon; standard deviation of a frame without light, in counts; whether frames were resampled.

    Resampled frames were moved by up to half a pixel and back again, by linear interpolation, as a registration does.
    """

    gain: float = 1.0
    read_noise: float = 0.0
    resampled: bool = False


IDEAL = Detector()
"""Counts photons one by one."""


def _drifts(rng: np.random.Generator, n_energies: int, count: int) -> NDArray[np.float64]:
    """Draw drifts (count, E) of mean square 1: a slow change, and a smaller change from frame to frame."""
    from scipy.ndimage import gaussian_filter1d

    slow = gaussian_filter1d(rng.standard_normal((count, n_energies)), 10.0, axis=1, mode="nearest")
    slow /= np.sqrt(np.mean(slow**2, axis=1, keepdims=True))
    drifts = 0.9 * slow + 0.45 * rng.standard_normal((count, n_energies))
    result: NDArray[np.float64] = drifts
    return result


def patterns(
    rng: np.random.Generator, n_energies: int, size: int, strength: float
) -> tuple[NDArray[np.float64], Image]:
    """Draw the differences between the white field of the sample frames and that of the flats, in optical depth.

    Parameters
    ----------
    rng : numpy Generator
    n_energies, size : int
        Number of frames; height and width of a frame in pixels.
    strength : float
        Size of the patterns, 1 for the default.

    Returns
    -------
    tuple of array
        Drifts (N, E) and images (N, Y, X); the pattern of a frame is the sum of drift times image.
    """
    shape = (size, size)
    y, x = np.indices(shape) / size - 0.5
    low = [
        x,
        y,
        x * y,
        x**2 - y**2,
        x**2 + y**2,
        smooth_noise(rng, shape, size / 8),
        smooth_noise(rng, shape, size / 12),
    ]
    centre = rng.uniform(-0.8, 0.8, 2)
    phase = 2 * np.pi * np.hypot(y - centre[0], x - centre[1]) * size / RING_PERIOD
    rings = [np.cos(phase), np.sin(phase)]
    images = np.array([(image - image.mean()) / image.std() for image in low + rings])
    sizes = np.repeat([LOW_ORDER / np.sqrt(len(low)), RING / np.sqrt(len(rings))], [len(low), len(rings)])
    drifts = _drifts(rng, n_energies, len(images)) * (strength * sizes)[:, None]
    return drifts, images


def bad_pixels(rng: np.random.Generator, size: int) -> tuple[Image, Image]:
    """Draw the gain of each pixel, and its counts without light as a share of the beam. One pixel in 1000 is bad."""
    shape = (size, size)
    kind = rng.random(shape)
    gain = 1 + 0.02 * rng.standard_normal(shape)
    gain = np.where(kind < 0.0007, rng.uniform(0.05, 0.4, shape), gain)
    glow = np.where((kind > 0.0007) & (kind < 0.001), rng.uniform(0.5, 2.0, shape), 0.0)
    return gain, glow


def expose(
    rng: np.random.Generator,
    depth: NDArray[np.float64],
    spectra: NDArray[np.float64],
    *,
    photons: float,
    pattern: float,
    jitter: float,
    flicker: float = 0.005,
    detector: Detector = IDEAL,
) -> tuple[Frames, Frames]:
    """Simulate counts and flats of a specimen.

    Parameters
    ----------
    rng : numpy Generator
    depth : array, shape (N, Y, X)
        Amount of each component.
    spectra : array, shape (E, N)
        Their spectra, so that ``spectra @ depth`` is the optical depth.
    photons : float
        Photons per pixel and energy in the empty beam; the flats have ten times as many.
    pattern : float
        Size of the patterns, 1 for the default.
    jitter : float
        Standard deviation of the frames' positions along each axis, in pixels.
    flicker : float
        Standard deviation of the brightness of each frame, relative.
    detector : Detector

    Returns
    -------
    tuple of array
        Counts and flats (E, Y, X), float32, the flats divided by ten.
    """
    from scipy.ndimage import shift, spline_filter

    n_energies, size = len(spectra), depth.shape[-1]
    y, x = np.indices((size, size)) / size - 0.5
    field = (
        photons * (1.05 - 0.5 * (y**2 + x**2)) * (1 + 0.06 * smooth_noise(rng, (size, size), size / 10).clip(-2.5, 2.5))
    )
    gain, glow = bad_pixels(rng, size)
    drifts, images = patterns(rng, n_energies, size, pattern)
    drift = 1 + 0.01 * np.cumsum(rng.standard_normal(n_energies)) / np.sqrt(10)
    drift *= 1 + flicker * rng.standard_normal(n_energies)
    monitor = 1 + 0.1 * np.linspace(-1, 1, n_energies) + 0.01 * rng.standard_normal(n_energies)
    shifts = jitter * rng.standard_normal((n_energies, 2))
    splines = np.array([spline_filter(image, mode="nearest") for image in depth]) if jitter else depth
    counts = np.empty((n_energies, size, size), np.float32)
    flats = np.empty_like(counts)
    for i in range(n_energies):
        light = monitor[i] * field
        frame = np.tensordot(spectra[i], splines, 1)
        if jitter:
            frame = shift(frame, shifts[i], order=3, mode="nearest", prefilter=False)
        mismatch = np.tensordot(drifts[:, i], images, 1)
        counts[i] = rng.poisson(gain * light * drift[i] * np.exp(-mismatch - frame) + glow * photons)
        flats[i] = rng.poisson(N_FLAT * (gain * light + glow * photons)) / N_FLAT
    return _detected(rng, counts, flats, detector)


def _detected(rng: np.random.Generator, photons: Frames, flats: Frames, detector: Detector) -> tuple[Frames, Frames]:
    """Return the counts of a detector that saw so many photons, and those of the flats."""
    counts, flats = photons * np.float32(detector.gain), flats * np.float32(detector.gain)
    if detector.read_noise:
        counts += (detector.read_noise * rng.standard_normal(counts.shape)).astype(np.float32)
        flats += (detector.read_noise / np.sqrt(N_FLAT) * rng.standard_normal(flats.shape)).astype(np.float32)
    if detector.resampled:
        for frame, (down, across) in zip(counts, rng.uniform(0, 0.5, (len(counts), 2)), strict=True):
            frame[:] = _between(_between(frame, down, 0), across, 1)
    return counts, flats


def _between(frame: Frames, share: float, axis: int) -> Frames:
    """Interpolate linearly between pixels, by so much of a pixel along an axis; the last one stays."""
    after = np.roll(frame, -1, axis)
    last = [slice(None)] * 2
    last[axis] = slice(-1, None)
    after[tuple(last)] = frame[tuple(last)]
    return np.asarray((1 - share) * frame + share * after, np.float32)
