"""Parameters that may be given as objects or as files: references, I0, regions. Files are read here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BeforeValidator

from napari_xanes._typing import BoolArray
from napari_xanes.alignment import Alignment
from napari_xanes.history import Source, Step
from napari_xanes.parameters import Param
from napari_xanes.reference_arguments import load_reference, load_references
from napari_xanes.run_lengths import mask_from_plain
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

I0_WORDS = ("auto", "flat", "empty")
"""Where I0 may come from in the stack itself; any other text is a path."""


def load_i0(value: Any) -> Any:
    """Return I0 as ``"auto"``, ``"flat"`` or ``"empty"``, a Spectrum, a stack of flats, a mask, or a box.

    Parameters
    ----------
    value : str, path, Spectrum, SpectralStack, mapping, mask, or box (y0, y1, x0, x1)
        A path may be that of a spectrum or of a stack of flats. Of a file of columns the one of I0 is taken; a mapping
        ``{path: ..., signal: ...}`` chooses another.

    Raises
    ------
    ValueError
        If the value is none of these, or the file holds neither a spectrum nor a stack.
    """
    from napari_xanes.io import CHOICES, read_i0

    if isinstance(value, str | Path) and value not in I0_WORDS:
        return _spectrum_or_stack(Path(value))
    if isinstance(value, Mapping) and "mu" in value:
        return Spectrum.from_plain(value)
    if isinstance(value, Mapping) and "path" in value:
        if set(value) & set(CHOICES):
            return read_i0(value["path"], **{key: value[key] for key in CHOICES if key in value})
        if steps := value.get("steps"):
            if not isinstance(steps, list | tuple):
                raise ValueError(f"the steps of the flats are a list, not {str(steps)[:60]!r}")
            names = ", ".join(Step.from_plain(step).name for step in steps)
            raise ValueError(
                f"the flats from {value['path']} were changed after reading ({names}), which a recipe can't repeat; "
                "write them to a file and give that file as I0"
            )
        return _spectrum_or_stack(Path(str(value["path"])), Source.from_plain(value))
    if isinstance(value, str | Spectrum | SpectralStack):
        return value
    return load_region(value)


def _spectrum_or_stack(path: Path, source: Source | None = None) -> Spectrum | SpectralStack:
    """Read I0 from a file: a spectrum, else a stack of flats."""
    from napari_xanes.io import read, read_i0, real_reason

    if not path.exists():
        raise ValueError(
            f"I0 is 'auto', 'flat', 'empty', a region, or a file; there is no file {str(path)!r}; check its name"
        )
    if source and source.reading:
        paths, keywords = source.to_read()
        return read(paths, **keywords)
    try:
        return read_i0(path)
    except ValueError as no_spectra:
        try:
            return read(path)
        except ValueError as no_stack:
            raise real_reason(path, no_stack, no_spectra) from None


def load_region(value: Any) -> Any:
    """Return a boolean mask, or a box (y0, y1, x0, x1) in pixels, from any form in which a recipe stores them.

    Raises
    ------
    ValueError
        If the value is neither.
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and {"shape", "runs"} <= set(value):
        return mask_from_plain(value)
    array = np.asarray(value)
    if array.dtype == bool and array.ndim >= 2:
        return array
    if array.shape == (4,) and array.dtype.kind in "iuf" and (np.abs(array) < 2**31).all() and (array % 1 == 0).all():
        return tuple(int(v) for v in array)
    raise ValueError(f"a region is a boolean mask or a box (y0, y1, x0, x1) in pixels, not {value!r}")


