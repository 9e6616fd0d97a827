"""Which axis of a NeXus image stack is which: by the names of its axes, else by the lengths of the lists beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import h5py
import numpy as np

from napari_xanes.io.hdf5.file import row, texts

_ENERGY = ("energy", "photon_energy")
_SPATIAL = re.compile(r"(?:.*[_ ])?([xyz])(?:[_ ].*)?|.*[a-z]([XYZ])")
"""``sample_x``, ``x``, ``x_position``, ``SampleX``."""


def axis_names(group: h5py.Group, signal: h5py.Dataset) -> list[str]:
    """Return the names of the axes of a signal, in its order; none if the file does not name all of them.

    They stand in ``@axes`` of the group, in old files in ``@axes`` of the signal, or each field has its number
    (``@axis``, from 1).
    """
    for item in (group, signal):
        names = texts(item.attrs["axes"]) if "axes" in item.attrs else []
        if len(names) == signal.ndim:
            return names
    by_axis: dict[int, str] = {}
    for name in (*_ENERGY, "sample_z", "sample_y", "sample_x"):
        field = row(group, name)
        number = -1 if field is None else _integer(field.attrs.get("axis")) - 1
        if number in range(signal.ndim):
            by_axis[number] = name
    return [by_axis[i] for i in range(signal.ndim)] if len(by_axis) == signal.ndim else []


def is_energy(name: str) -> bool:
    """Whether an axis of this name is that of the photon energies."""
    return name.lower() in _ENERGY


def _integer(value: object) -> int:
    """Return an attribute as an integer, from a number, a text or an array of one; 0 for anything else."""
    try:
        return int(np.ravel(value)[0])  # type: ignore[call-overload]
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0


def axis_order(names: Sequence[str], shape: tuple[int, ...], lengths: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Return which axes of a stack are (E, Y, X) or (E, Z, Y, X), and which ones to drop, of length 1.

    Parameters
    ----------
    names : sequence of str
        Names of the axes; empty if the file does not tell them.
    shape : tuple of int
        Shape of the images with 3 or more axes.
    lengths : mapping
        Lengths of the lists beside the images, of ``energy``, ``z``, ``y`` and ``x``; those that are known.

    Raises
    ------
    ValueError
        If an axis is none of these, or neither names nor lengths tell which is which.

    Examples
    --------
    >>> axis_order(["sample_y", "sample_x", "energy"], (4, 5, 7), {})
    ([2, 0, 1], [])
    >>> axis_order([], (4, 5, 7), {"energy": 7, "y": 4, "x": 5})
    ([2, 0, 1], [])
    """
    if sum(map(is_energy, names)) == 1:
        return _by_names(names, shape)
    kept = list(range(len(shape)))
    if len(shape) > 3 and "z" not in lengths:
        kept = [i for i in kept if shape[i] != 1]
        kept = sorted({*kept, *(i for i in range(len(shape)) if len(kept) < 3)})
    dropped = [i for i in range(len(shape)) if i not in kept]
    if len(kept) == 4 and "z" not in lengths:
        raise ValueError(f"images of shape {shape} whose axes have no names; name them in the attribute 'axes'")
    order = _by_lengths([shape[i] for i in kept], lengths) if len(kept) == 3 else range(len(kept))
    return [kept[i] for i in order], dropped


def _by_names(names: Sequence[str], shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
    energy = next(i for i, name in enumerate(names) if is_energy(name))
    letters: dict[int, str] = {}
    for i, name in enumerate(names):
        match = _SPATIAL.fullmatch(name)
        if i != energy and match:
            letters[i] = (match[1] or match[2]).lower()
    places = [i for i in range(len(shape)) if i != energy]
    while len(places) > 2 and (single := [i for i in places if i not in letters and shape[i] == 1]):
        places.remove(single[0])
    unknown = [i for i in places if i not in letters]
    if len(places) > 2 and unknown:
        raise ValueError(
            f"its axis {names[unknown[0]]!r} of length {shape[unknown[0]]} is none of "
            "energy, z, y and x; write each of its images as a stack of its own"
        )
    if len(places) > 3 or len({letters[i] for i in places if i in letters}) < len(places) - len(unknown):
        raise ValueError(f"axes {', '.join(names)}: a stack has one of energy, y and x, and perhaps z; rename them")
    if len(unknown) == 1:
        # One name tells the other.
        letters[unknown[0]] = "y" if letters[next(i for i in places if i != unknown[0])] == "x" else "x"
    if len(unknown) < 2:
        places.sort(key=lambda i: "zyx".index(letters[i]))
    return [energy, *places], [i for i in range(len(shape)) if i != energy and i not in places]


def _by_lengths(shape: Sequence[int], lengths: Mapping[str, int]) -> tuple[int, ...]:
    """Return the order of three axes without names: (E, Y, X) unless only another order has the known lengths."""
    n_energies, *sides = (lengths.get(name) for name in ("energy", "y", "x"))
    fits = {
        order: [known in (None, shape[axis]) for known, axis in zip((n_energies, *sides), order, strict=True)]
        for order in ((0, 1, 2), (2, 0, 1), (2, 1, 0))
    }
    if n_energies is None or fits[0, 1, 2][0] or (None not in sides and all(fits[0, 1, 2][1:])):
        return 0, 1, 2
    complete = [order for order, is_fitting in fits.items() if all(is_fitting)]
    if len(complete) > 1 and None in sides:
        raise ValueError(
            f"images of shape {tuple(shape)} with {n_energies} energies, which is the length of the last axis: their "
            "axes have no names, and no positions tell which are y and x; name them in the attribute 'axes'"
        )
    return complete[0] if complete else (0, 1, 2)
