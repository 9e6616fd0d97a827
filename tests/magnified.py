"""Simulated stacks whose frames are magnified, turned or sheared, rendered exactly: sums of Gaussian blobs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import napari_xanes as nx
from napari_xanes._typing import Float64Array


@dataclass(frozen=True)
class Magnified:
    """A stack, and where the content of its frames lies: ``center + shift + matrix @ (place - center)``."""

    stack: nx.SpectralStack
    shifts: Float64Array
    matrices: Float64Array
    still: Float64Array

    def at_corners(self, found: nx.Alignment) -> Float64Array:
        """Return the errors (E, 4, 2) at the corners of the image, relative to the mean of all frames."""
        corners = _corners(self.stack.shape[-2:])
        of = [_lies(corners, s, m) for s, m in ((found.shifts, found.matrices), (self.shifts, self.matrices))]
        difference = of[0] - of[1]
        return difference - difference.mean(axis=0)


def _corners(shape: tuple[int, ...]) -> Float64Array:
    return np.array([(y, x) for y in (-1, 1) for x in (-1, 1)]) * (np.array(shape) - 1) / 2


def _lies(places: Float64Array, shifts: Float64Array, matrices: Float64Array) -> Float64Array:
    return shifts[:, None] + np.einsum("eij,pj->epi", matrices, places)


def growing(count: int, growth: float) -> Float64Array:
    """Return matrices whose magnification grows by a share from the first to the last frame."""
    return np.eye(2) * (1 + np.linspace(-growth / 2, growth / 2, count))[:, None, None]


def magnified(
    matrices: Float64Array,
    *,
    contrast: float = 0.5,
    seed: int = 0,
    size: int = 96,
    photons: float = 4000.0,
    step: float = 0.3,
    pattern: float = 0.0,
    part: tuple[float, float] = (-0.1, 1.1),
) -> Magnified:
    """Return a stack of blobs of two phases with an edge in the middle, in a part of the image.

    With a `contrast` of -0.5, the contrast inverts at the edge.
    """
    rng = np.random.default_rng(seed)
    count = len(matrices)
    energy = np.linspace(8300.0, 8400.0, count)
    edge, line = 1 / (1 + np.exp(-(energy - 8345) / 3)), np.exp(-(((energy - 8352) / 5) ** 2))
    spectra = np.array([edge + contrast, line])
    blobs = int(0.02 * (size * (part[1] - part[0])) ** 2)
    places = rng.uniform(part[0] * size, part[1] * size, (blobs, 2))
    widths, heights = rng.uniform(1.2, 4.0, blobs), rng.uniform(0.05, 0.25, (2, blobs)) * [[1.0], [0.5]]
    shifts = np.cumsum(rng.normal(0, step, (count, 2)), axis=0)
    shifts -= shifts.mean(axis=0)
    fixed = pattern * rng.standard_normal((size, size))
    data, still = np.empty((count, size, size), np.float32), np.empty((count, size, size))
    for i in range(count):
        amounts = spectra[:, i] @ heights
        depth = 0.3 + _rendered(size, places, widths, amounts, shifts[i], matrices[i])
        still[i] = 0.3 + _rendered(size, places, widths, amounts, np.zeros(2), np.eye(2))
        data[i] = -np.log(np.maximum(rng.poisson(photons * np.exp(-depth)), 1) / photons) + fixed
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    stack = nx.SpectralStack(data, energy, "optical_depth", 0.05, metadata={"noise": noise})
    return Magnified(stack, shifts, np.asarray(matrices), still)


def _rendered(
    size: int,
    places: Float64Array,
    widths: Float64Array,
    amounts: Float64Array,
    shift: Float64Array,
    matrix: Float64Array,
) -> NDArray[np.float64]:
    """Return the image (size, size) of blobs, each pixel at the place of the sample that it sees."""
    center, grid = (size - 1) / 2, np.moveaxis(np.indices((size, size)), 0, -1)
    seen = center + (grid - center - shift) @ np.linalg.inv(matrix).T
    image = np.zeros((size, size))
    lies = center + shift + (places - center) @ matrix.T
    for place, at, width, amount in zip(places, lies, widths, amounts, strict=True):
        reach = 5.5 * width + 1
        rows, columns = (slice(max(0, int(p - reach)), max(0, int(p + reach) + 1)) for p in at)
        near = seen[rows, columns]
        image[rows, columns] += amount * np.exp(-((near - place) ** 2).sum(axis=-1) / (2 * width**2))
    return image
