"""The library spectrum of one matched pixel, and its runners-up, to draw over the measured one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.shipped import load_library


def best_matches(maps: MapSet, spectrum: Spectrum, *, count: int = 3, shift: float = 0.0) -> list[Spectrum]:
    """The members of the library that fit a spectrum best, scaled and on its background; the first of each charge.

    Parameters
    ----------
    maps : MapSet
        What `match_library` gave: library, offset, broadening and background are those of the maps.
    spectrum : Spectrum
        A pixel's or a region's measured spectrum, on the stack's energies.
    count : int
        How many to give at most.
    shift : float
        The pixel's shift in eV.

    Returns
    -------
    list of Spectrum
        The best first; ``metadata["misfit"]`` is the root mean square residual over the spectrum's height,
        ``metadata["parameters"]`` those of the member.

    Raises
    ------
    ValueError
        If the maps were not made by `match_library`, or the spectrum is not finite on the energies matched.
    """
    match = _match_of(maps)
    library = load_library(match["library"])
    axis = match["energy"]
    measured = spectrum.at(axis)
    if not np.isfinite(measured).all():
        raise ValueError(f"spectrum {spectrum.name!r} has no value at {axis[~np.isfinite(measured)][0]:g} eV")
    drawn = library.at(axis, broadening=match["broadening"], shift=match["offset"] + shift)
    free = background_columns(axis, match["background"])
    clean, own = drawn - (drawn @ free) @ free.T, measured - free @ (free.T @ measured)
    scale = np.maximum(clean @ own / np.maximum(np.sum(clean**2, axis=1), 1e-30), 0)
    fits = drawn * scale[:, None]
    fits += (measured - fits) @ free @ free.T
    rms = np.sqrt(np.mean((measured - fits) ** 2, axis=1))
    found: list[Spectrum] = []
    seen: set[str] = set()
    for row in np.argsort(rms, kind="stable"):
        if library.species[row] in seen:
            continue
        seen.add(library.species[row])
        height = max(float(np.ptp(drawn[row]) * scale[row]), 1e-30)
        metadata = {"misfit": float(rms[row]) / height, "parameters": library.parameters(int(row))}
        found.append(Spectrum(library.label(int(row)), axis, fits[row], metadata=metadata))
        if len(found) == count:
            break
    return found


def _match_of(maps: MapSet) -> Mapping[str, Any]:
    match = maps.metadata.get("match")
    if not isinstance(match, Mapping):
        raise ValueError(f"{maps!r} holds no match with a library; run match_library first")
    return match
