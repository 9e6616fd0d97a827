"""Random images of many kinds: fields, grains, borders, and mixtures of them as maps of a composition.

The network learns from them what maps of fractions can look like, so there are many very different kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Shape = tuple[int, int]
Random = np.random.Generator


def log_uniform(rng: Random, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniformly distributed."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def single(image: Any) -> Image:
    """Convert an image to single precision."""
    return np.asarray(image, dtype=np.float32)


def unit(image: NDArray[np.floating]) -> Image:
    """Scale an image to the range 0 to 1."""
    low, high = float(image.min()), float(image.max())
    return single((image - low) / max(high - low, 1e-9))


def smooth(rng: Random, shape: Shape, scale: float) -> Image:
    """Draw Gaussian noise blurred over `scale` pixels, of unit standard deviation."""
    fy, fx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    square = fy[:, None] ** 2 + fx**2
    return _filtered(rng, shape, np.exp(-2 * (np.pi * scale) ** 2 * square))


def fractal(rng: Random, shape: Shape, exponent: float) -> Image:
    """Draw noise whose amplitude falls with a power of the spatial frequency."""
    fy, fx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    frequency = np.hypot(fy[:, None], fx)
    frequency[0, 0] = np.inf
    return _filtered(rng, shape, frequency**-exponent)


def rings(rng: Random, shape: Shape, period: float) -> Image:
    """Draw noise of one spatial period, like fringes and rings."""
    fy, fx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    away = (np.hypot(fy[:, None], fx) * period - 1) / 0.25
    return _filtered(rng, shape, np.exp(-0.5 * away**2))


def _filtered(rng: Random, shape: Shape, transfer: NDArray[np.float64]) -> Image:
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * transfer
    spectrum[0, 0] = 0
    image = np.fft.irfft2(spectrum, s=shape)
    return single(image / max(float(image.std()), 1e-9))


def warped(rng: Random, shape: Shape) -> tuple[Image, Image]:
    """Return coordinates y and x in pixels, rotated, stretched and bent."""
    y, x = np.indices(shape).astype(np.float32)
    angle, stretch = rng.uniform(0, np.pi), log_uniform(rng, 1, 2.5)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    scale = log_uniform(rng, 6, 40)
    bend = rng.uniform(0, 0.5) * scale
    u = (cos * y - sin * x) * np.float32(stretch) + np.float32(bend) * smooth(rng, shape, scale)
    v = sin * y + cos * x + np.float32(bend) * smooth(rng, shape, scale)
    return u, v


def grains(rng: Random, shape: Shape, size: float | None = None) -> tuple[NDArray[np.intp], Image]:
    """Draw cells around random seeds, of a given or a random size in pixels.

    Return the cell number of each pixel and its distance to a border in pixels.
    """
    from scipy.spatial import cKDTree

    u, v = warped(rng, shape)
    size = log_uniform(rng, 4, 40) if size is None else size
    low, high = (u.min(), v.min()), (u.max(), v.max())
    count = int(np.clip((high[0] - low[0]) * (high[1] - low[1]) / size**2, 3, 3000))
    tree = cKDTree(rng.uniform(low, high, (count, 2)))
    distance, cell = tree.query(np.stack([u.ravel(), v.ravel()], axis=1), k=2)
    away = (distance[:, 1] - distance[:, 0]).reshape(shape).astype(np.float32)
    return cell[:, 0].reshape(shape), away


def levels(rng: Random, cell: NDArray[np.intp]) -> Image:
    """Draw one value per cell: any value, or one of a few values that stand for phases."""
    count = int(cell.max()) + 1
    values = rng.random(count)
    if rng.random() < 0.3:
        phases = rng.random(int(rng.integers(2, 5)))
        values = phases[rng.integers(0, phases.size, count)]
    image: Image = values.astype(np.float32)[cell]
    return image


def granular(rng: Random, shape: Shape) -> Image:
    """Draw grains that have one value each, sometimes with a gradient inside each grain."""
    cell, away = grains(rng, shape)
    image = levels(rng, cell)
    if rng.random() < 0.4:
        image = image + np.float32(rng.uniform(-0.5, 0.5)) * unit(np.minimum(away, np.percentile(away, 95)))
    return image


def domains(rng: Random, shape: Shape) -> Image:
    """Draw two phases with a border that is sharp or gradual."""
    field = smooth(rng, shape, log_uniform(rng, 1.5, 20))
    width = log_uniform(rng, 0.02, 1.0)
    return single(0.5 + 0.5 * np.tanh((field - rng.uniform(-0.8, 0.8)) / width))


def lamellae(rng: Random, shape: Shape) -> Image:
    """Draw bent layers."""
    u, _ = warped(rng, shape)
    wave = np.sin(2 * np.pi * u / log_uniform(rng, 6, 60) + rng.uniform(0, 6.3))
    return single(0.5 + 0.5 * np.tanh(wave * log_uniform(rng, 0.5, 8)))


def radial(rng: Random, shape: Shape) -> Image:
    """Draw round particles whose composition changes from the core outwards."""
    image = np.zeros(shape, np.float32)
    y, x = np.indices(shape).astype(np.float32)
    bump = 1 + 0.15 * smooth(rng, shape, log_uniform(rng, 4, 20))
    for _ in range(int(rng.integers(1, 12))):
        radius = log_uniform(rng, 8, 1.0 * max(shape))
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        away = np.hypot(y - cy, x - cx) / radius * bump
        low, high = rng.random(2)
        course = low + (high - low) * np.clip(away, 0, 1) ** log_uniform(rng, 0.5, 6)
        image = np.where(away < 1, course, image).astype(np.float32)
    return image


def soft(rng: Random, shape: Shape) -> Image:
    """Draw smooth noise of one scale."""
    return unit(smooth(rng, shape, log_uniform(rng, 1.0, 30)))


def rough(rng: Random, shape: Shape) -> Image:
    """Draw fractal noise."""
    return unit(fractal(rng, shape, rng.uniform(0.8, 2.2)))


def inclusions(rng: Random, shape: Shape) -> Image:
    """Draw small round spots of another composition."""
    y, x = np.indices(shape).astype(np.float32)
    image = np.full(shape, rng.random(), np.float32)
    for _ in range(int(rng.integers(2, 40))):
        radius = log_uniform(rng, 1.0, 9.0)
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        spot = 1 / (1 + np.exp(np.clip((np.hypot(y - cy, x - cx) - radius) * 2, -40, 40)))
        image += np.float32(rng.uniform(-1, 1)) * spot.astype(np.float32)
    return image


def cracks(rng: Random, shape: Shape) -> Image:
    """Draw thin lines: 1 on the lines, 0 elsewhere."""
    if rng.random() < 0.6:
        _, away = grains(rng, shape)
        part = smooth(rng, shape, log_uniform(rng, 5, 30)) > rng.uniform(-1.0, 1.0)
    else:
        away = 12 * np.abs(smooth(rng, shape, log_uniform(rng, 4, 20)))
        part = np.ones(shape, bool)
    return single(np.exp(-((away / rng.uniform(0.8, 2.5)) ** 2)) * part)


FAMILIES: tuple[Callable[[Random, Shape], Image], ...] = (
    granular,
    granular,
    domains,
    lamellae,
    radial,
    radial,
    soft,
    rough,
    inclusions,
)


def composition(rng: Random, shape: Shape) -> Image:
    """Draw a map of a fraction between 0 and 1, a mixture of one to three families."""
    image = np.zeros(shape, np.float32)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25]))):
        image = image + np.float32(log_uniform(rng, 0.1, 1.0)) * FAMILIES[int(rng.integers(len(FAMILIES)))](rng, shape)
    if rng.random() < 0.3:
        image = image + np.float32(rng.uniform(-0.6, 0.6)) * cracks(rng, shape)
    if rng.random() < 0.3:
        image = image + np.float32(log_uniform(rng, 0.01, 0.1)) * smooth(rng, shape, rng.uniform(0.5, 1.5))
    contrast = log_uniform(rng, 0.05, 0.4)
    centred = (image - image.mean()) / max(float(image.std()), 1e-6)
    return single(np.clip(rng.uniform(0.15, 0.85) + contrast * centred, 0, 1))
