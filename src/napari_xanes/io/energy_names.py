"""Photon energies in names of files, of slices and of channels."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energy_limits import HIGHEST, LOWEST, looks_like_energies

_LETTERS = r"[A-Za-zµμ]"
_BEGIN = r"(?<![\d.])(?!(?<=\d,)\d{1,3}(?!\d))"
"""Before an energy. Up to three digits behind a comma are decimals, or the end of thousands as in ``7,112eV``."""

_TOKENS = (
    re.compile(rf"{_BEGIN}(?P<whole>\d{{1,6}})[_,](?P<part>\d{{1,2}})[ _-]?(?P<unit>ev)(?!{_LETTERS})", re.IGNORECASE),
    re.compile(rf"{_BEGIN}(?P<whole>\d{{1,2}})[_,](?P<part>\d{{2,6}})[ _-]?(?P<unit>kev)(?!{_LETTERS})", re.IGNORECASE),
    re.compile(
        rf"{_BEGIN}(?P<whole>\d{{1,6}})(?:[.p](?P<part>\d{{1,9}}))?[ _-]?(?P<unit>k?ev)(?!{_LETTERS})", re.IGNORECASE
    ),
)


def energy_in(name: str) -> tuple[float, str, tuple[int, int]] | None:
    """Return the photon energy in a name, with its unit.

    Parameters
    ----------
    name : str
        Such as ``NiO_8333.5eV``, ``8.333keV``; an underscore or a comma may stand for the point: ``fov07_8250_0eV``.

    Returns
    -------
    energy : float
        In eV, between 20 eV and 100 keV.
    unit : str
        eV or keV, as the name says.
    span : tuple of int
        Where in the name it stands.

    Examples
    --------
    >>> energy_in("rep01_NiO_08324.5_eV_001of010"), energy_in("fov07_8250_0eV"), energy_in("cells_0001")
    ((8324.5, 'eV', (10, 20)), (8250.0, 'eV', (6, 14)), None)
    """
    for token in _TOKENS:
        for match in token.finditer(name):
            unit = "keV" if match["unit"].lower() == "kev" else "eV"
            number = float(f"{match['whole']}.{match['part'] or 0}")
            energy = round(number * 1e3, 9) if unit == "keV" else number
            if LOWEST <= energy <= HIGHEST:
                return energy, unit, match.span()
    return None


def is_same_beside_another(names: Iterable[str]) -> bool:
    """Return whether names share their energy, and some have a second one: then the first is not that of the image.

    Examples
    --------
    >>> is_same_beside_another(["K7112eV_7100eV", "K7112eV_7110eV"]), is_same_beside_another(["a_7112eV", "b_7112eV"])
    (True, False)
    """
    found = {name: energy_in(name) for name in names}
    if len(found) < 2 or None in found.values() or len({match[0] for match in found.values() if match}) > 1:
        return False
    return any(match and energy_in(name[match[2][1] :]) is not None for name, match in found.items())


def energies_in(names: Iterable[str]) -> tuple[NDArray[np.float64], str] | None:
    """Return the photon energies in names in eV, shape (E,), and their unit; None unless every name has one."""
    names = list(names)
    matches = [energy_in(name) for name in names]
    energies = [match for match in matches if match is not None]
    if not energies or len(energies) < len(matches) or is_same_beside_another(names):
        return None
    energy = np.array([match[0] for match in energies])
    return (energy, energies[0][1]) if looks_like_energies(np.sort(energy)) else None
