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
from napari_xanes.run_lengths import mask_from_plain
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

I0_WORDS = ("auto", "flat", "empty")
"""Where I0 may come from in the stack itself; any other text is a path."""


def load_references(value: Any) -> list[Spectrum]:
    """Return spectra from Spectrum objects, paths, or mappings such as ``{path: NiO.txt, name: NiO, valence: 2}``.

    Parameters
    ----------
    value : Spectrum, path, mapping, or a list of them
        A mapping with a path may name one of several spectra in the file, or give a new name to the only one. It may
        also choose columns, mode and scan, as `napari_xanes.read_spectra` takes them.

    Raises
    ------
    ValueError
        If there is no spectrum, two spectra have the same name, or a file holds I0 or not the named spectrum.
    """
    items = list(value) if isinstance(value, list | tuple) else [value]
    spectra = [spectrum for item in items for spectrum in _spectra(item)]
    if not spectra:
        raise ValueError("no reference spectra; load at least one")
    names = [spectrum.name for spectrum in spectra]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two references have the name {name!r}; give them different names")
    return spectra


def _spectra(item: Any) -> list[Spectrum]:
    """Return the spectra that one item of `load_references` stands for."""
    from napari_xanes.io import CHOICES, read_spectra

    if isinstance(item, Spectrum):
        return [item]
    if isinstance(item, str | Path):
        return _without_i0(read_spectra(item))
    if not isinstance(item, Mapping):
        raise ValueError(f"a reference is a Spectrum, a path, or a mapping with a path, not {item!r}")
    if "mu" in item:
        return [Spectrum.from_plain(item)]
    unknown = set(item) - {"path", "name", "valence", *CHOICES}
    if "path" not in item or unknown:
        given = ", ".join(map(str, item)) or "nothing"
        raise ValueError(f"a reference has path, name and valence, and may have {', '.join(CHOICES)}, not {given}")
    if not isinstance(item["path"], str | Path):
        raise ValueError(f"the path of a reference is text, not {item['path']!r}")
    choice = {key: item[key] for key in CHOICES if key in item}
    spectra = read_spectra(item["path"], **choice)
    if "signal" not in choice:
        _without_i0(spectra)
    matches = [spectrum for spectrum in spectra if spectrum.name == item.get("name")]
    if "name" in item and not matches and len(spectra) > 1:
        raise ValueError(f"{item['path']} holds {', '.join(s.name for s in spectra)}, but no {item['name']!r}")
    return [
        Spectrum(str(item.get("name", s.name)), s.energy, s.mu, item.get("valence", s.valence), s.sigma, s.metadata)
        for s in matches or spectra
    ]


def _without_i0(spectra: list[Spectrum]) -> list[Spectrum]:
    """Return references, or refuse a file whose only column is I0."""
    for spectrum in spectra:
        if spectrum.metadata.get("signal") == "I0":
            path, column = spectrum.metadata.get("path"), spectrum.metadata.get("column")
            raise ValueError(f"{path} holds I0 (column {column!r}), no absorption; a reference needs mu(E)")
    return spectra


def load_reference(value: Any) -> Spectrum | None:
    """Return one spectrum, given as in `load_references`, or None.

    Raises
    ------
    ValueError
        If there are several spectra.
    """
    if value is None:
        return None
    spectra = load_references(value)
    if len(spectra) > 1:
        names = ", ".join(spectrum.name for spectrum in spectra)
        raise ValueError(f"give one spectrum, not {len(spectra)} ({names}); choose by {{path: ..., name: ...}}")
    return spectra[0]


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
        raise ValueError(f"I0 is 'auto', 'flat', 'empty', a region, or a file; there is no file {str(path)!r}")
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
            raise ValueError(f"the region has shape {region.shape}, the image {shape}")
        mask = np.broadcast_to(region, shape)
    elif region.shape == (4,):
        y0, y1, x0, x1 = (int(v) for v in region)
        if not (0 <= y0 < y1 <= shape[-2] and 0 <= x0 < x1 <= shape[-1]):
            raise ValueError(
                f"box y {y0}-{y1}, x {x0}-{x1} does not lie in an image of {shape[-2]} x {shape[-1]} pixels"
            )
        mask = np.zeros(shape, dtype=bool)
        mask[..., y0:y1, x0:x1] = True
    else:
        raise ValueError(f"a region is a boolean mask or a box (y0, y1, x0, x1), not {region!r}")
    if not mask.any():
        raise ValueError("the region is empty: brush or draw at least one pixel")
    return mask
