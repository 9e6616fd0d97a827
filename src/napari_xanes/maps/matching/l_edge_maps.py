"""The maps and the warnings of a match at an L edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes.maps.matching.doubts import NO_SIGNAL, Doubt, doubt_maps
from napari_xanes.maps.matching.fit_state import is_at_the_end
from napari_xanes.maps.matching.l_edge_matcher import Matcher
from napari_xanes.maps.matching.l_edge_model_error import untested_warnings
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library


def charge_of(library: Library, species: str) -> float:
    """Return the charge of the members of a species."""
    return float(library.table["charge"][library.species.index(species)])


def l_edge_maps(stack: SpectralStack, library: Library, matcher: Matcher) -> dict[str, ParameterMap]:
    """Return the maps of a matcher that has matched the whole stack."""
    shape = stack.shape[1:]
    values = {name: array.reshape(shape) for name, array in matcher.values.items()}
    doubt = matcher.doubt.reshape(shape)
    signal = np.isfinite(values["signal"]) & (doubt != Doubt.WEAK) & (doubt != Doubt.NOT_FINITE)
    well_fitted = signal & (doubt != Doubt.POOR)
    maps = {"charge": _charge_map(library, matcher, doubt, well_fitted & (doubt != Doubt.MIXED))}
    if np.isfinite(library.column("ten_dq")).any():
        maps |= _ten_dq_maps(values, doubt == 0)
    if matcher.fits_shift:
        maps["shift"] = ParameterMap(values["shift"], "eV", values["shift_sigma"], well_fitted)
    maps["signal"] = ParameterMap(values["signal"], stack.unit, values["signal_sigma"], signal, companion="charge")
    for name in ("misfit", "margin"):
        maps[name] = ParameterMap(values[name], "1", mask=signal, companion="charge")
    return maps | doubt_maps(doubt, "charge")


def _charge_map(
    library: Library, matcher: Matcher, doubt: NDArray[np.uint8], well_fitted: NDArray[np.bool_]
) -> ParameterMap:
    """The map of labels: the charge of each species where charges are whole and unique, else a number."""
    species = matcher.grid.species
    charges = [charge_of(library, name) for name in species]
    are_whole = all(charge == round(charge) and charge > 0 for charge in charges) and len(set(charges)) == len(charges)
    numbers = [int(charge) for charge in charges] if are_whole else list(range(1, len(species) + 1))
    ambiguous = max(numbers) + 1
    label = np.array([*numbers, 0], dtype=np.int16)[matcher.species.reshape(doubt.shape)]
    label = np.where(doubt == Doubt.AMBIGUOUS, ambiguous, np.where(well_fitted, label, 0)).astype(np.int16)
    labels = {**dict(zip(numbers, species, strict=True)), ambiguous: "ambiguous"}
    return ParameterMap(label, mask=label != 0, labels=labels)


def _ten_dq_maps(values: dict[str, NDArray[np.float32]], assigned: NDArray[np.bool_]) -> dict[str, ParameterMap]:
    """10Dq with its total error, and the parts of the error as companions."""
    parts = {name: values[name] for name in ("ten_dq_noise", "ten_dq_grid", "ten_dq_model")}
    total = np.sqrt(sum(error.astype(np.float64) ** 2 for error in parts.values()))
    maps = {"ten_dq": ParameterMap(values["ten_dq"], "eV", total, assigned & np.isfinite(values["ten_dq"]))}
    return maps | {name: ParameterMap(error, "eV", mask=assigned, companion="ten_dq") for name, error in parts.items()}


_MANY_BEYOND = 0.02
"""Pixels beyond the library are told from this share on; noise alone puts some there."""


def l_edge_warnings(library: Library, matcher: Matcher, ambiguous: list[float], offset: float) -> list[str]:
    """Return what a user should know about the result; `ambiguous` lists the ambiguous charges, `offset` is in eV."""
    counts = np.bincount(matcher.doubt, minlength=len(Doubt) + 1)
    n_signal = int(counts.sum() - counts[Doubt.WEAK] - counts[Doubt.NOT_FINITE])
    if n_signal == 0:
        return [NO_SIGNAL]
    warnings = untested_warnings(library)
    if ambiguous and is_at_the_end(offset):
        warnings.append(
            f"the energy offset stands at {offset:+.2f} eV, the end of its reach: the edge may lie beyond, so every "
            "charge is ambiguous; give offset, or choose the library of the element that was measured"
        )
    species = [name for name in matcher.grid.species if charge_of(library, name) in ambiguous]
    if species and counts[Doubt.AMBIGUOUS]:
        warnings.append(
            f"{' and '.join(species)} fit about equally well, as the theory and the energy offset are uncertain: their "
            "pixels are ambiguous; give offset if the energy axis is calibrated to 0.3 eV"
        )
    n_beyond, n_poor = counts[Doubt.BEYOND_LIBRARY], counts[Doubt.POOR]
    if n_beyond > _MANY_BEYOND * n_signal:
        ten_dq = library.column("ten_dq")
        warnings.append(
            f"10Dq of {n_beyond} of {n_signal} pixels lies beyond the library ({np.nanmin(ten_dq):g} to "
            f"{np.nanmax(ten_dq):g} eV) and is masked"
        )
    if n_poor > 0.05 * n_signal:
        warnings.append(f"{n_poor} of {n_signal} pixels fit no member of the library to max_misfit: not assigned")
    return warnings
