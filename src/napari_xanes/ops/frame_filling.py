"""Frames that hold nothing of their own: told, and put in from the frames beside them when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.noise import Noise, PhotonNoise
from napari_xanes.ops.spoiled_frames import dead_or_repeated
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import first_few

_NO_INFORMATION = 1e4
"""Factor on the variance of a frame that was not measured: fits that know the noise leave it out."""


def checked_frames(stack: SpectralStack, frames: Sequence[int] | None) -> list[int]:
    """Return the numbers of the frames to interpolate, counted from 0.

    Raises
    ------
    ValueError
        If there is no such frame, it has no other one on both sides, or the stack holds counts or transmission.
    """
    if not frames:
        return []
    n = stack.energy.size
    if stack.quantity in ("counts", "transmission"):
        raise ValueError(
            f"{stack.name!r} holds {stack.quantity}: the beam changes between frames, so frames={list(frames)} can "
            "be interpolated after optical_depth only; or drop them with drop_frames"
        )
    for number in frames:
        if not -n <= number < n:
            raise ValueError(
                f"frames={list(frames)}: there is no frame {number}, they are 0 to {n - 1}; give some of these"
            )
    numbers = sorted({number % n for number in frames})
    good = np.setdiff1d(np.arange(n), numbers)
    for number in numbers:
        if not good.size or not good[0] < number < good[-1]:
            raise ValueError(
                f"frames={list(frames)}: frame {number} ({stack.energy[number]:g} eV) has no good frame on both sides; "
                "drop it with drop_frames"
            )
    return numbers


def interpolated(data: Any, energy: Float64Array, frames: list[int]) -> tuple[Any, list[str]]:
    """Put some frames in, linearly between the energies of the nearest others, and say so.

    Parameters
    ----------
    data : numpy or dask array, shape (E, ...)
        All frames; an array in memory is changed.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    frames : list of int
        Frames that have another one on both sides.
    """
    good, text, parts = np.setdiff1d(np.arange(energy.size), frames), [], {}
    for i in frames:
        low, high = int(good[good < i][-1]), int(good[good > i][0])
        weight = np.float32((energy[i] - energy[low]) / (energy[high] - energy[low]))
        parts[i] = data[low] * (1 - weight) + data[high] * weight
        text.append(
            f"The frame at {energy[i]:g} eV was interpolated from those at {energy[low]:g} and {energy[high]:g} eV: it "
            "holds nothing of its own."
        )
    if isinstance(data, np.ndarray):
        for i, part in parts.items():
            data[i] = part
    elif parts:
        import dask.array as da

        data = da.stack([parts.get(i, data[i]) for i in range(len(data))])  # type: ignore[no-untyped-call]
    return data, text


def noise_with(noise: Noise | None, n_frames: int, frames: list[int]) -> Noise | None:
    """Return an error model in which some frames say next to nothing."""
    if not frames or not isinstance(noise, PhotonNoise):
        return noise
    factor = np.ones(n_frames) if noise.variance_factor is None else np.array(noise.variance_factor, np.float64)
    factor[frames] *= _NO_INFORMATION
    return replace(noise, variance_factor=factor)


def told_about_frames(stack: SpectralStack, frames: list[int]) -> list[str]:
    """Warn of frames that are dead or repeat the one before, except those that are interpolated."""
    found = {i: reason for i, reason in dead_or_repeated(stack).items() if i not in frames}
    if not found:
        return []
    named = first_few([f"{i} ({stack.energy[i]:g} eV: {reason})" for i, reason in found.items()], 8)
    return [
        f"repair: these frames hold nothing of their own: {named}. Drop them with drop_frames, or give their "
        "numbers to repair as frames, after optical_depth, to interpolate them"
    ]
