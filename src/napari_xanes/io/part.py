"""One frame of a series of files, before its pixels are read; repeats, and the references that belong to frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.io.frames import choose_repeats
from napari_xanes.io.unchanged import only_unchanged
from napari_xanes.wording import counted

_SINGLE = np.dtype(np.float32)


@dataclass(frozen=True)
class Part:
    """One frame of a series: what is known before its pixels are read, and how to read them.

    Parameters
    ----------
    path : Path
        The file of the frame.
    energy : float or None
        Photon energy in eV; None if the file does not tell it.
    shape : tuple of int
        (Y, X), or (Z, Y, X) of a volume.
    dtype : numpy dtype
        Of the pixels, in native byte order.
    load : callable
        Returns the pixels as an array of `shape`. It must be picklable, such as a `functools.partial` of a function
        of a module: frames of a large stack are read later, perhaps in another process. The part wraps it, so that it
        refuses a file that changed since the part was made.
    energy_unit : str
        How the unit of the energy was known.
    exposure : float or None
        Exposure time in s; None if the format has none, 0 if the format has one but this file does not tell it.
    pixel_size : tuple of float or None
        µm, (Y, X) or (Z, Y, X).
    angle : float or None
        Of the sample, in degrees.
    n_frames : int
        How many frames of this energy were measured. The part is their mean, or one of them.
    flat, dark : Part or None
        The reference image and the dark image of this frame.
    """

    path: Path
    energy: float | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], NDArray[Any]]
    energy_unit: str = "eV"
    exposure: float | None = None
    pixel_size: tuple[float, ...] | None = None
    angle: float | None = None
    n_frames: int = 1
    flat: Part | None = None
    dark: Part | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "load", only_unchanged(self.path, self.load))


def group_repeats(parts: Sequence[Part], repeat: int | None = None) -> tuple[list[list[Part]], list[str]]:
    """Group frames by energy, in order of energy, for formats that measure each energy several times.

    If a frame has no energy (the user gives them), every frame is a group of its own, in the given order.

    Parameters
    ----------
    parts : sequence of Part
        The frames, repeats in the order of measurement.
    repeat : int or None
        Keep only this frame of each energy, from 1, or the last one where there are fewer.

    Returns
    -------
    groups : list of list of Part
        What `mean_parts` averages.
    notes : list of str
        What is done to the repeats.
    """
    if any(part.energy is None for part in parts):
        return [[part] for part in parts], []
    by_energy: dict[float, list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.energy or 0.0):
        by_energy.setdefault(part.energy or 0.0, []).append(part)
    groups = [[replace(part, n_frames=len(group)) for part in group] for group in by_energy.values()]
    return choose_repeats(groups, repeat)


def mean_parts(groups: Sequence[Sequence[Part]]) -> list[Part]:
    """Average each group of frames into one frame; all become float32 if a group has several frames."""
    if max(map(len, groups)) == 1:
        return [group[0] for group in groups]
    return [replace(_mean_part(group), dtype=_SINGLE) for group in groups]


def _mean_part(group: Sequence[Part]) -> Part:
    first = group[0]
    if len(group) == 1:
        return first
    corrections: dict[str, Part] = {}
    for name in ("flat", "dark"):
        images = [image for part in group if (image := getattr(part, name)) is not None]
        if len(images) == len(group):
            corrections[name] = replace(_mean_part(images), n_frames=sum(image.n_frames for image in images))
    times = known_times(group)
    exposure = (None if first.exposure is None else 0.0) if times is None else float(times.mean())
    load = partial(mean_of, tuple(part.load for part in group))
    return replace(first, dtype=_SINGLE, load=load, exposure=exposure, **corrections)  # type: ignore[arg-type]


def mean_of(loads: Sequence[Callable[[], NDArray[Any]]]) -> Float64Array:
    """Return the mean of several frames."""
    with np.errstate(all="ignore"):  # pixels that are not numbers stay so
        total = np.array(loads[0](), dtype=np.float64)
        for load in loads[1:]:
            total += load()
        return total / len(loads)


def with_nearest_flats(parts: Sequence[Part], references: Sequence[Part], notes: list[str]) -> list[Part]:
    """Give each frame the reference of its energy, or of the nearest energy that has one.

    Parameters
    ----------
    parts, references : sequence of Part
        Frames and references; no two references have one energy.
    notes : list of str
        Gets a line if an energy has no reference of its own.
    """
    energy = np.array([part.energy for part in parts])
    reference_energy = np.array([part.energy for part in references])
    nearest = np.abs(reference_energy[None, :] - energy[:, None]).argmin(axis=1)
    distance = np.abs(reference_energy[nearest] - energy)
    if missing := np.count_nonzero(distance):
        notes.append(
            f"{counted(int(missing), 'energy has', 'energies have')} no reference; the nearest ones, up to "
            f"{distance.max():g} eV away, are taken"
        )
    return [replace(part, flat=references[i]) for part, i in zip(parts, nearest, strict=True)]


def known_times(parts: Sequence[Part]) -> Float64Array | None:
    """Return the exposure times of frames (E,) in s; None if one is not known."""
    times = np.array([part.exposure or 0.0 for part in parts])
    return times if ((times > 0) & (times < np.inf)).all() else None


def common_shape(parts: Sequence[Part]) -> tuple[int, ...]:
    """Return the shape that all frames have.

    Raises
    ------
    ValueError
        If a frame differs.
    """
    first = parts[0]
    for part in parts:
        if part.shape != first.shape:
            raise ValueError(
                f"{part.path}: its frame is {part.shape}, that of {first.path.name} {first.shape}; "
                "open only the files of one scan, or bring them to one size"
            )
    return first.shape
