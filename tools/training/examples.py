"""Training examples: the result of a fit of two references to a random sample, and the true fraction.

The simulation makes the fitted amounts and their errors directly, not the frames. The network sees no difference, and
this is a thousand times faster, so every example can be new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes.denoising.filters.non_local_means import clean_edge_jump
from tools.training.samples import particles, powder, secondary_particles, thickness
from tools.training.textures import Image, Random, Shape, composition, cracks, log_uniform, rings, smooth


@dataclass(frozen=True)
class Example:
    """A map to clean, as in `candidates.NoisyMaps`, with the true fraction and the weight of each pixel."""

    weighted_estimate: Image
    information: Image
    jump: Image
    absorption: Image
    absorption_sigma: Image
    mean: float
    truth: Image
    weight: Image


def example(rng: Random, shape: Shape) -> Example:
    """Draw a random sample and simulate the result of a fit.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all random numbers.
    shape : tuple of int
        Height and width in pixels.
    """
    fraction, amount = _sample(rng, shape)
    height = log_uniform(rng, 0.02, 1.5)
    jump = height * amount
    matrix = _matrix(rng, shape, jump, fraction)
    absorption = jump + matrix

    # Standard error of the optical depth at one energy, apart from a constant factor, which cancels below.
    error = np.sqrt(np.exp(np.clip(absorption, 0, 6)) + rng.choice([0.1, 0.5, 1.0]))
    error = error * log_uniform(rng, 0.9, 1.1) ** smooth(rng, shape, 20)
    typical_error = float(np.median(error[jump >= np.percentile(jump, 60)]))
    fraction_error = log_uniform(rng, 0.02, 2.5)  # error of the fraction in a pixel with much material
    sigma = fraction_error * height * error / typical_error  # error of the difference of the two amounts
    jump_sigma = sigma * log_uniform(rng, 0.08, 0.6)
    absorption_sigma = sigma * log_uniform(rng, 0.02, 0.3)

    cleaned = clean_edge_jump(jump + jump_sigma * rng.standard_normal(shape), jump_sigma)
    information = (cleaned / sigma) ** 2
    ratio = jump / cleaned
    measured = ratio * fraction + (ratio - 1) * rng.uniform(-0.7, -0.3) + sigma / cleaned * rng.standard_normal(shape)
    measured += _residual_patterns(rng, shape, height, fraction_error) / cleaned
    weight = np.clip(jump / (0.15 * np.percentile(jump, 99) + 1e-9), 0, 1) ** 2
    if rng.random() < 0.3:
        spots = _spots(rng, shape)
        measured += rng.uniform(-0.8, 0.8) * spots
        weight = weight * (spots < 0.02)
    mean = float(np.clip((measured * information).sum() / information.sum(), 0, 1))
    return Example(
        weighted_estimate=(measured * information).astype(np.float32),
        information=information.astype(np.float32),
        jump=cleaned.astype(np.float32),
        absorption=(absorption + absorption_sigma * rng.standard_normal(shape)).astype(np.float32),
        absorption_sigma=absorption_sigma.astype(np.float32),
        mean=mean,
        truth=fraction.astype(np.float32),
        weight=weight.astype(np.float32),
    )


def _sample(rng: Random, shape: Shape) -> tuple[Image, Image]:
    """Draw fraction and amount of a sample: round particles, one fraction everywhere, powder, or a
    composition map.
    """
    kind = rng.random()
    if kind > 0.64:
        return secondary_particles(rng, shape)
    if kind > 0.46:
        return particles(rng, shape)
    if kind > 0.38:
        return powder(rng, shape)
    amount = thickness(rng, shape)
    if kind < 0.05:
        return np.full(shape, rng.uniform(0.02, 0.98), np.float32), amount
    fraction = composition(rng, shape)
    if kind < 0.3:
        # The density changes with the composition. Cracks are thin and react first.
        amount = amount * np.clip(1 + rng.uniform(-0.8, 0.8) * (fraction - fraction.mean()), 0.1, 2)
        if rng.random() < 0.4:
            lines = cracks(rng, shape)
            amount = amount * (1 - rng.uniform(0.2, 0.8) * lines)
            fraction = np.clip(fraction + rng.uniform(-0.5, 0.5) * lines, 0, 1)
    return fraction.astype(np.float32), amount.astype(np.float32)


def _matrix(rng: Random, shape: Shape, jump: Image, fraction: Image) -> Image:
    """Draw the absorption that has no edge: that of the particles themselves, and that of unrelated material."""
    matrix = rng.uniform(0.2, 3.0) * jump * (1 + rng.uniform(-0.5, 0.5) * fraction)
    if rng.random() < 0.5:
        matrix = matrix + log_uniform(rng, 0.01, 0.5) * thickness(rng, shape)
    return np.asarray(matrix, np.float32)


def _residual_patterns(rng: Random, shape: Shape, height: float, fraction_error: float) -> Image:
    """Draw the error of the difference of the two amounts that remains after the removal of the beam's patterns."""
    residual = np.zeros(shape, np.float32)
    if rng.random() < 0.7:
        # The removal does not detect patterns that are weaker than the noise of a neighbourhood. More noise therefore
        # leaves stronger patterns.
        size = height * np.hypot(fraction_error * log_uniform(rng, 0.005, 0.1), log_uniform(rng, 0.001, 0.03))
        wave = smooth(rng, shape, log_uniform(rng, 3, 40))
        if rng.random() < 0.5:
            wave = 0.7 * wave + 0.7 * rings(rng, shape, log_uniform(rng, 8, 60))
        residual = np.float32(size) * wave
    return residual


def _spots(rng: Random, shape: Shape) -> Image:
    """Draw spots of an unknown phase. The fit gives a wrong fraction there."""
    y, x = np.indices(shape).astype(np.float32)
    image = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(1, 8))):
        radius = log_uniform(rng, 1.0, 5.0)
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        image = np.maximum(image, np.exp(-(((y - cy) ** 2 + (x - cx) ** 2) / radius**2)))
    return image.astype(np.float32)
