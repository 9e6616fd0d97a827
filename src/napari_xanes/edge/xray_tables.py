"""Tables of X-ray edges and of photo-electric cross sections, of hydrogen to californium.

Elam, Ravel & Sieber, Radiat. Phys. Chem. 63, 121 (2002), as xraydb has them; ``python -m tools.xray_tables`` writes the
file. xraydb itself would bring a database library along, 28 MB for each user.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array

FILE = Path(__file__).with_suffix(".npz")

LOWEST, HIGHEST = 100.0, 800e3
"""Range of the cross sections in eV."""


@cache
def _arrays() -> Mapping[str, NDArray[np.generic]]:
    with np.load(FILE, allow_pickle=False) as file:
        return MappingProxyType({name: file[name] for name in file.files})


@cache
def symbols() -> tuple[str, ...]:
    """Return the symbols of all elements in the tables; the first is hydrogen's."""
    return tuple(_arrays()["symbol"].tolist())


@cache
def _symbol_of_word() -> Mapping[str, str]:
    names = _arrays()["name"].tolist()
    return MappingProxyType(
        {word.lower(): symbol for symbol, name in zip(symbols(), names, strict=True) for word in (symbol, name)}
    )


def symbol_of(element: str) -> str | None:
    """Return the symbol of an element that is given by symbol or English name, in letters of any case; else None.

    Examples
    --------
    >>> symbol_of("ni"), symbol_of("Iron"), symbol_of("Xx")
    ('Ni', 'Fe', None)
    """
    return _symbol_of_word().get(element.lower())


@cache
def edge_energies() -> Mapping[tuple[str, str], float]:
    """Return the energy in eV of each edge, by symbol and edge.

    Examples
    --------
    >>> edge_energies()["Ni", "K"]
    8333.0
    """
    arrays = _arrays()
    keys = zip(arrays["edge_of"].tolist(), arrays["edge"].tolist(), strict=True)
    return MappingProxyType(dict(zip(keys, arrays["edge_energy"].tolist(), strict=True)))


def photo_section(symbol: str, energy: ArrayLike) -> Float64Array:
    """Return the photo-electric cross section of an element.

    It is interpolated by a cubic spline between tabulated logarithms, which holds its jumps: at an edge the value is
    that above it.

    Parameters
    ----------
    symbol : str
        Symbol of the element.
    energy : array_like
        Energies in eV; outside of 100 eV to 800 keV the value at the limit is returned.

    Returns
    -------
    ndarray
        Cross section in cm²/g, with the shape of `energy`.

    Raises
    ------
    ValueError
        If the element is not in the tables.

    Examples
    --------
    >>> photo_section("Fe", [7000.0, 7200.0]).round(1).tolist()
    [53.7, 393.9]
    """
    if symbol not in symbols():
        raise ValueError(f"no cross sections of {symbol!r} are tabulated: give the symbol of an element, such as 'Ni'")
    arrays, row = _arrays(), symbols().index(symbol)
    own = slice(*arrays["first"][row : row + 2].tolist())
    knots, values, curvature = (
        arrays[name][own].astype(np.float64) for name in ("log_energy", "log_section", "curvature")
    )
    at = np.log(np.clip(np.asarray(energy, dtype=np.float64), LOWEST, HIGHEST))
    right = np.clip(np.searchsorted(knots, at, side="right"), 1, len(knots) - 1)
    left = right - 1
    width = knots[right] - knots[left]
    a, b = (knots[right] - at) / width, (at - knots[left]) / width
    bend = (a**3 - a) * curvature[left] + (b**3 - b) * curvature[right]
    return np.exp(a * values[left] + b * values[right] + bend * width**2 / 6)
