"""Darks and references of EDF series, brought to the exposures and energies of the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.io.edf.shots import Shot
from napari_xanes.io.part import Part, known_times, mean_of
from napari_xanes.wording import counted

Darks = Mapping[float, Float32Array]
"""Dark counts (Y, X) of one camera frame, by its exposure in s, which increases."""

_SINGLE = np.dtype(np.float32)


def camera_darks(shots: Sequence[Shot]) -> Darks:
    """Average the dark counts of one camera frame over all darks of the same exposure.

    Raises
    ------
    OSError
        If a file can't be read.
    """
    by_time: dict[float, list[Shot]] = {}
    for shot in sorted(shots, key=lambda shot: shot.camera_time):
        by_time.setdefault(shot.camera_time, []).append(shot)
    return {time: _camera_frame(group) for time, group in by_time.items()}


def _camera_frame(shots: Sequence[Shot]) -> Float32Array:
    with np.errstate(all="ignore"):  # pixels that are not numbers, or too large for float32, stay so
        mean = mean_of([shot.part.load for shot in shots]) / np.mean([shot.n_summed for shot in shots])
        return mean.astype(np.float32)


def with_dark(shot: Shot, darks: Darks) -> Part:
    """Return an image with its dark, unless there are none."""
    part = shot.part
    if not darks:
        return part
    load = partial(dark_counts, darks, shot.camera_time, shot.n_summed)
    return replace(part, dark=replace(part, dtype=_SINGLE, load=load))


def dark_counts(darks: Darks, camera_time: float, n_summed: int) -> Float64Array:
    """Return the dark counts (Y, X) of an image.

    Parameters
    ----------
    darks : mapping
        At least one. Between two exposures the dark is interpolated, beyond them the nearest is taken.
    camera_time : float
        Exposure of one camera frame in s.
    n_summed : int
        How many camera frames are in the image.
    """
    images = list(darks.values())
    weights = _neighbours(list(darks), camera_time)
    return np.asarray(sum(n_summed * weight * images[i].astype(np.float64) for i, weight in weights))


def with_flats(
    parts: Sequence[Part], references: Sequence[Part], energies: Sequence[float], notes: list[str]
) -> list[Part]:
    """Give each image a reference of its energy, as if exposed as the image was, dark counts included.

    Parameters
    ----------
    parts : sequence of Part
        The images, with their darks.
    references : sequence of Part
        With their darks. Their energies increase, or there is one at 0 that serves all images. Between two energies
        the reference is interpolated, beyond them the nearest is taken.
    energies : sequence of float
        Of the images, in eV.
    notes : list of str
        Gets lines about what was done.
    """
    reference_energies: list[float] = [reference.energy or 0.0 for reference in references]
    missing = sum(energy not in reference_energies for energy in energies)
    if missing and reference_energies != [0.0]:
        notes.append(
            f"{counted(missing, 'energy has', 'energies have')} no reference; it is interpolated "
            "between others, or the nearest is taken"
        )
    times, reference_times = known_times(parts), known_times(references)
    if times is None or reference_times is None:
        scales: NDArray[np.float64] = np.ones((len(parts), len(references)))
    else:
        scales = times[:, None] / reference_times
        if np.ptp([*times, *reference_times]) > 1e-6 * times.max():
            notes.append("references scaled to the exposures of the images")
    are_known = times is not None and reference_times is not None
    return [
        replace(part, flat=_flat_of(part, references, _neighbours(reference_energies, energy), scale, are_known))
        for part, energy, scale in zip(parts, energies, scales, strict=True)
    ]


def _flat_of(
    part: Part,
    references: Sequence[Part],
    weights: Sequence[tuple[int, float]],
    scale: Float64Array,
    exposure_is_known: bool,
) -> Part:
    terms = [(float(weight * scale[i]), references[i].load, _load_of(references[i].dark)) for i, weight in weights]
    return replace(
        part,
        dtype=_SINGLE,
        load=partial(_flat, terms, _load_of(part.dark)),
        exposure=part.exposure if exposure_is_known else 0.0,
        n_frames=min(references[i].n_frames for i, _ in weights),
        flat=None,
        dark=None,
    )


_Load = Callable[[], NDArray[Any]]


def _load_of(part: Part | None) -> _Load | None:
    return None if part is None else part.load


def _flat(terms: Sequence[tuple[float, _Load, _Load | None]], dark: _Load | None) -> Float64Array:
    """Add up references, each times a factor and without its dark, and add the dark of the image."""
    flat = np.asarray(dark() if dark else 0.0, dtype=np.float64)
    with np.errstate(all="ignore"):  # pixels that are not numbers stay so
        for factor, load, reference_dark in terms:
            counts = np.asarray(load(), dtype=np.float64)
            flat = flat + factor * (counts - reference_dark() if reference_dark else counts)
    return flat


def _neighbours(increasing: Sequence[float], value: float) -> list[tuple[int, float]]:
    """Return the places of the numbers around a value, and their weights; the nearest alone beyond the ends.

    Examples
    --------
    >>> _neighbours([1.0, 2.0, 4.0], 3.5), _neighbours([1.0, 2.0], 2.0), _neighbours([1.0, 2.0], 9.0)
    ([(1, 0.25), (2, 0.75)], [(1, 1.0)], [(1, 1.0)])
    """
    place = float(np.interp(value, increasing, np.arange(len(increasing))))
    low, fraction = int(place), place % 1
    return [(low, 1 - fraction), (low + 1, fraction)] if fraction else [(low, 1.0)]