def load_ranges(value: Any) -> Any:
    """Return a list of ranges from a list of pairs of numbers, or from one pair.

    Raises
    ------
    ValueError
        If a range does not go up.

    Examples
    --------
    >>> load_ranges((8300, 8340)), load_ranges([[8300, 8320], [8340, 8400]])
    ([(8300, 8340)], [[8300, 8320], [8340, 8400]])
    """
    if not isinstance(value, list | tuple) or not value:
        return value
    ranges = value if isinstance(value[0], list | tuple) else [tuple(value)]
    for limits in ranges:
        if len(limits) == 2 and all(isinstance(n, int | float) for n in limits) and not limits[0] <= limits[1]:
            raise ValueError(f"the range must go up, but it goes from {limits[0]:g} to {limits[1]:g}")
    return ranges


References = Annotated[Any, BeforeValidator(load_references), Param(kind="references", files=True)]
"""A list of Spectrum, given as objects or as files."""

Reference = Annotated[Any, BeforeValidator(load_reference), Param(kind="reference", files=True)]
"""One Spectrum, given as an object or as a file, or None."""

I0 = Annotated[
    Any,
    BeforeValidator(load_i0),
    Param(kind="i0", label="I0", auto="flats, I0 spectrum or empty area", files=True, words=I0_WORDS),
]
"""The incident intensity, or where it comes from."""

EnergyRanges = Annotated[
    list[tuple[float, float]] | None,
    BeforeValidator(load_ranges),
    Param(unit="eV", ge=0, auto="all energies"),
]
"""Ranges of energies in eV, given as a list of pairs, or as one pair."""

Region = Annotated[Any, BeforeValidator(load_region), Param(kind="region")]
"""A part of the image, given as a mask or a box."""


def load_shifts(value: Any) -> Alignment | None:
    """Return shifts of frames from pairs (dy, dx), an Alignment, its plain form, or the path of a CSV file.

    Raises
    ------
    ValueError
        If the value is none of these, or a shift is not a finite number.
    """
    from napari_xanes.io.shift_table import read_shifts

    if value is None or isinstance(value, Alignment):
        return value
    if isinstance(value, str | Path):
        return read_shifts(value)
    if isinstance(value, Mapping):
        if set(value) != {"path"}:
            return Alignment.from_plain(value)
        if not isinstance(value["path"], str | Path):
            raise ValueError(f"the path of shifts is text, not {value['path']!r}")
        return read_shifts(value["path"])
    return Alignment(value)


Shifts = Annotated[
    Any, BeforeValidator(load_shifts), Param(kind="shifts", unit="pixels", files=True, auto="from the images")
]
"""Shifts of the frames, given as numbers or as a file, or None."""


def as_mask(region: ArrayLike, shape: tuple[int, ...]) -> BoolArray:
    """Return a region of an image as a boolean mask of the image's shape.

    Parameters
    ----------
    region : array_like of bool with the image's shape, or (y0, y1, x0, x1)
        A mask, or a box in pixels, its upper ends excluded.
    shape : tuple
        Shape of the image, (Y, X) or (Z, Y, X).

    Raises
    ------
    ValueError
        If the region does not fit the image or is empty.

    Examples
    --------
    >>> int(as_mask((0, 2, 1, 3), (4, 4)).sum())
    4
    """
    region = np.asarray(region)
    if region.dtype == bool:
        if region.shape != shape and region.shape != shape[-2:]:
            raise ValueError(f"the region has shape {region.shape}, the image {shape}; give one of the image's shape")
        mask = np.broadcast_to(region, shape)
    elif region.shape == (4,):
        y0, y1, x0, x1 = (int(v) for v in region)
        if not (0 <= y0 < y1 <= shape[-2] and 0 <= x0 < x1 <= shape[-1]):
            raise ValueError(
                f"box y {y0}-{y1}, x {x0}-{x1} does not lie in an image of {shape[-2]} x {shape[-1]} pixels; "
                "choose a box inside it"
            )
        mask = np.zeros(shape, dtype=bool)
        mask[..., y0:y1, x0:x1] = True
    else:
        raise ValueError(f"a region is a boolean mask or a box (y0, y1, x0, x1), not {region!r}")
    if not mask.any():
        raise ValueError("the region is empty: brush or draw at least one pixel")
    return mask
