"""Atomic integrals of the 3d ions: Slater integrals (electron repulsion) and spin-orbit constants."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_METALS = ("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")
"""Elements of the table. Sc has three electrons outside the argon shells; each following element has one more."""


@dataclass(frozen=True)
class Integrals:
    """Slater integrals and spin-orbit constants of one configuration, in eV, unscaled.

    ``F2_dd``, ``F4_dd`` act between 3d electrons; ``F2_pd``, ``G1_pd``, ``G3_pd`` act between the 2p shell and
    3d; ``zeta_3d`` and ``zeta_2p`` are the spin-orbit constants. Integrals that a configuration does not have are 0.
    """

    F2_dd: float
    F4_dd: float
    zeta_3d: float
    F2_pd: float = 0.0
    G1_pd: float = 0.0
    G3_pd: float = 0.0
    zeta_2p: float = 0.0

    def scaled(self, slater: float, spin_orbit_2p: float) -> dict[str, float]:
        """Return the integrals by name in eV: Slater integrals times `slater`, zeta_2p times `spin_orbit_2p`."""
        values = {name: slater * getattr(self, name) for name in ("F2_dd", "F4_dd", "F2_pd", "G1_pd", "G3_pd")}
        return values | {"zeta_3d": self.zeta_3d, "zeta_2p": spin_orbit_2p * self.zeta_2p}


@dataclass(frozen=True)
class Ion:
    """A free ion: number of 3d electrons, and integrals before (3d^n) and after (2p^5 3d^(n+1)) absorption."""

    element: str
    charge: int
    n_3d: int
    initial: Integrals
    final: Integrals

    @property
    def name(self) -> str:
        """Name of the ion, such as ``Mn2+``."""
        return f"{self.element}{self.charge}+"


@cache
def _table() -> dict[str, Any]:
    text = (Path(__file__).parent / "slater_integrals.json").read_text(encoding="utf-8")
    ions: dict[str, Any] = json.loads(text)["ions"]
    return ions


def ions() -> tuple[str, ...]:
    """Return the names of all ions in the table, such as ``Mn2+``.

    Examples
    --------
    >>> "Ni2+" in ions()
    True
    """
    return tuple(_table())


def parse_ion(name: str) -> tuple[str, int]:
    """Return element and charge of a name such as ``Mn2+`` or ``mn 2``.

    Raises
    ------
    ValueError
        If the name is not an element symbol followed by a charge.

    Examples
    --------
    >>> parse_ion("Mn2+")
    ('Mn', 2)
    """
    match = re.fullmatch(r"\s*([A-Za-z]{1,2})\s*\(?(\d)\+?\)?\s*", name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of an ion; write the element and the charge, such as Mn2+")
    return match[1].capitalize(), int(match[2])


def find_ion(element: str, charge: int) -> Ion:
    """Look up the ion of an element and charge.

    Parameters
    ----------
    element : str
        Symbol of a 3d metal, Sc to Cu.
    charge : int
        Charge of the ion, in elementary charges.

    Raises
    ------
    ValueError
        If 3d is full, or if the table does not contain the ion; the message lists the available ions or elements.
    """
    name = f"{element}{charge:g}+"  # tables of parameters hold charges as floats
    table = _table()
    if name not in table:
        if element in _METALS and _METALS.index(element) + 3 - charge > 9:
            raise ValueError(
                f"{name} has a full 3d shell: there is no 2p to 3d absorption; choose an ion with room in it"
            )
        same_element = [ion for ion in table if parse_ion(ion)[0] == element]
        names = ", ".join(same_element)
        available = f"available ions of {element}: {names}" if names else f"available elements: {', '.join(_METALS)}"
        raise ValueError(f"there are no atomic integrals for {name}; {available}")
    entry = table[name]
    return Ion(element, int(charge), entry["n_3d"], Integrals(**entry["initial"]), Integrals(**entry["final"]))
