"""The results of a match at an L edge as maps, and what to say about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_xanes.maps.matching.l_edge import DOUBTS, Matcher
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library


def charge_of(library: Library, species: str) -> float:
    """The charge of the members of a species."""
    return float(library.table["charge"][library.species.index(species)])


def _labels(library: Library, species: list[str]) -> tuple[dict[int, str], int]:
    """Label of each species, its charge where that is unique, and the label of ambiguous pixels."""
    charges = [charge_of(library, name) for name in species]
    whole = all(charge == round(charge) and charge > 0 for charge in charges) and len(set(charges)) == len(charges)
    labels = [int(charge) for charge in charges] if whole else list(range(1, len(species) + 1))
    return dict(zip(labels, species, strict=True)), max(labels) + 1


def charge_maps(stack: SpectralStack, library: Library, matcher: Matcher) -> dict[str, ParameterMap]:
    """The filled arrays as maps."""
    shape = stack.shape[1:]
    values = {name: array.reshape(shape) for name, array in matcher.values.items()}
    doubt, species = matcher.doubt.reshape(shape), matcher.species.reshape(shape)
    signal = np.isfinite(values["signal"]) & (doubt != 1) & (doubt != 5)
    assigned = doubt == 0
    names, ambiguous = _labels(library, matcher.nodes.species)
    label = np.array([*names, 0], dtype=np.int16)[species]
    label = np.where(doubt == 3, ambiguous, np.where(signal & (doubt != 2), label, 0)).astype(np.int16)
    told = {**names, ambiguous: "ambiguous"}
    maps = {"charge": ParameterMap(label, mask=label != 0, labels=told)}
    if np.isfinite(library.column("ten_dq")).any():
        parts = {name: values[f"ten_dq_{name}"] for name in ("noise", "grid", "model")}
        total = np.sqrt(sum(one.astype(np.float64) ** 2 for one in parts.values()))
        maps["ten_dq"] = ParameterMap(values["ten_dq"], "eV", total, assigned & np.isfinite(values["ten_dq"]))
        for name, one in parts.items():
            maps[f"ten_dq_{name}"] = ParameterMap(one, "eV", mask=assigned, companion="ten_dq")
    certain = signal & (doubt != 2)
    if matcher.fits_shift:
        maps["shift"] = ParameterMap(values["shift"], "eV", values["shift_sigma"], certain)
    maps["signal"] = ParameterMap(values["signal"], stack.unit, values["signal_sigma"], signal, companion="charge")
    for name in ("misfit", "margin"):
        maps[name] = ParameterMap(values[name], "1", mask=signal, companion="charge")
    return maps | doubt_maps(doubt, "charge")


NO_SIGNAL = "no pixel has enough signal, so all are masked; lower min_signal or check the stack's quantity"


def doubt_maps(doubt: NDArray[np.uint8], companion: str) -> dict[str, ParameterMap]:
    """Which pixels are assigned without doubt, and what is doubtful of the others."""
    return {
        "assigned": ParameterMap((doubt == 0).astype(np.uint8), labels={1: "assigned"}, companion=companion),
        "doubt": ParameterMap(doubt, mask=(doubt != 0) & (doubt != 5), labels=DOUBTS, companion=companion),
    }


def doubts(library: Library, matcher: Matcher, ambiguous: list[float]) -> list[str]:
    """What a user should hear about the result."""
    told = []
    seen = np.bincount(matcher.doubt, minlength=6)
    n_signal = int(seen[0] + seen[2:5].sum())
    names = [name for name in matcher.nodes.species if charge_of(library, name) in ambiguous]
    if n_signal == 0:
        return [NO_SIGNAL]
    if names and seen[3]:
        told.append(
            f"{' and '.join(names)} fit about equally well at different energy offsets: their pixels are ambiguous; "
            "give offset if the energy axis is calibrated to 0.3 eV"
        )
    if seen[4] > 0.005 * n_signal:
        ends = library.column("ten_dq")
        told.append(
            f"10Dq of {seen[4]} of {n_signal} pixels lies beyond the library ({np.nanmin(ends):g} to "
            f"{np.nanmax(ends):g} eV) and is masked"
        )
    if seen[2] > 0.05 * n_signal:
        told.append(f"{seen[2]} of {n_signal} pixels fit no member of the library to max_misfit: not assigned")
    return told
