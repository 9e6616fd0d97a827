"""The pixels of two maps as points in a plane. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xanes.gui.pixels.polygons import inside
from napari_xanes.parameter_map import MapSet, ParameterMap

MOST_POINTS = 20_000
"""Most pixels to draw: more hide each other, and make the plot slow."""

_MOST_OF_REGION = 3000
"""Most pixels to draw of one region."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The pixels of two maps as points.

    Parameters
    ----------
    points : ndarray, shape (*image, 2)
        Both values of each pixel; NaN where a map has none.
    """

    points: NDArray[np.float32]

    @classmethod
    def of(cls, maps: MapSet, x: str, y: str) -> Plane:
        """Return the plane of two maps."""
        points = np.empty((*maps[x].data.shape, 2), np.float32)
        for axis, name in enumerate((x, y)):
            points[..., axis] = _values(maps[name])
        return cls(points)

    @property
    def image(self) -> tuple[int, ...]:
        """Shape of the maps: (Y, X) or (Z, Y, X)."""
        return self.points.shape[:-1]

    def sample(self) -> NDArray[np.float32]:
        """Return the points (N, 2) to draw: all, or some drawn at random, always the same."""
        return _drawn(self.points, MOST_POINTS)

    def of_region(self, pixels: NDArray[np.bool_], depth: tuple[int, ...]) -> NDArray[np.float32]:
        """Return points (N, 2) of some pixels (Y, X) in the slice (z,) of a volume, or () without depth."""
        return _drawn(self.points[depth][pixels], _MOST_OF_REGION)

    def inside(self, polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the mask (*image) of the pixels inside a polygon (N, 2): of all pixels, not only those drawn."""
        return inside(self.points, polygon)


def axes_of(maps: MapSet) -> list[str]:
    """Return the names of the maps that can be an axis: values that do not accompany another map."""
    return [name for name, one in maps.items() if one.labels is None and one.companion is None]


def _values(one: ParameterMap) -> NDArray[np.float32]:
    return np.where(one.mask, one.data.astype(np.float32, copy=False), np.float32(np.nan))  # type: ignore[arg-type]


def _drawn(points: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return those of some points (..., 2) that are numbers, at most `most` of them."""
    flat = points.reshape(-1, 2)
    there = np.flatnonzero(np.isfinite(flat[:, 0]) & np.isfinite(flat[:, 1]))  # far faster than all(axis=1)
    if there.size > most:
        there = there[np.random.default_rng(0).choice(there.size, most, replace=False)]
    return flat[there]
