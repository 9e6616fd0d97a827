"""Samples of different texture: thickness of an edge jump, and the share of the second reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.registration.rendering import Array, texture
from scipy import ndimage

import napari_xanes as nx


def particle(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Return a secondary particle of many grains, as in `nx.sample`."""
    sample = nx.sample.nmc_ni_k(seed=int(rng.integers(1000)), size=size, photons=10.0)
    jump, share = (np.nan_to_num(sample.truth[name].data.astype(float)) for name in ("edge_jump", "Ni4+ model"))
    return jump, share


def fibres(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Return thin straight fibres of any direction."""
    image = np.zeros((size, size))
    y, x = np.mgrid[:size, :size].astype(float)
    for _ in range(max(4, size // 8)):
        angle, at = rng.uniform(0, np.pi), rng.uniform(0, size, 2)
        across = (y - at[0]) * np.cos(angle) - (x - at[1]) * np.sin(angle)
        image += np.exp(-((across / rng.uniform(1.5, 3.0)) ** 2) / 2)
    return 0.25 * np.clip(image, 0, 4), _share(rng, size)


def spots(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Return few small spots on an empty support: about one on 40 x 40 pixels."""
    image = np.zeros((size, size))
    for y, x in rng.uniform(0, size, (max(6, size**2 // 1600), 2)):
        image[int(y), int(x)] = rng.uniform(0.5, 1.5)
    return 0.5 * 2 * np.pi * 1.6**2 * ndimage.gaussian_filter(image, 1.6, mode="wrap"), _share(rng, size)


def grain(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Return one big smooth grain with a soft border."""
    y, x = np.mgrid[:size, :size].astype(float) - size / 2
    angle = np.arctan2(y, x)
    radius = size * (0.25 + sum(0.02 * rng.standard_normal() * np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 3)))
    return 0.6 / (1 + np.exp((np.hypot(y, x) - radius) / 1.5)), _share(rng, size)


def periodic(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Return a lattice of holes, whose hole sizes vary by a tenth, in a film."""
    period = 16
    y, x = np.mgrid[:size, :size].astype(float)
    lattice = 0.5 + 0.25 * (np.cos(2 * np.pi * y / period) + np.cos(2 * np.pi * x / period))
    return 0.6 * lattice * (1 + 0.1 * texture(rng, size, 12.0)), _share(rng, size)


def _share(rng: np.random.Generator, size: int) -> Array:
    return np.clip(0.5 + 0.25 * texture(rng, size, 4.0), 0, 1)


Specimen = Callable[[np.random.Generator, int], tuple[Array, Array]]
"""Makes thickness and share of an image of so many pixels in height and width."""

SPECIMENS: dict[str, Specimen] = {made.__name__: made for made in (particle, fibres, spots, grain, periodic)}
