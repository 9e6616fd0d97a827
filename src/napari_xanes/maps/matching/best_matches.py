"""The library spectra that fit one pixel's spectrum best, to draw over the measured one."""

from __future__ import annotations

import numpy as np

from napari_xanes.maps.matching.result import library_match
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.shipped import load_library


def best_matches(maps: MapSet, spectrum: Spectrum, *, count: int = 3, shift: float = 0.0) -> list[Spectrum]:
    """Return the best member of each species, scaled to a spectrum and with its background.

    Parameters
    ----------
    maps : MapSet
        Maps of `match_library`. Their library, offset, broadening and background are used.
    spectrum : Spectrum
        Measured spectrum of a pixel or a region, on the stack's energies.
    count : int
        How many spectra to return at most.
    shift : float
        The pixel's shift in eV.

    Returns
    -------
    list of Spectrum
        The best first. ``metadata["misfit"]`` is the root mean square residual over the spectrum's height,
        ``metadata["parameters"]`` holds the parameters of the member.

    Raises
    ------
    ValueError
        If the maps were not made by `match_library`, or the spectrum is not finite on the energies matched.
    """
    match = library_match(maps.metadata)
    if match is None:
        raise ValueError(f"{maps!r} holds no match with a library; run match_library first")
    library, energy = load_library(match.library), match.energy
    measured = spectrum.at(energy)
    if not np.isfinite(measured).all():
        raise ValueError(
            f"spectrum {spectrum.name!r} has no value at {energy[~np.isfinite(measured)][0]:g} eV: give it on the "
            "energies of the stack"
        )
    members = library.at(energy, broadening=match.broadening, shift=match.offset + shift)
    free = background_columns(energy, match.background)
    clean, measured_residual = members - (members @ free) @ free.T, measured - free @ (free.T @ measured)
    scale = np.maximum(clean @ measured_residual / np.maximum(np.sum(clean**2, axis=1), 1e-30), 0)
    fits = members * scale[:, None]
    fits += (measured - fits) @ free @ free.T
    rms = np.sqrt(np.mean((measured - fits) ** 2, axis=1))
    best_rows: dict[str, int] = {}
    for row in np.argsort(rms, kind="stable"):
        best_rows.setdefault(library.species[row], int(row))
    best = []
    for row in list(best_rows.values())[:count]:
        height = max(float(np.ptp(members[row]) * scale[row]), 1e-30)
        metadata = {"misfit": float(rms[row]) / height, "parameters": library.parameters(row)}
        best.append(Spectrum(library.label(row), energy, fits[row], metadata=metadata))
    return best
