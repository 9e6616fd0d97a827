"""Compute the embedding of a library and the pixels of a stack. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import Float64Array
from napari_xanes.colours import colour_of
from napari_xanes.gui.pixels.polygons import inside
from napari_xanes.gui.running.absorption import steps_to_absorption
from napari_xanes.gui.running.preparing import prepared
from napari_xanes.maps.matching.result import library_settings
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress, part
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.embed import embed
from napari_xanes.theory.embedding.model import Embedding
from napari_xanes.theory.embedding.placement import place
from napari_xanes.theory.library.model import Library

_CLEAR = 3.0
"""Smallest ratio of signal variance to noise variance of a pixel that is placed."""

_FEWEST = 8
"""Smallest number of energies that a stack and a library must share."""

QUALITY_TIP = (
    "Stress: difference between distances in the plane and between spectra; 0 is perfect. "
    "Trustworthiness: share of neighbours in the plane with similar spectra; 1 is perfect. "
    "Numbers along branches: 10Dq in eV"
)
"""Explanation of the text of `quality_text`."""

BINS = 200
"""Number of cells per side of the density, about as many as the plot has pixels on a laptop."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An embedded library, with the position of each pixel of a stack.

    Parameters
    ----------
    embedding : Embedding
        The library's members.
    pixels : ndarray, shape (*image, 2)
        float32 coordinates, NaN where a pixel has too little signal to be placed.
    maps : MapSet
        Result of `match_library` for the pixels.
    """

    embedding: Embedding
    pixels: NDArray[np.float32]
    maps: MapSet

    @property
    def library(self) -> Library:
        """The library."""
        assert self.embedding.library is not None
        return self.embedding.library

    @cached_property
    def placed_fraction(self) -> float:
        """Fraction of the pixels that have enough signal to be placed."""
        return float(np.isfinite(self.pixels[..., 0]).mean())

    @cached_property
    def limits(self) -> tuple[float, float, float, float]:
        """Range (x0, x1, y0, y1) of the library and of 99.8 % of the pixels along each axis."""
        coordinates = self.embedding.coordinates
        points = self.pixels.reshape(-1, 2)
        sample = points[:: max(1, len(points) // 100_000)]
        sample = sample[np.isfinite(sample[:, 0])]
        ends = np.percentile(sample, (0.1, 99.9), axis=0) if len(sample) else coordinates
        low, high = np.minimum(coordinates.min(axis=0), ends[0]), np.maximum(coordinates.max(axis=0), ends[-1])
        margin = 0.02 * (high - low) + 1e-9
        (x0, y0), (x1, y1) = low - margin, high + margin
        return float(x0), float(x1), float(y0), float(y1)

    @cached_property
    def density(self) -> NDArray[np.intp]:
        """Number of pixels per cell, (BINS, BINS) over x and y within `limits`; edge cells count pixels outside too."""
        x0, x1, y0, y1 = self.limits
        points = self.pixels.reshape(-1, 2)
        points = points[np.isfinite(points[:, 0])]
        scale = np.array([BINS / (x1 - x0), BINS / (y1 - y0)], dtype=np.float32)
        cells = np.clip((points - np.array([x0, y0], dtype=np.float32)) * scale, 0, BINS - 1).astype(np.intp)
        return np.bincount(cells[:, 0] * BINS + cells[:, 1], minlength=BINS**2).reshape(BINS, BINS)

    def point_of(self, energy: Float64Array, values: Float64Array) -> Float64Array:
        """Return the position (2,) of a spectrum; NaN if it does not cover all energies."""
        axis = self.embedding.energy
        assert axis is not None
        at: Float64Array = place(self.embedding, np.interp(axis, energy, values, np.nan, np.nan)[None])[0]
        return at

    def inside(self, polygon: NDArray[Any]) -> NDArray[np.bool_]:
        """Return the mask of pixels whose points lie inside a polygon (N, 2)."""
        return inside(self.pixels, polygon)


@dataclass(frozen=True, eq=False)
class Branch:
    """The members of one species.

    Parameters
    ----------
    name : str
        Such as ``Mn2+``.
    colour : str
        Colour of the species in the charge map.
    line : ndarray of int
        Rows of the track with most members, sorted by 10Dq; the plot draws a line through them.
    members : ndarray of int
        Rows of all members.
    """

    name: str
    colour: str
    line: NDArray[np.intp]
    members: NDArray[np.intp]


def branches(library: Library, labels: Mapping[int, str] | None = None) -> list[Branch]:
    """Return one branch per species of a library.

    Parameters
    ----------
    library : Library
        The library.
    labels : mapping of int to str, optional
        Labels of a charge map, for the colours. Without them the order of the species decides.
    """
    lines: dict[str, NDArray[np.intp]] = {}
    for rows in library.tracks:
        name = library.species[int(rows[0])]
        if name not in lines or rows.size > lines[name].size:
            lines[name] = rows
    label_of = {name: label for label, name in (labels or {}).items()}
    species = np.array(library.species)
    return [
        Branch(name, colour_of(label_of.get(name, number)), line, np.flatnonzero(species == name))
        for number, (name, line) in enumerate(lines.items(), start=1)
    ]


def overlapping_frames(energy: Float64Array, library: Library, offset: float = 0.0) -> slice:
    """Return the frames of a stack that a library covers.

    Raises
    ------
    ValueError
        If they are too few.
    """
    low, high = library.span
    inside = np.flatnonzero((energy >= low + offset) & (energy <= high + offset))
    if inside.size < _FEWEST:
        shared = f"share {inside.size} energies, {_FEWEST} are needed" if inside.size else "do not overlap"
        raise ValueError(
            f"the stack, {energy[0]:g} to {energy[-1]:g} eV, and the library {library.name!r}, "
            f"{low:.0f} to {high:.0f} eV, {shared}: choose the library of the element and edge that was measured, "
            "or open a library file"
        )
    return slice(int(inside[0]), int(inside[-1]) + 1)


def embed_stack(
    stack: SpectralStack, library: Library, method: Any, maps: MapSet | None, progress: Progress
) -> tuple[SpectralStack | None, Picture]:
    """Embed a library and the pixels of a stack; convert the stack to absorption and match it if necessary.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Any quantity.
    library : Library
        The library to embed.
    method : str
        Method, as in `napari_xanes.theory.embed`.
    maps : MapSet or None
        Result of `match_library` for the stack; None computes it.
    progress : callable
        Called with the fraction done and a text.

    Returns
    -------
    tuple of SpectralStack or None, and Picture
        The absorption if it was computed, and the embedding.
    """
    steps = steps_to_absorption(stack)
    absorption = prepared(steps, stack, part(progress, 0.0, 0.2))
    maps = maps or match_stack(absorption, library, part(progress, 0.2, 0.4))
    picture = picture_of(absorption, library, method, maps, part(progress, 0.4, 1.0))
    return (absorption if steps else None), picture


def quality_text(picture: Picture) -> str:
    """Return stress, trustworthiness and the fraction of placed pixels as text."""
    embedding = picture.embedding
    return (
        f"stress {embedding.stress:.2f} · trustworthiness {embedding.trustworthiness:.3f} · "
        f"{100 * picture.placed_fraction:.0f} % of pixels placed"
    )


def match_stack(stack: SpectralStack, library: Library, progress: Progress | None = None) -> MapSet:
    """Run `match_library` with default parameters.

    It runs on one thread: while the window draws, several threads would wait for each other and take much longer.
    """
    from threadpoolctl import threadpool_limits

    from napari_xanes.maps import match_library

    if progress is not None:
        progress(0.0, "finding offset and width")
    with threadpool_limits(1):
        maps: MapSet = match_library(stack, library=library, progress=progress)
    return maps


def picture_of(
    stack: SpectralStack, library: Library, method: Any, maps: MapSet, progress: Progress | None = None
) -> Picture:
    """Embed a library on a stack's energies and place all pixels.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Absorption.
    library : Library
        The library to embed.
    method : str
        Method, as in `napari_xanes.theory.embed`.
    maps : MapSet
        Result of `match_library` for the stack, which gives energy offset and broadening.
    progress : callable, optional
        Called with the fraction done and a text.

    Raises
    ------
    ValueError
        If stack and library share too few energies.
    """
    settings = library_settings(maps.metadata)
    assert settings is not None
    offset, broadening = float(settings.offset_eV), float(settings.broadening_eV)
    frames = overlapping_frames(stack.energy, library, offset)
    embedding = embed(
        library,
        method,
        energy=stack.energy[frames],
        offset=offset,
        broadening=broadening,
        progress=part(progress, 0.0, 0.3),
    )
    pixels = np.full((int(np.prod(stack.shape[1:])), 2), np.nan, dtype=np.float32)

    def put(block: NDArray[Any], pixel_slice: slice) -> None:
        spectra = block.T.astype(np.float64)
        clear = has_signal(spectra, embedding.free)
        points = np.full((len(spectra), 2), np.nan)
        if clear.any():
            points[clear] = place(embedding, spectra[clear])
        pixels[pixel_slice] = points

    placing = part(progress, 0.3, 1.0)
    blocks.over_pixels(put, stack.data[frames], progress=placing, message="placing pixels")
    picture = Picture(embedding, pixels.reshape(*stack.shape[1:], 2), maps)
    # Computed here in the worker thread: on the main thread they would freeze the window.
    _ = picture.density, picture.placed_fraction
    return picture


def has_signal(spectra: Float64Array, free: Float64Array | None) -> NDArray[np.bool_]:
    """Return which spectra (N, E) exceed their noise, estimated from neighbouring energies."""
    good = np.asarray(np.isfinite(spectra).all(axis=1), dtype=bool)
    residual = np.where(good[:, None], spectra, 0.0)
    if free is not None:
        residual -= (residual @ free) @ free.T
    noise = np.mean(np.diff(residual, axis=1) ** 2, axis=1) / 2
    result: NDArray[np.bool_] = good & (np.mean(residual**2, axis=1) > _CLEAR * noise)
    return result
