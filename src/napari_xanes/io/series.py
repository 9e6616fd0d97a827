"""Stacks whose frames lie in several files, usually one file per energy.

A format of this kind needs one parser of one file, ``path -> Part``. The rest is here::

    def read(path, energies=None, files=None):
        warnings = []
        paths = series_files(path, files, (".abc",), warnings)
        return assemble(parse_files(paths, parse, warnings), energies=energies, warnings=warnings)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.io.allocation_limits import memory_limited_to
from napari_xanes.io.files import files_in, first_names, link_warnings
from napari_xanes.io.frames import one_per_file
from napari_xanes.io.part import Part, common_shape, known_times
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.stack import Quantity
from napari_xanes.wording import one_or_more

Facts = TypeVar("Facts")

SAME_VIEW = 0.5
"""Degrees: images whose angles differ by more do not show the same view of the sample."""

_ALIKE = 1e-6
"""Relative difference below which exposure times count as equal: files store them as float32."""
_SAME_OPTICS = 0.1
"""Relative difference of pixel sizes up to which files belong to one scan: the magnification changes with energy."""
_SINGLE = np.dtype(np.float32)


def series_files(
    path: Path, files: Sequence[Path] | None, suffixes: tuple[str, ...], warnings: list[str]
) -> list[Path]:
    """List the files of a series: those that were chosen, those in a folder, or the one file.

    Parameters
    ----------
    path : Path
        A file or a folder.
    files : sequence of Path or None
        The chosen files of the folder; None takes all.
    suffixes : tuple of str
        Ends of file names, lower case.
    warnings : list of str
        Gets a line if links lead out of the folder.
    """
    if files is not None:
        return list(files)
    if not path.is_dir():
        return [path]
    in_folder, links = files_in(path, suffixes)
    warnings += link_warnings(links)
    return in_folder


def parse_files(
    paths: Sequence[Path],
    parse: Callable[[Path], Facts | None],
    warnings: list[str],
    *,
    kind: str = "files",
    required: bool = True,
    skip: type[Exception] | tuple[type[Exception], ...] = (OSError, ValueError),
) -> list[Facts]:
    """Parse each file. Files that can't be parsed are left out, as an interrupted scan leaves its last file damaged.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    parse : callable
        Returns the facts of one file, such as a `Part`; None passes the file over without a word.
    warnings : list of str
        Gets a line that names the files left out, each with its error.
    kind : str
        The word for the files in messages.
    required : bool
        Whether at least one file must be usable.
    skip : exception type, or tuple of them
        Errors for which a file is left out; others stop the reading.

    Raises
    ------
    OSError, ValueError
        If files are required and none can be used; the error of the file itself if there is only one.
    """
    facts: list[Facts] = []
    errors: dict[Path, Exception] = {}
    for path in paths:
        try:
            parsed = parse(path)
        except skip as error:
            errors[path] = error
        else:
            facts += [] if parsed is None else [parsed]
    if required and len(paths) == len(errors) == 1:
        raise errors[paths[0]]
    reasons = first_names([f"{path.name} ({_reason(path, error)})" for path, error in errors.items()])
    if required and not facts:
        folder = f"{paths[0].parent}: " if paths else ""
        raise ValueError(f"{folder}none of {len(paths)} {kind} can be used: {reasons or 'they hold something else'}")
    if errors:
        warnings.append(
            f"{len(errors)} of {len(paths)} {kind} can't be used and "
            f"{one_or_more(len(errors), 'is', 'are')} left out: {reasons}"
        )
    return facts


def _reason(path: Path, error: Exception) -> str:
    text = str(error)
    for name in (str(path), str(path.resolve()), path.name):
        text = text.removeprefix(f"{name}: ")
    return shorten(text, 100, placeholder=" ...")


def with_known_energies(
    parts: Sequence[Part],
    energies: Any,
    warnings: list[str],
    *,
    kind: str = "files",
    energy_place: str = "in the file",
) -> list[Part]:
    """Leave out the frames without an energy, unless the user gives the energies.

    Raises
    ------
    ValueError
        If no frame has an energy, and none are given.
    """
    missing = [part.path for part in parts if part.energy is None]
    if energies is not None or not missing:
        return list(parts)
    if len(missing) == len(parts):
        raise ValueError(
            f"{missing[0]}: no photon energy {energy_place}; pass energies=, one in eV for each of {len(parts)} {kind}"
        )
    names = first_names([path.name for path in missing])
    warnings.append(
        f"{len(missing)} of {len(parts)} {kind} {one_or_more(len(missing), 'has', 'have')} no photon energy "
        f"{energy_place} and {one_or_more(len(missing), 'is', 'are')} left out: {names}"
    )
    return [part for part in parts if part.energy is not None]


def assemble(
    parts: Sequence[Part],
    *,
    quantity: Quantity = "counts",
    energies: Any = None,
    energy_place: str = "in the file",
    metadata: dict[str, Any] | None = None,
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> RawStack:
    """Make a stack of frames; it is lazy if it is larger than the memory limit.

    Flats and darks become ``flat`` and ``dark`` (E, ...) if every frame has one. If exposure times change with energy
    the flats are scaled to those of the frames.

    Parameters
    ----------
    parts : sequence of Part
        At least one, in any order; `finalize` sorts them and averages those of one energy.
    quantity : str
        What the values are.
    energies : array_like of eV, or path of a text file, optional
        The user's energies, which `finalize` puts in: then frames need no energy.
    energy_place : str
        Where an energy is looked for, for messages.
    metadata : dict, optional
        More metadata, which replace those found here.
    warnings, notes : sequence of str
        What the user must be told already, and what was done already.

    Raises
    ------
    OSError
        If a file that could be parsed can't be read.
    ValueError
        If frames differ in shape, or no frame has an energy.
    """
    warnings, notes = list(warnings), list(notes)
    parts = with_known_energies(parts, energies, warnings, energy_place=energy_place)
    images = [image for part in parts for image in (part, part.flat, part.dark) if image is not None]
    shape = common_shape(images)
    stack_metadata: dict[str, Any] = {"energy_unit": parts[0].energy_unit} | _angle(parts, warnings) | _exposure(parts)
    if (max_repeats := max(part.n_frames for part in parts)) > 1:
        stack_metadata["repeats"] = max_repeats
    if len({part.path for part in parts}) == len(parts) > 1:
        stack_metadata["files"] = [part.path.name for part in parts]
    size = _pixel_size(parts, warnings, notes)
    with memory_limited_to(sum(path.stat().st_size for path in {image.path for image in images})):
        stack_metadata |= _flats(parts, shape, warnings, notes) | _darks(parts, shape, warnings)
        dtype = np.result_type(*(part.dtype for part in parts))
        data = one_per_file([partial(_pixels, part.load, 1.0, dtype) for part in parts], shape, dtype)
    energy = np.array([part.energy or 0.0 for part in parts])
    return RawStack(
        data, energy, quantity, size, stack_metadata | (metadata or {}), warnings, notes, interruptible=True
    )


def _angle(parts: Sequence[Part], warnings: list[str]) -> dict[str, Any]:
    angles = [part.angle for part in parts if part.angle is not None and np.isfinite(part.angle)]
    warnings += other_views(angles)
    return {"angle": angles[0]} if angles else {}


def other_views(angles: Iterable[float]) -> list[str]:
    """Return a warning if frames at some angles, in degrees, do not show one view of the sample."""
    known = [angle for angle in angles if np.isfinite(angle)]
    if not known or max(known) - min(known) <= SAME_VIEW:
        return []
    return [f"frames were taken at {min(known):g} to {max(known):g} degrees: they do not show one view"]


def _exposure(parts: Sequence[Part]) -> dict[str, Any]:
    times = known_times(parts)
    return {} if times is None else {"exposure": float(times[0]) if _are_alike(times) else times}


def _are_alike(times: Float64Array) -> bool:
    return bool(np.ptp(times) <= _ALIKE * times.max())


def _pixel_size(parts: Sequence[Part], warnings: list[str], notes: list[str]) -> tuple[float, ...] | None:
    """Return the first known pixel size, if the others are close to it."""
    sizes = [part.pixel_size for part in parts if part.pixel_size is not None]
    if not sizes:
        return None
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    if (high > low * (1 + _SAME_OPTICS)).any():
        warnings.append(
            f"pixels are {low.min():g} to {high.max():g} µm, so no size is taken; open only the files of one scan"
        )
        return None
    if (high > low).any():
        notes.append(f"pixels are {low.min():g} to {high.max():g} µm in the headers; {sizes[0][-1]:g} µm is taken")
    return sizes[0]


def _corrections(parts: Sequence[Part], name: Literal["flat", "dark"], warnings: list[str]) -> list[Part]:
    """Return the flats or darks of all frames; none if a frame has none."""
    images = [image for part in parts if (image := getattr(part, name)) is not None]
    if 0 < len(images) < len(parts):
        without = [part.path.name for part in parts if getattr(part, name) is None]
        warnings.append(
            f"{len(without)} of {len(parts)} frames {one_or_more(len(without), 'has', 'have')} no {name}, so those of "
            f"the others are not used: {first_names(without)}"
        )
    return images if len(images) == len(parts) else []


def _flats(parts: Sequence[Part], shape: tuple[int, ...], warnings: list[str], notes: list[str]) -> dict[str, Any]:
    flats = _corrections(parts, "flat", warnings)
    if not flats:
        return {}
    metadata: dict[str, Any] = {"n_flat": min(flat.n_frames for flat in flats)}
    factors = np.ones(len(parts))
    times, flat_times = known_times(parts), known_times(flats)
    if times is None or flat_times is None:
        if any(image.exposure is not None for image in [*parts, *flats]):
            warnings.append("exposure times are not known; frames and references are taken to be exposed alike")
    elif _are_alike(times) and _are_alike(flat_times):
        metadata["flat_exposure"] = float(flat_times[0])
    elif not np.allclose(times, flat_times, rtol=_ALIKE):
        factors = times / flat_times
        notes.append("references scaled to the exposure times of the frames")
    loads = [partial(_pixels, flat.load, float(factor), _SINGLE) for flat, factor in zip(flats, factors, strict=True)]
    return metadata | {"flat": one_per_file(loads, shape, _SINGLE)}


def _darks(parts: Sequence[Part], shape: tuple[int, ...], warnings: list[str]) -> dict[str, Any]:
    darks = _corrections(parts, "dark", warnings)
    loads = [partial(_pixels, dark.load, 1.0, _SINGLE) for dark in darks]
    return {"dark": one_per_file(loads, shape, _SINGLE)} if darks else {}


def _pixels(load: Callable[[], NDArray[Any]], factor: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read a frame, times a factor."""
    with np.errstate(all="ignore"):  # pixels that are not numbers, or too large ones, stay so
        pixels = load()
        return (pixels if factor == 1 else pixels * np.float64(factor)).astype(dtype, copy=False)
