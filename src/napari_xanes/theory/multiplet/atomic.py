"""Atomic integrals of the 3d ions: how strongly their electrons repel each other and feel their own orbits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_METALS = ("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")
"""The elements of the table; Sc has three electrons outside the argon shells, each next one more."""


@dataclass(frozen=True)
class Integrals:
    """Slater integrals and spin-orbit constants of one configuration, in eV, unscaled.

    ``F2_dd``, ``F4_dd`` act between 3d electrons, ``F2_pd``, ``G1_pd``, ``G3_pd`` between the 2p shell and 3d,
    ``zeta_3d`` and ``zeta_2p`` are the spin-orbit constants. What a configuration does not have is 0.
    """

    F2_dd: float
    F4_dd: float
    zeta_3d: float
    F2_pd: float = 0.0
    G1_pd: float = 0.0
    G3_pd: float = 0.0
    zeta_2p: float = 0.0

    def scaled(self, slater: float, spin_orbit_2p: float) -> dict[str, float]:
        """The integrals by name, those of Slater times `slater` and zeta_2p times `spin_orbit_2p`."""
        values = {name: slater * getattr(self, name) for name in ("F2_dd", "F4_dd", "F2_pd", "G1_pd", "G3_pd")}
        return values | {"zeta_3d": self.zeta_3d, "zeta_2p": spin_orbit_2p * self.zeta_2p}


@dataclass(frozen=True)
class Ion:
    """A free ion: its number of 3d electrons and the integrals before (3d^n) and after (2p^5 3d^(n+1)) absorption."""

    element: str
    charge: int
    n_3d: int
    initial: Integrals
    final: Integrals

    @property
    def name(self) -> str:
        """Such as ``Mn2+``."""
        return f"{self.element}{self.charge}+"


@cache
def _table() -> dict[str, Any]:
    text = (Path(__file__).parent / "slater_integrals.json").read_text(encoding="utf-8")
    ions: dict[str, Any] = json.loads(text)["ions"]
    return ions


def ions() -> tuple[str, ...]:
    """Names of all ions in the table, such as ``Mn2+``.

    Examples
    --------
    >>> "Ni2+" in ions()
    True
    """
    return tuple(_table())


def parse_ion(name: str) -> tuple[str, int]:
    """Element and charge of a name such as ``Mn2+`` or ``mn 2``.

    Raises
    ------
    ValueError
        If it is no such name.

    Examples
    --------
    >>> parse_ion("Mn2+")
    ('Mn', 2)
    """
    found = re.fullmatch(r"\s*([A-Za-z]{1,2})\s*\(?(\d)\+?\)?\s*", name)
    if found is None:
        raise ValueError(f"an ion is written as Mn2+, not as {name!r}")
    return found[1].capitalize(), int(found[2])


def find_ion(element: str, charge: int) -> Ion:
    """The ion of an element and charge.

    Parameters
    ----------
    element : str
        Symbol of a 3d metal, Sc to Cu.
    charge : int
        Its charge, in electrons.

    Raises
    ------
    ValueError
        If 3d is full, or the table does not have the ion; the message says what it has.
    """
    name = f"{element}{charge:g}+"  # tables of parameters hold charges as floats
    known = _table()
    if name not in known:
        if element in _METALS and _METALS.index(element) + 3 - charge > 9:
            raise ValueError(f"{name} has a full 3d shell: there is no 2p to 3d absorption")
        same = [other for other in known if parse_ion(other)[0] == element]
        there = f"of {element} there are {', '.join(same)}" if same else f"elements: {', '.join(_METALS)}"
        raise ValueError(f"there are no atomic integrals for {name}; {there}")
    entry = known[name]
    return Ion(element, int(charge), entry["n_3d"], Integrals(**entry["initial"]), Integrals(**entry["final"]))
