"""A stack's pixels among the spectra of a library: computed beside the window, without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding import Embedding, embed
from napari_xanes.theory.library import Library
from napari_xanes.theory.placement import place

Floats = NDArray[np.float64]

_CLEAR = 3.0
"""A pixel is placed when its spectrum has this many times the variance of the noise between neighbouring energies."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An embedded library and where each pixel of a stack lies in it.

    Parameters
    ----------
    embedding : Embedding
        The library's members.
    frames : slice
        The stack's energies that the library covers.
    pixels : ndarray, shape (*image, 2)
        float32 coordinates, NaN where a pixel has too little signal to be placed.
    """

    embedding: Embedding
    frames: slice
    pixels: NDArray[np.float32]

    @property
    def library(self) -> Library:
        """The library."""
        assert self.embedding.library is not None
        return self.embedding.library

    def nearest(self, point: NDArray[Any]) -> int:
        """The member nearest to a point."""
        return int(np.argmin(np.sum((self.embedding.coordinates - point) ** 2, axis=1)))

    def density(self, bins: int = 160) -> tuple[Floats, tuple[float, float, float, float]]:
        """How many pixels lie where: counts (bins, bins) over x and y, and the range (x0, x1, y0, y1)."""
        points = self.pixels.reshape(-1, 2)
        points = points[np.isfinite(points).all(axis=1)]
        everything = np.concatenate([points, self.embedding.coordinates]) if points.size else self.embedding.coordinates
        (x0, y0), (x1, y1) = everything.min(axis=0), everything.max(axis=0)
        limits = (float(x0), float(x1), float(y0), float(y1))
        counts = np.histogram2d(points[:, 0], points[:, 1], bins, ((x0, x1), (y0, y1)))[0]
        return counts, limits

    def inside(self, polygon: NDArray[Any]) -> NDArray[np.bool_]:
        """The pixels whose point lies inside a polygon (N, 2)."""
        from matplotlib.path import Path

        points = self.pixels.reshape(-1, 2)
        found = np.zeros(len(points), dtype=bool)
        good = np.isfinite(points).all(axis=1)
        found[good] = Path(polygon).contains_points(points[good])
        return found.reshape(self.pixels.shape[:-1])


def picture_of(
    stack: SpectralStack, library: Library, method: Any, offset: float, progress: Progress | None = None
) -> Picture:
    """Embed a library on a stack's energies and place all pixels.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    library : Library
        What to embed.
    method : str
        As in `napari_xanes.theory.embed`.
    offset : float
        How much too high the stack's energies read, in eV.
    progress : callable, optional
        Told the fraction of pixels placed.

    Raises
    ------
    ValueError
        If stack and library share too few energies.
    """
    low, high = library.span
    inside = np.flatnonzero((stack.energy >= low + offset) & (stack.energy <= high + offset))
    if inside.size < 8:
        raise ValueError(
            f"{stack.name!r} ({stack.energy[0]:g} to {stack.energy[-1]:g} eV) shares {inside.size} energies with the "
            f"library {library.name!r} ({low:.0f} to {high:.0f} eV): choose the library of its element"
        )
    frames = slice(int(inside[0]), int(inside[-1]) + 1)
    made = embed(library, method, energy=stack.energy[frames], offset=offset)
    pixels = np.full((int(np.prod(stack.shape[1:])), 2), np.nan, dtype=np.float32)

    def put(block: NDArray[Any], where: slice) -> None:
        spectra = block.T.astype(np.float64)
        clear = has_signal(spectra, made.free)
        points = np.full((len(spectra), 2), np.nan)
        if clear.any():
            points[clear] = place(made, spectra[clear])
        pixels[where] = points

    blocks.over_pixels(put, stack.data[frames], progress=progress, message="placing pixels")
    return Picture(made, frames, pixels.reshape(*stack.shape[1:], 2))


def has_signal(spectra: Floats, free: Floats | None) -> NDArray[np.bool_]:
    """Whether spectra (N, E) are more than a background with noise: by their variance and that of their differences."""
    good = np.isfinite(spectra).all(axis=1)
    clean = np.where(good[:, None], spectra, 0.0)
    if free is not None:
        clean = clean - (clean @ free) @ free.T
    noise = np.mean(np.diff(clean, axis=1) ** 2, axis=1) / 2
    found: NDArray[np.bool_] = good & (np.mean(clean**2, axis=1) > _CLEAR * noise)
    return found


def branches(library: Library) -> list[tuple[str, NDArray[np.intp]]]:
    """The members of each species by increasing 10Dq, those of the middle of a grid of other parameters only.

    A branch is what a line can be drawn along: one track per species, the one with most members.
    """
    found: dict[str, NDArray[np.intp]] = {}
    for rows in library.tracks:
        name = library.species[int(rows[0])]
        if name not in found or rows.size > found[name].size:
            found[name] = rows
    return list(found.items())
