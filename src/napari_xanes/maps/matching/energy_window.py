"""The energies of a stack that a library covers, checked to hold the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.library.model import Library
from napari_xanes.wording import one_or_more

N_BACKGROUND_COLUMNS: Mapping[str, int] = MappingProxyType({"none": 0, "constant": 1, "linear": 2})
"""Number of fitted parameters of each kind of background."""

_MIN_EXTRA_ENERGIES = 4
"""Least number of energies beyond the number of background parameters."""

_MIN_COVERAGE = 0.7
"""Least share of the L3 edge's area that a stack must cover; below it at the L2 edge, a warning is given."""

_UNKNOWN_OFFSET_SLACK = 1.0
"""By how much (eV) an edge may end beyond the stack's energies when the stack's offset is not known yet."""


@dataclass(frozen=True)
class EnergyWindow:
    """The frames of a stack that a library is matched on, their energies (E,) in eV, and warnings for the user."""

    frames: slice
    energy: Float64Array
    warnings: list[str]


def energy_window(stack: SpectralStack, library: Library, offset: float | None, background: str) -> EnergyWindow:
    """Return the frames of a stack within the energy range of a library of an L edge.

    Parameters
    ----------
    stack : SpectralStack
        The stack.
    library : Library
        The library.
    offset : float, optional
        How much too high the stack's energies read, in eV; None if unknown.
    background : {"none", "constant", "linear"}
        What is fitted beside the spectrum.

    Raises
    ------
    ValueError
        If the stack and the library do not overlap, too few energies are left, or the L3 edge is not among them.
    """
    axis = stack.energy
    low, high = library.span
    known_offset = offset or 0.0
    inside = np.flatnonzero((axis >= low + known_offset) & (axis <= high + known_offset))
    n_needed = N_BACKGROUND_COLUMNS[background] + _MIN_EXTRA_ENERGIES
    if inside.size < n_needed:
        raise ValueError(
            f"{_range_text(axis)}; {inside.size} of them lie in the library {library.name!r} ({low:.0f} to "
            f"{high:.0f} eV), but {n_needed} are needed: choose the library of the element and edge that was measured"
        )
    energy = axis[inside[0] : inside[-1] + 1]
    warnings = []
    if energy.size < axis.size:
        n_lost = axis.size - energy.size
        warnings.append(
            f"{n_lost} of {axis.size} energies {one_or_more(n_lost, 'lies', 'lie')} outside the library "
            f"({low:.0f}-{high:.0f} eV) and {one_or_more(n_lost, 'is', 'are')} not used"
        )
    slack = 0.0 if offset is not None else _UNKNOWN_OFFSET_SLACK
    warnings += _check_edges(stack, library, energy[0] - known_offset - slack, energy[-1] - known_offset + slack)
    return EnergyWindow(slice(int(inside[0]), int(inside[-1]) + 1), energy, warnings)


def _range_text(axis: Float64Array) -> str:
    return f"the stack has {axis.size} energies, {axis[0]:g} to {axis[-1]:g} eV"


def _check_edges(stack: SpectralStack, library: Library, low: float, high: float) -> list[str]:
    """Check that the range `low` to `high` (eV) covers the edges, and return warnings."""
    edges = _edge_ranges(library)
    if edges is None:
        return []
    l3_coverage, l2_coverage = (_coverage(library, edge, low, high) for edge in edges)
    if l3_coverage < _MIN_COVERAGE:
        raise ValueError(
            f"{_range_text(stack.energy)}; this range holds {l3_coverage:.0%} of the L3 edge of library "
            f"{library.name!r} ({edges[0][0]:.0f} to {edges[0][1]:.0f} eV), but charge and 10Dq need at least "
            f"{_MIN_COVERAGE:.0%} of it: measure or keep more energies"
        )
    if l2_coverage < _MIN_COVERAGE:
        return [
            f"the stack ends at {stack.energy[-1]:g} eV, before the L2 edge is over: charge and 10Dq come from the L3 "
            "edge alone"
        ]
    return []


def _edge_ranges(library: Library) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Mean energy ranges of the L3 and the L2 edge of a simulated library in eV, None for other libraries."""
    from napari_xanes.theory.multiplet.atomic import find_ion

    element, charge = library.table.get("element"), library.column("charge")[0]
    if element is None or element[0] == "" or "ten_dq" not in library.table:
        return None
    zeta = find_ion(str(element[0]), int(charge)).final.zeta_2p
    mean = library.spectra.mean(axis=0)
    middle = float(library.energy @ mean / mean.sum()) + zeta / 4 + float(library.table["offset"].mean())
    return (middle - 1.5 * zeta, middle), (middle, middle + 1.5 * zeta)


def _coverage(library: Library, edge: tuple[float, float], low: float, high: float) -> float:
    """The share of an edge's area that lies between two energies."""
    axis = library.energy + float(library.table["offset"].mean())
    mean = library.spectra.mean(axis=0) * ((axis >= edge[0]) & (axis <= edge[1]))
    return float(mean[(axis >= low) & (axis <= high)].sum() / mean.sum())
