"""Random samples: shapes and thickness of particles, films and powders, with the fractions in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.training.textures import Image, Random, Shape, cracks, grains, log_uniform, single, smooth


def thickness(rng: Random, shape: Shape) -> Image:
    """Draw the amount of material, 0 to 1: particles or films, with or without air between them."""
    y, x = np.indices(shape).astype(np.float32)
    kind = rng.random()
    if kind < 0.55:
        image = np.zeros(shape, np.float32)
        bump = 1 + 0.12 * smooth(rng, shape, log_uniform(rng, 3, 20))
        for _ in range(int(rng.integers(1, 9))):
            radius = log_uniform(rng, 12, 1.2 * max(shape))
            cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
            away = np.hypot((y - cy) * rng.uniform(0.7, 1.4), x - cx) / radius * bump
            image = np.maximum(image, rng.uniform(0.3, 1) * np.clip(1 - away**2, 0, 1) ** rng.uniform(0.2, 0.8))
    elif kind < 0.75:
        cell, away = grains(rng, shape)
        values = np.where(rng.random(int(cell.max()) + 1) < 0.25, 0.0, rng.uniform(0.3, 1, int(cell.max()) + 1))
        image = values[cell] * np.clip(away / rng.uniform(0.5, 4), 0.2, 1)
    else:
        image = rng.uniform(0.3, 1) + 0.25 * smooth(rng, shape, log_uniform(rng, 2, 40))
    image = image * (1 + rng.uniform(0, 0.2) * smooth(rng, shape, log_uniform(rng, 0.7, 8)))
    if rng.random() < 0.5:
        image = image * (1 - rng.uniform(0.2, 0.9) * cracks(rng, shape))
    return single(np.clip(image, 0, 1.3))


def particles(rng: Random, shape: Shape) -> tuple[Image, Image]:
    """Draw fraction and amount of round particles of many grains, charged from the outside or from the inside.

    Each grain has its own composition; borders are thin, cracks have reacted further, and some grains are of another
    phase.
    """
    y, x = np.indices(shape).astype(np.float32)
    amount, fraction = np.zeros(shape), np.full(shape, rng.random())
    bump = 1 + rng.uniform(0, 0.12) * smooth(rng, shape, log_uniform(rng, 3, 25))
    core, course, power = rng.uniform(0.1, 0.9), rng.uniform(-0.6, 0.6), log_uniform(rng, 0.7, 4)
    for _ in range(int(rng.integers(1, 7))):
        radius = log_uniform(rng, 15, 1.2 * max(shape))
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        away = np.hypot(y - cy, x - cx) / radius * bump
        thick = rng.uniform(0.4, 1) * np.clip(1 - away**2, 0, 1) ** rng.uniform(0.3, 0.7)
        on_top = thick > amount
        own = core + rng.normal(0, 0.1) + course * np.clip(away, 0, 1) ** power
        amount = np.where(on_top, thick, amount)
        fraction = np.where(on_top, own, fraction)
    cell, border = grains(rng, shape)
    fraction = fraction + log_uniform(rng, 0.02, 0.3) * rng.standard_normal(int(cell.max()) + 1)[cell]
    fraction = fraction + log_uniform(rng, 0.005, 0.15) * smooth(rng, shape, log_uniform(rng, 1, 40))
    amount = amount * (1 + rng.uniform(0, 0.2) * rng.standard_normal(int(cell.max()) + 1)[cell].clip(-2, 2))
    if rng.random() < 0.6:
        # Borders of grains are thin and react first; the width of the reacted zone differs.
        amount = amount * (1 - rng.uniform(0, 0.6) * np.exp(-border / log_uniform(rng, 0.4, 2)))
        fraction = fraction + rng.uniform(-0.25, 0.25) * np.exp(-border / log_uniform(rng, 0.5, 4))
    if rng.random() < 0.5:
        lines = cracks(rng, shape)
        if rng.random() < 0.6:
            fraction = fraction + rng.uniform(-0.4, 0.4) * fronts(rng, shape, lines, single(amount))
        amount = amount * (1 - rng.uniform(0.2, 0.9) * lines)
        fraction = fraction + rng.uniform(-0.4, 0.4) * lines
    if rng.random() < 0.4:
        other = rng.random(int(cell.max()) + 1)[cell] < 0.06
        fraction = np.where(other, rng.random(), fraction)
    if rng.random() < 0.4:
        spots = smooth(rng, shape, log_uniform(rng, 1, 4)) > rng.uniform(1.5, 3)
        fraction = np.where(spots, fraction + rng.uniform(-0.6, 0.6), fraction)
        amount = amount * np.where(spots, rng.uniform(0.3, 1.3), 1)
    amount = amount * (1 + rng.uniform(0, 0.1) * smooth(rng, shape, log_uniform(rng, 0.7, 8)))
    return single(np.clip(fraction, 0, 1)), single(np.clip(amount, 0, 1.3))


def secondary_particles(rng: Random, shape: Shape) -> tuple[Image, Image]:
    """Draw fraction and amount of round particles, like those of battery cathodes.

    Grains, cracks, pores and a course from the rim to the core are all there at once, each weak or strong. Unlike those
    of `particles`, rims may be thick, and the spread of the fractions is drawn for the whole sample.
    """
    inside, depth, away = _round_bodies(rng, shape)
    cell, border = grains(rng, shape, log_uniform(rng, 6, 28))
    count = int(cell.max()) + 1
    lines = cracks(rng, shape)
    pores = smooth(rng, shape, log_uniform(rng, 1, 4)) > rng.uniform(1.8, 3)

    depth = depth * (1 + rng.uniform(0, 0.2) * rng.standard_normal(count).clip(-2, 2)[cell])
    depth *= 1 - rng.uniform(0, 0.6) * np.exp(-border / log_uniform(rng, 0.4, 2))
    depth *= 1 - rng.uniform(0.1, 0.9) * lines
    depth *= np.where(pores, rng.uniform(0.2, 1.1), 1.0)
    amount = np.where(inside, rng.choice([0.0, rng.uniform(0.05, 0.4)]) + depth, 0.0)

    fraction = rng.uniform(-1, 1) * np.clip(away, 0, 1) ** log_uniform(rng, 0.7, 4)
    fraction = fraction + log_uniform(rng, 0.03, 0.4) * smooth(rng, shape, log_uniform(rng, 8, 60))
    fraction = fraction + log_uniform(rng, 0.02, 0.4) * rng.standard_normal(count)[cell]
    fraction = fraction + rng.uniform(-0.3, 0.3) * np.exp(-border / log_uniform(rng, 0.5, 4))
    fraction = fraction + rng.uniform(-0.6, 0.6) * fronts(rng, shape, lines, single(amount))
    fraction = fraction + rng.uniform(-0.8, 0.8) * pores
    fraction = fraction + log_uniform(rng, 0.005, 0.1) * smooth(rng, shape, log_uniform(rng, 0.7, 8))
    used = fraction[inside] if inside.any() else fraction
    spread = log_uniform(rng, 0.06, 0.3) / max(float(used.std()), 1e-6)
    fraction = rng.uniform(0.25, 0.75) + spread * (fraction - used.mean())
    return single(np.clip(fraction, 0, 1)), single(np.clip(amount / max(float(amount.max()), 1e-6), 0, 1.3))


def _round_bodies(rng: Random, shape: Shape) -> tuple[NDArray[np.bool_], Image, Image]:
    """Draw where round bodies are, their thickness (1 at most), and the distance from their middle (1 at the rim)."""
    y, x = np.indices(shape).astype(np.float32)
    away = np.full(shape, np.inf)
    bump = 1 + rng.uniform(0, 0.1) * smooth(rng, shape, log_uniform(rng, 4, 30))
    for _ in range(int(rng.integers(1, 6))):
        radius, turn, stretch = (
            log_uniform(rng, 0.1, 0.9) * max(shape),
            rng.uniform(0, np.pi),
            log_uniform(rng, 0.8, 1.25),
        )
        down, across = y - rng.uniform(0.1, 0.9) * shape[0], x - rng.uniform(0.1, 0.9) * shape[1]
        along, beside = np.cos(turn) * down + np.sin(turn) * across, np.cos(turn) * across - np.sin(turn) * down
        away = np.minimum(away, np.hypot(along * stretch, beside / stretch) / radius * bump)
    return away < 1, single(np.clip(1 - away**2, 0, None) ** rng.uniform(0.3, 1.2)), single(np.minimum(away, 1.5))


def fronts(rng: Random, shape: Shape, lines: Image, amount: Image) -> Image:
    """Draw how far a reaction went that starts at cracks and at rims: 1 there, falling to 0 in the depth.

    Parameters
    ----------
    lines, amount : ndarray, shape (Y, X)
        Cracks (1 on the lines), and the amount of material, 0 outside.
    """
    from scipy.ndimage import distance_transform_edt

    surface = lines > 0.5
    if rng.random() < 0.5:
        surface |= amount <= 0.01
    if not surface.any():
        return np.zeros(shape, np.float32)
    depth = distance_transform_edt(~surface) * (1 + 0.3 * smooth(rng, shape, log_uniform(rng, 2, 20)))
    width, power = log_uniform(rng, 1.0, 25), log_uniform(rng, 0.6, 4)
    return single(np.exp(-((np.clip(depth, 0, None) / width) ** power)))


def powder(rng: Random, shape: Shape) -> tuple[Image, Image]:
    """Draw fraction and amount of many small particles of different size, beside and on top of each other."""
    y, x = np.indices(shape).astype(np.float32)
    amount, fraction = np.zeros(shape, np.float32), np.full(shape, rng.random(), np.float32)
    size, spread = log_uniform(rng, 3, 20), rng.uniform(0.1, 0.6)
    core, difference, course = rng.uniform(0.1, 0.9), log_uniform(rng, 0.03, 0.3), rng.uniform(-0.4, 0.4)
    count = int(min(400, rng.uniform(0.3, 1.5) * shape[0] * shape[1] / (np.pi * size**2)))
    for _ in range(count):
        radius = float(size * np.exp(spread * rng.standard_normal()))
        cy, cx, stretch = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), log_uniform(rng, 0.7, 1.4)
        reach = int(1.5 * radius) + 2
        box = tuple(slice(max(0, int(c) - reach), int(c) + reach + 1) for c in (cy, cx))
        away = np.hypot((y[box] - cy) * stretch, (x[box] - cx) / stretch) / radius
        thick = radius / size * np.sqrt(np.clip(1 - away**2, 0, None)).astype(np.float32)
        own = core + difference * rng.standard_normal() + course * np.clip(away, 0, 1) ** 2
        total = amount[box] + thick
        # On top of each other, fractions mix by their amounts.
        fraction[box] += ((own - fraction[box]) * thick / np.maximum(total, 1e-6)).astype(np.float32)
        amount[box] = total
    amount = amount / max(float(np.percentile(amount, 99)), 1e-6)
    fraction = fraction + np.float32(log_uniform(rng, 0.005, 0.1)) * smooth(rng, shape, log_uniform(rng, 1, 20))
    return single(np.clip(fraction, 0, 1)), single(np.clip(amount, 0, 1.3))
