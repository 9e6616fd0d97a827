"""Coordinate transformations of OME-Zarr: steps and origins along the axes, where a transformation keeps axes apart.

Versions 0.4 and 0.5 name the axes once and apply the transformations of a level, then those of all levels. Version 0.6
names coordinate systems: a level leads to one, and more may follow from there.
Specification: https://ngff.openmicroscopy.org
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.metadata_json import expect_mappings, parse_numbers

_KEY = "coordinateTransformations"
_DEEPEST = 8

Axes = tuple[dict[str, Any], ...]


class NotUsedError(ValueError):
    """The metadata are whole, but say something that can't be used; the message says what."""


def geometry(
    multiscale: Mapping[str, Any], level: Mapping[str, Any], n_axes: int
) -> tuple[Axes, NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return the axes of an image, the step and the origin along each, and notes.

    Parameters
    ----------
    multiscale : mapping
        One item of ``multiscales``.
    level : mapping
        One item of its ``datasets``.
    n_axes : int
        Number of axes of the array.

    Raises
    ------
    NotUsedError
        If a transformation turns, shears or bends the axes.
    ValueError
        If the metadata are damaged.
    """
    systems = expect_mappings(multiscale.get("coordinateSystems", []), "coordinateSystems")
    inner = expect_mappings(level.get(_KEY, []), _KEY)
    outer = expect_mappings(multiscale.get(_KEY, []), _KEY)
    notes: list[str] = []
    if systems and len(outer) > 1:
        # Each of them leads from the image's own coordinate system to another one: none is the only right one.
        names = ", ".join(repr(_name(step.get("output"))) for step in outer)
        notes.append(f"the image is taken in its own coordinate system; it has others too: {names}")
        outer = []
    step, origin = np.ones(n_axes), np.zeros(n_axes)
    for transformation in [*inner, *outer]:
        step, origin = _applied(transformation, step, origin)
    if not systems:
        return _axes(multiscale.get("axes", "tczyx"), n_axes), step, origin, notes
    target = _name([*inner, *outer][-1].get("output")) if inner or outer else ""
    system = next((item for item in systems if item.get("name") == target), systems[0])
    return _axes(system.get("axes", []), n_axes), step, origin, notes


def _axes(letters: Any, n_axes: int) -> Axes:
    """Return the axes; versions before 0.4 name them by letters."""
    if not isinstance(letters, list | str):
        raise ValueError(f"its OME metadata have {letters!r} as axes: damaged; copy it again")
    axes = tuple(axis if isinstance(axis, dict) else {"name": str(axis)} for axis in letters)
    if len(axes) != n_axes:
        raise ValueError(f"{len(axes)} axes are named for an image of {n_axes} axes; {ways_out.WRITE_ZARR}")
    return axes


def _name(place: Any) -> str:
    """Return the name of a coordinate system, which drafts of 0.6 give as a text and later ones as a mapping."""
    if isinstance(place, Mapping):
        place = place.get("name", "")
    return place if isinstance(place, str) else ""


def _applied(
    transformation: Mapping[str, Any], step: NDArray[np.float64], origin: NDArray[np.float64], depth: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    kind = transformation.get("type")
    if kind == "identity":
        return step, origin
    if kind == "scale":
        factor = _numbers(transformation, "scale", step.size)
        return step * factor, origin * factor
    if kind == "translation":
        return step, origin + _numbers(transformation, "translation", step.size)
    if kind == "sequence" and depth < _DEEPEST:
        for item in expect_mappings(transformation.get("transformations", []), "transformations"):
            step, origin = _applied(item, step, origin, depth + 1)
        return step, origin
    raise NotUsedError(
        f"its coordinate transformation {str(kind)[:40]!r} is not applied: only identity, scale, translation and "
        "sequences of them keep the pixels where they are; resample the image, or take this transformation out"
    )


def _numbers(transformation: Mapping[str, Any], name: str, n_axes: int) -> NDArray[np.float64]:
    if name not in transformation:
        raise NotUsedError(f"its {name} lies in an array of its own or is missing; write its numbers into the metadata")
    numbers: NDArray[np.float64] = parse_numbers(transformation[name])
    if numbers.shape != (n_axes,) or not np.isfinite(numbers).all():
        raise ValueError(f"its {name} is no list of {n_axes} numbers, one for each axis: damaged; copy it again")
    return numbers
