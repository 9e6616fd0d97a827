"""Further kinds of specimens, each drawn in its own way: fractals, cracks, rims, gradients, powders, single pixels.

Each function takes a random generator and the width of the image, and returns the relative thickness (0 outside, 1 at
most) and the unscaled valence, both (Y, X). None shares code with another, or with what the network was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]
Maps = tuple[Image, Image]


def fractals(rng: np.random.Generator, size: int) -> Maps:
    """Draw islands of midpoint displacement; the valence is a second surface with structure of all sizes."""
    surface, valence = (_midpoints(rng, size, rough) for rough in (0.75, 0.65))
    depth = (surface - np.percentile(surface, 40)) / np.ptp(surface)
    return np.clip(1.6 * depth, 0, 1), valence + 0.4 * np.sign(valence - np.median(valence)) * valence.std()


def _midpoints(rng: np.random.Generator, size: int, rough: float) -> Image:
    """Double a grid until it is large enough, with a smaller random number added to all points each time."""
    grid, height = rng.standard_normal((4, 4)), 1.0
    while len(grid) < size + 1:
        n = len(grid)
        fine = np.empty((2 * n - 1, 2 * n - 1))
        fine[::2, ::2] = grid
        fine[1::2, ::2] = (grid[1:] + grid[:-1]) / 2
        fine[:, 1::2] = (fine[:, :-1:2] + fine[:, 2::2]) / 2
        height *= rough
        grid = fine + height * rng.standard_normal(fine.shape)
    return grid[:size, :size]


def cracks(rng: np.random.Generator, size: int) -> Maps:
    """Draw a plate that splits along random walks, which react first; each piece has a thickness of its own."""
    opened = np.zeros((size, size))
    for _ in range(14):
        place, turn = rng.uniform(0, size, 2), float(rng.uniform(0, 2 * np.pi))
        for _ in range(rng.integers(size // 2, 2 * size)):
            turn += 0.18 * rng.standard_normal()
            place += np.sin(turn), np.cos(turn)
            row, column = place.astype(int)
            if not (0 <= row < size and 0 <= column < size):
                break
            opened[row, column] = 1
    from scipy.ndimage import distance_transform_edt, label

    distance = distance_transform_edt(opened == 0)
    pieces, count = label(distance > 1.5)
    thickness, own = rng.uniform(0.45, 1.0, count + 1), rng.normal(0, 0.5, count + 1)
    depth = thickness[pieces] * (1 - 0.7 * np.exp(-((distance / 1.2) ** 2)))
    row, column = np.indices((size, size)) / size
    depth[(np.abs(row - 0.5) > 0.42) | (np.abs(column - 0.5) > 0.4)] = 0
    return depth, own[pieces] + 2.0 * np.exp(-distance / 3.0)


def thin_rims(rng: np.random.Generator, size: int) -> Maps:
    """Draw discs whose rims of one to four pixels have another valence than their cores."""
    depth, valence = np.zeros((size, size)), np.zeros((size, size))
    row, column = np.indices((size, size))
    for _ in range(int(34 * (size / 256) ** 2) + 2):
        centre, radius = rng.uniform(0.08, 0.92, 2) * size, rng.uniform(8, 26)
        turn, flat = rng.uniform(0, np.pi), rng.uniform(0.6, 1)
        y, x = row - centre[0], column - centre[1]
        u, v = y * np.cos(turn) + x * np.sin(turn), (x * np.cos(turn) - y * np.sin(turn)) / flat
        inside = radius - np.hypot(u, v)
        covered = (inside > 0) & (depth == 0)
        rim = 1 / (1 + np.exp((inside - rng.uniform(1, 4)) / 0.4))
        depth[covered] = rng.uniform(0.4, 1) * (0.35 + 0.65 * np.sqrt(np.clip(inside / radius, 0, 1)))[covered]
        valence[covered] = (rng.normal(0, 0.4) + 2.2 * rim)[covered]
    return depth, valence


def gradients(rng: np.random.Generator, size: int) -> Maps:
    """Draw one wedge with a smooth change of valence along one direction, and a smaller wave along the other."""
    row, column = np.indices((size, size)) / size - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    along, across = row * np.cos(turn) + column * np.sin(turn), column * np.cos(turn) - row * np.sin(turn)
    depth = np.where(np.maximum(np.abs(along), np.abs(across)) < 0.38, 0.55 + along, 0.0)
    return np.clip(depth, 0, 1), np.tanh(3 * along) + 0.2 * np.sin(2 * np.pi * across / rng.uniform(0.2, 0.5))


def powders(rng: np.random.Generator, size: int) -> Maps:
    """Drop hundreds of grains of a heavy-tailed size on top of each other, each of one valence."""
    depth, weighted = np.zeros((size, size)), np.zeros((size, size))
    for _ in range(int(800 * (size / 256) ** 2)):
        radius = min(1.5 * rng.pareto(1.8) + 1.2, 18.0)
        middle = rng.normal(0.5, 0.17, 2) * size
        low = np.maximum((middle - radius).astype(int), 0)
        high = np.minimum((middle + radius).astype(int) + 2, size)
        if (low >= high).any():
            continue
        box = slice(low[0], high[0]), slice(low[1], high[1])
        y, x = np.mgrid[box]
        grain = np.sqrt(np.clip(1 - ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / radius**2, 0, None)) * radius / 18
        depth[box] += grain
        weighted[box] += grain * rng.normal()
    valence = weighted / np.maximum(depth, 1e-9)
    return np.clip(1.2 * depth, 0, 1), valence


def single_pixels(rng: np.random.Generator, size: int) -> Maps:
    """Draw a smooth film where one pixel in 60, and one pair in 300, has an unlike valence, and one in 200 is thin."""
    from scipy.ndimage import zoom

    coarse = rng.standard_normal((5, 5))
    valence = zoom(coarse, size / 5, order=3)[:size, :size]
    shape = valence.shape
    lone = rng.random(shape) < 1 / 60
    pair = rng.random(shape) < 1 / 300
    lone |= pair | np.roll(pair, 1, axis=1)
    valence = valence + np.where(lone, rng.choice([-2.5, 2.5], shape), 0.0)
    row, column = np.indices(shape) / size - 0.5
    film = 0.6 + 0.15 * zoom(rng.standard_normal((4, 4)), size / 4, order=3)[:size, :size]
    film = np.where(rng.random(shape) < 1 / 200, 0.3 * film, film)
    return np.where(np.hypot(row, column) < 0.43, np.clip(film, 0.05, 1), 0.0), valence


GENERATORS: Mapping[str, Callable[[np.random.Generator, int], Maps]] = MappingProxyType(
    {
        "fractals": fractals,
        "cracks": cracks,
        "thin rims": thin_rims,
        "gradients": gradients,
        "powders": powders,
        "single pixels": single_pixels,
    }
)
"""Specimens by name."""
