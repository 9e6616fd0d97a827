"""Whether the frames of a stack are only shifted: the same in all tiles of the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.registration.estimation import Box, Estimate, Frames
from napari_xanes.registration.linear import Linear, linear
from napari_xanes.spreading import spread

_FRAMES = 12
"""Frames that are looked at: magnification changes slowly with the energy."""

DIFFERENT = "parts of the image move differently"
"""How the sentence begins."""

_NOTED, _SURE = 0.1, 5.0
"""Pixels at the corners, and multiples of their error, from which on a stretch is told."""


def some_of(estimate: Estimate) -> IndexArray:
    """Return the numbers of a few frames, spread over those that were found."""
    found = np.flatnonzero(estimate.found)
    numbers = spread(found.size, _FRAMES)
    return np.asarray(found[numbers])


def stretch_of(
    frames: Frames, energy: Float64Array, shape: tuple[int, int], start: Estimate, box: Box | None
) -> list[str]:
    """Return a sentence if a few frames that were aligned by shifts are magnified, turned or sheared.

    Parameters
    ----------
    frames : callable
        Reads these frames.
    energy : ndarray, shape (F,)
        Their energies in eV.
    shape : tuple of int
        Height and width of a frame.
    start : Estimate
        Shifts of all frames that `some_of` took these from, or of these alone.
    box : tuple of int, optional
        Part of the image to look at.
    """
    if len(energy) < 2:
        return []
    try:
        found = linear(frames, energy, shape, "affine", start, box=box, glance=True)
    except ValueError:
        return []
    parts = _parts(found, float(np.hypot(*shape)) / 2)
    name, (pixels, sure) = max(parts.items(), key=lambda part: part[1][0])
    if pixels < _NOTED or sure < _SURE:
        return []
    model = "translation + magnification" if name == "are magnified" else "affine"
    return [
        f"{DIFFERENT}: frames {name}, by {pixels:.2g} pixels or more at the corners, which "
        f"shifts alone leave there; try model={model!r}"
    ]


def of_some(estimate: Estimate, numbers: IndexArray) -> Estimate:
    """Return an estimate of some of its frames."""
    names = ("shifts", "sigma", "residual", "found")
    return replace(estimate, **{name: getattr(estimate, name)[numbers] for name in names})


def _parts(found: Linear, corner: float) -> dict[str, tuple[float, float]]:
    """Return the greatest difference of each part of the matrices, in pixels at the corners and over its error."""
    m, s = found.matrix - np.eye(2), found.matrix_sigma**2
    parts = {
        "are magnified": ((m[:, 0, 0] + m[:, 1, 1]) / 2, (s[:, 0, 0] + s[:, 1, 1]) / 4),
        "are turned": ((m[:, 1, 0] - m[:, 0, 1]) / 2, (s[:, 1, 0] + s[:, 0, 1]) / 4),
        "are sheared": ((m[:, 1, 0] + m[:, 0, 1]) / 2, (s[:, 1, 0] + s[:, 0, 1]) / 4),
        "are stretched along one axis": ((m[:, 0, 0] - m[:, 1, 1]) / 2, (s[:, 0, 0] + s[:, 1, 1]) / 4),
    }
    result = {}
    for name, (values, variance) in parts.items():
        # The mean of the frames at each end: one frame alone may be anything.
        third = max(1, len(values) // 3)
        ends = [slice(None, third), slice(-third, None)]
        means, errors = zip(*((values[end].mean(), variance[end].mean()) for end in ends), strict=True)
        change = abs(means[1] - means[0])
        result[name] = (corner * float(change), float(change / np.sqrt(max(sum(errors), 1e-30))))
    return result
