"""Tabulated edges: where an element's edges lie, and which edge an energy belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from napari_xanes.edge.xray_tables import edge_energies, symbol_of, symbols

DECAY_EXPONENT = 2.7
"""A step falls as E to the power of about -2.7, like tabulated cross sections of K shells and measured foils."""

_ORDER = ("M5", "M4", "M3", "M2", "M1", "L3", "L2", "L1", "K")
"""Edges of an element by rising energy."""

_SOFT = 2000.0
"""Below this energy (eV), the steepest rise of a K edge lies as far as 15 eV below the tabulated edge (1s to pi*)."""


def tabulated_e0(element: str | None, edge: str | None = None) -> float | None:
    """Return the tabulated energy of an edge in eV, None where it is not known.

    Parameters
    ----------
    element : str
        Symbol, such as ``"Ni"``.
    edge : str, optional
        ``"K"`` (default), ``"L3"`` ...

    Examples
    --------
    >>> tabulated_e0("Ni")
    8333.0
    """
    edge = edge or "K"
    if not isinstance(element, str) or not isinstance(edge, str):  # as files may have it
        return None
    symbol = symbol_of(element)
    return None if symbol is None else edge_energies().get((symbol, edge.title()))


@cache
def _main_edges() -> tuple[tuple[str, str, float], ...]:
    """Return element, edge and energy (eV) of the K and L3 edges above 50 eV, of beryllium to uranium."""
    wanted = symbols()[3:92]
    return tuple(
        (symbol, edge, energy)
        for (symbol, edge), energy in edge_energies().items()
        if symbol in wanted and edge in ("K", "L3") and energy > 50
    )


def absorbers_at(e0: float) -> list[tuple[str, str]]:
    """Return the elements and edges (K or L3) that a measured E0 may belong to.

    Examples
    --------
    >>> absorbers_at(8345.0), absorbers_at(708.5), absorbers_at(5482.0)
    ([('Ni', 'K')], [('Fe', 'L3')], [('V', 'K'), ('La', 'L3')])
    """
    found = []
    for symbol, edge, energy in _main_edges():
        if edge == "K":
            low, high = (-15.0, 6.0) if energy < _SOFT else (-6.0, 22.0)
        else:
            low, high = (-3.0, 6.0) if energy < _SOFT else (-5.0, 10.0)
        if low <= e0 - energy <= high:
            found.append((symbol, edge))
    return found


def absorber(e0: float, element: str | None = None, edge: str | None = None) -> tuple[str, str]:
    """Return the element and the edge: as given, or the only ones whose tabulated edge fits E0.

    Raises
    ------
    ValueError
        If the given edge is not tabulated, or none or several fit.

    Examples
    --------
    >>> absorber(8345.0), absorber(640.0, "Mn")
    (('Ni', 'K'), ('Mn', 'L3'))
    """
    if element and not edge:
        near = [name for symbol, name in absorbers_at(e0) if symbol == element]
        edge = near[0] if near else "K"
    if element:
        if tabulated_e0(element, edge) is None:
            raise ValueError(f"no edge {edge!r} of {element!r} is tabulated: give an element and K, L3, L2 or L1")
        return element, str(edge)
    found = absorbers_at(e0)
    if len(found) == 1:
        return found[0]
    names = " or ".join(f"{symbol} {name}" for symbol, name in found) or "no tabulated K or L3 edge"
    raise ValueError(f"E0 = {e0:g} eV may belong to {names}: give the absorber, such as 'Ni K'")


def named_absorber(text: str | None, metadata: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return element and edge as a user names them, or else as the metadata do; None where neither says.

    Raises
    ------
    ValueError
        If the text is no element, or no element and edge.

    Examples
    --------
    >>> named_absorber("Fe L3", {}), named_absorber("Ni", {}), named_absorber(None, {"element": "Mn", "edge": "K"})
    (('Fe', 'L3'), ('Ni', None), ('Mn', 'K'))
    """
    if text is None:
        return metadata.get("element"), metadata.get("edge")
    words = text.split()
    if not 1 <= len(words) <= 2 or tabulated_e0(*words) is None:
        raise ValueError(f"absorber = {text!r} is no tabulated edge: write element and edge, such as 'Ni K' or 'Fe L3'")
    return words[0], words[1] if len(words) == 2 else None


def own_later_edges(e0: float, element: str | None = None, edge: str | None = None) -> list[tuple[str, float]]:
    """Return name and distance (eV above E0) of the element's edges behind this one; none if the element is unclear.

    Examples
    --------
    >>> [(name, round(distance, 1)) for name, distance in own_later_edges(708.0)]
    [('Fe L2', 13.1), ('Fe L1', 137.8), ('Fe K', 6405.2)]
    """
    try:
        symbol, first = absorber(e0, element, edge)
    except ValueError:
        return []
    start = tabulated_e0(symbol, first)
    assert start is not None
    behind = _ORDER[_ORDER.index(first) + 1 :] if first in _ORDER else ()
    energies = [(f"{symbol} {name}", tabulated_e0(symbol, name)) for name in behind]
    return [(name, energy - start) for name, energy in energies if energy is not None and energy > start]
