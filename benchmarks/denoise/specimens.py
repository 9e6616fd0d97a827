"""Specimens in two dimensions: amount and valence of an element, an unknown phase, and other absorption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]

MIN_JUMP, MAX_JUMP = 0.06, 0.3
"""Edge jump at the rim and in the middle of a particle."""


@dataclass(frozen=True)
class Specimen:
    """True maps (Y, X).

    Parameters
    ----------
    jump : array
        Edge jump, 0 outside particles.
    valence : array
        Share of the highest valence, 0 to 1.
    unknown : array
        Share of the edge jump that belongs to an unknown phase.
    matrix : array
        All other absorption, as optical depth at the edge.
    """

    jump: Image
    valence: Image
    unknown: Image
    matrix: Image


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]) -> Image:
    """Draw a random field of mean 0 and standard deviation 1, blurred over `sigma` pixels."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    result: Image = (field - field.mean()) / field.std()
    return result


def _cells(rng: np.random.Generator, shape: tuple[int, int], spacing: float) -> tuple[NDArray[np.intp], Image]:
    """Draw polygons of about `spacing` pixels; return the cell of each pixel, and its distance to a border."""
    from scipy.spatial import cKDTree

    count = int(shape[0] * shape[1] / spacing**2)
    centres = rng.uniform(0, shape, (count, 2))
    where = np.moveaxis(np.indices(shape).astype(float), 0, -1)
    where += 0.12 * spacing * np.stack([smooth_noise(rng, shape, spacing / 3) for _ in range(2)], axis=-1)
    distance, cell = cKDTree(centres).query(where, k=2)
    return cell[..., 0], (distance[..., 1] - distance[..., 0]) / 2


def _unknown_spots(rng: np.random.Generator, jump: Image, count: int) -> Image:
    """Draw `count` small spots of a new phase inside, of radius 1.5 to 3.5 pixels; return its share."""
    from scipy.special import expit

    share = np.zeros_like(jump)
    y, x = np.indices(jump.shape)
    inside = np.argwhere(jump > 0.5 * jump.max())
    for cy, cx in inside[rng.choice(len(inside), count, replace=False)]:
        distance = np.hypot(y - cy, x - cx) / rng.uniform(1.5, 3.5)
        share = np.maximum(share, rng.uniform(0.35, 0.8) * expit(6 * (1 - distance)))
    return np.where(share > 0.02, share, 0.0)


def _standardized(values: Image, inside: NDArray[np.bool_], middle: float) -> Image:
    """Scale values to valences: mean `middle` and standard deviation 0.21 inside, clipped to 0 and 1."""
    scaled: Image = middle + 0.215 * (values - values[inside].mean()) / values[inside].std()
    return scaled.clip(0.0, 1.0)


def specimen_of(rng: np.random.Generator, depth: Image, valence: Image, spots: int) -> Specimen:
    """Return a specimen of a relative thickness (0 outside, 1 at most) and an unscaled valence, with so many spots."""
    inside = depth > 0
    jump = np.where(inside, MIN_JUMP + (MAX_JUMP - MIN_JUMP) * depth.clip(0, 1), 0.0)
    share = _unknown_spots(rng, jump, spots) if spots else np.zeros_like(jump)
    matrix = 0.8 * jump + np.where(inside, 0.02, 0.0) * (1 + 0.3 * smooth_noise(rng, depth.shape, 4.0))
    return Specimen(jump, _standardized(valence, inside, rng.uniform(0.4, 0.6)), share, matrix)


def particles(rng: np.random.Generator, size: int, *, filled: bool = False, spots: int = 12) -> Specimen:
    """Draw secondary particles of grains with cracks and inclusions, charged from the rim and along the cracks.

    Parameters
    ----------
    rng : numpy Generator
    size : int
        Height and width in pixels.
    filled : bool
        Draw one particle larger than the image, so that no pixel is empty.
    spots : int
        Number of spots of an unknown phase.
    """
    shape = (size, size)
    y, x = np.indices(shape) / size - 0.5
    ripple = 1 + 0.05 * smooth_noise(rng, shape, size / 16)
    if filled:
        balls = [(rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), 0.95)]
    else:
        angle = rng.uniform(0, 2 * np.pi)
        balls = [(0.12 * np.sin(angle), 0.12 * np.cos(angle), rng.uniform(0.28, 0.33))]
        balls += [
            (-0.3 * np.sin(angle + turn), -0.3 * np.cos(angle + turn), rng.uniform(0.09, 0.14)) for turn in (-0.7, 0.6)
        ]
    radius = np.min([np.hypot(y - cy, x - cx) / r for cy, cx, r in balls], axis=0) * ripple
    cell, border = _cells(rng, shape, rng.uniform(12, 20))
    cell_values = rng.standard_normal((3, cell.max() + 1))
    crack = np.abs(smooth_noise(rng, shape, 14.0)) + 0.25 * (smooth_noise(rng, shape, 30.0) + 0.9).clip(0)
    cracked = np.exp(-((crack / 0.07) ** 2))
    inclusion = (smooth_noise(rng, shape, 2.5) > 2.7).astype(float)

    depth = np.clip(1 - radius**2, 0, None) * (1 + 0.12 * cell_values[0][cell])
    depth *= (1 - 0.3 * np.exp(-border / 0.8)) * (1 - 0.6 * cracked) * (1 - 0.5 * inclusion)
    depth = np.where(radius < 1, np.clip(depth, 0.001, None), 0.0)
    core = rng.choice([-1.0, 1.0]) * (2.2 * radius + 0.7 * np.exp(-crack / 0.25))
    valence = core + 0.4 * smooth_noise(rng, shape, size / 10)
    valence += 0.25 * cell_values[1][cell] + 0.12 * np.exp(-border / 1.5) - 0.9 * inclusion
    return specimen_of(rng, depth, valence, spots)


def fibres(rng: np.random.Generator, size: int, *, spots: int = 12) -> Specimen:
    """Draw long threads on top of each other, each with its own valence that changes along the thread."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    shape = (size, size)
    depth, valence, weight = np.zeros(shape), np.zeros(shape), np.full(shape, 1e-6)
    y, x = np.indices(shape, dtype=float) - size / 2
    for _ in range(26):
        turn = rng.normal(0.6, 0.5)
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        bend = gaussian_filter(rng.standard_normal(3 * size), 25.0)
        bend *= rng.uniform(4, 14) / bend.std()
        centre = rng.uniform(-0.45, 0.45) * size + map_coordinates(bend, [along + 1.5 * size], order=1, mode="nearest")
        inside = np.clip(1 - ((across - centre) / rng.uniform(4, 10)) ** 2, 0, None)
        thick = np.sqrt(inside) * rng.uniform(0.3, 0.6)
        wave = rng.normal(0, 0.8) + 0.5 * np.sin(2 * np.pi * along / rng.uniform(25, 90) + rng.uniform(0, 6))
        depth, valence, weight = depth + thick, valence + thick * wave, weight + thick
    valence = np.where(depth > 0, valence / weight, 0.0) + 0.1 * smooth_noise(rng, shape, 1.5)
    depth *= np.hypot(y, x) < 0.47 * size
    return specimen_of(rng, depth, valence, spots)
