"""Drifting stacks of any size, made and written a few frames at a time."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from benchmarks.registration.rendering import random_walk
from scipy import fft, ndimage

_MARGIN = 32
_AT_ONCE = 8
"""Frames that are made, and lie in a chunk of the file."""


def write_drifting(path: Path, size: int, frames: int, *, noise: float = 0.02, seed: int = 0) -> None:
    """Write frames of a texture that drifts, with its shifts and energies, to an HDF5 file."""
    rng = np.random.default_rng(seed)
    wide = size + 2 * _MARGIN
    fields = [ndimage.gaussian_filter(rng.standard_normal((wide, wide), np.float32), s, mode="wrap") for s in (2, 2.5)]
    transforms = np.array([fft.rfft2(0.1 * field / field.std()) for field in fields])
    energy = np.linspace(8300.0, 8400.0, frames)
    spectra = np.stack([0.5 + 1 / (1 + np.exp(-(energy - 8345) / 3)), np.exp(-(((energy - 8352) / 5) ** 2))], axis=1)
    shifts = random_walk(rng, frames, 0.3)
    ky, kx = np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide)[None]
    inner = slice(_MARGIN, _MARGIN + size)
    with h5py.File(path, "w") as file:
        file["shifts"], file["energy"] = shifts, energy
        chunks = (min(_AT_ONCE, frames), min(128, size), min(128, size))
        data = file.create_dataset("data", (frames, size, size), np.float32, chunks=chunks)
        for first in range(0, frames, _AT_ONCE):
            block = []
            for (dy, dx), spectrum in zip(shifts[first:][:_AT_ONCE], spectra[first:][:_AT_ONCE], strict=True):
                ramp = (np.exp(-2j * np.pi * dy * ky) * np.exp(-2j * np.pi * dx * kx)).astype(np.complex64)
                image = fft.irfft2(np.tensordot(spectrum.astype(np.float32), transforms, 1) * ramp, s=(wide, wide))
                block.append(image[inner, inner] + noise * rng.standard_normal((size, size), np.float32))
            data[first : first + _AT_ONCE] = np.array(block, np.float32)
