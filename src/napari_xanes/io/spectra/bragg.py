"""Photon energies from the monochromator: E = hc / (2 d sin(theta)), theta in degrees or in steps of its motor."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energy_limits import HIGHEST

HC = 12398.419843320026
"""Planck constant times speed of light in eV angstrom (exact, SI 2019)."""

LARGEST_RATIO = 5.0
"""No scan spans more than from its first energy to five times it; k, R and channel numbers do."""

_LATTICE = {"si": 5.43102, "ge": 5.6579, "insb": 6.4794, "diamond": 3.56712}
"""Lattice constants of monochromator crystals in angstrom, at room temperature (CODATA for Si)."""

_DEGREES = {"": 1.0, "deg": 1.0, "mdeg": 1e-3, "rad": 180 / np.pi, "mrad": 0.18 / np.pi, "urad": 1.8e-4 / np.pi}
_SPACING = (
    re.compile(r"(?<![\w.])2d\s*[=:]\s*(?P<double>\d+\.\d+)", re.IGNORECASE),
    re.compile(r"(?:mono\w*\.)?d[-_ ]?spacing\W{0,12}?(?P<d>\d+\.\d+)", re.IGNORECASE),
    re.compile(r"(?<![\w.])D\s*[=:]\s*(?P<d>\d+\.\d+)\s*(?:A\b|Å|ang)", re.IGNORECASE),
)
_CRYSTAL = re.compile(r"(?<![a-z])(si|ge|insb|diamond)\s*[-_(\[<]?\s*(\d)[ ,]?(\d)[ ,]?(\d)(?!\d)", re.IGNORECASE)

_NUMBER = r"(?P<scale>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
_STEP = r"(?:motor[-_ ]?)?(?:steps?|pulses?|counts?|cts)"
_PER = r"\s*(?:/|per|[-_ ]per[-_ ])\s*"
_DEGREE = r"(?P<unit>m?deg(?:rees?)?\b|°)"
_STEPS_PER_DEGREE = (
    re.compile(rf"{_STEP}{_PER}{_DEGREE}\s*[=:]?\s*{_NUMBER}(?![\w.])", re.IGNORECASE),
    re.compile(rf"(?<![\w.]){_NUMBER}\s*{_STEP}{_PER}{_DEGREE}", re.IGNORECASE),
)
_DEGREES_PER_STEP = (
    re.compile(rf"{_DEGREE}{_PER}{_STEP}\b\s*[=:]?\s*{_NUMBER}(?![\w.])", re.IGNORECASE),
    re.compile(rf"(?<![\w.]){_NUMBER}\s*{_DEGREE}{_PER}{_STEP}\b", re.IGNORECASE),
)
_ZERO = re.compile(
    r"\b(?:angle|theta|steps?|pulses?|mono\w*|encoder|zero)[-_ ]*(?:offset|zero|point|shift)"
    r"\s*[=:]?\s*[-+]?[\d.]*[1-9]",
    re.IGNORECASE,
)
"""A zero of the steps that is not at 0 degrees; in which unit and with which sign, no layout says."""


def d_spacing(header: Sequence[str]) -> tuple[float, str] | None:
    """Return the d-spacing of the monochromator in angstrom that a header gives, and how it gives it.

    Examples
    --------
    >>> d_spacing(["Mono :   SI(111)       D=  3.13551 A    Initial angle=  9.25969 deg"])
    (3.13551, 'd = 3.13551 A of the header')
    """
    for pattern in _SPACING:
        for line in header:
            if match := pattern.search(line):
                groups = match.groupdict()
                d = float(groups["double"]) / 2 if groups.get("double") else float(groups["d"])
                if 0.3 < d < 50:
                    return d, f"d = {d:g} A of the header"
    found = {(m[1].lower(), m[2], m[3], m[4]) for line in header for m in _CRYSTAL.finditer(line)}
    if len(found) == 1:
        crystal, *hkl = found.pop()
        d = _LATTICE[crystal] / float(np.sqrt(sum(int(i) ** 2 for i in hkl)))
        return d, f"d = {d:.5f} A of {crystal.capitalize()}({''.join(hkl)})"
    return None


def steps_per_degree(header: Sequence[str]) -> float | None:
    """Return how many steps of its motor turn the monochromator by one degree, or None if a header gives no one number.

    Examples
    --------
    >>> steps_per_degree(["MONO: Si 220, STEPS/DEG= 8000"]), steps_per_degree(["resolution 0.000125 deg/step"])
    (8000.0, 8000.0)
    """
    found: set[float] = set()
    for patterns, is_inverse in ((_STEPS_PER_DEGREE, False), (_DEGREES_PER_STEP, True)):
        for match in (m for pattern in patterns for line in header for m in pattern.finditer(line)):
            number = float(match["scale"])
            per_degree = 1e3 if match["unit"].lower().startswith("mdeg") else 1.0
            if number > 0:
                found.add(round(per_degree / number if is_inverse else number * per_degree, 6))
    return found.pop() if len(found) == 1 else None


def from_angle(column: NDArray[np.float64], unit: str, header: Sequence[str]) -> tuple[NDArray[np.float64], str] | None:
    """Return the energies of Bragg angles in eV with how they were converted, or None if they can be none.

    Parameters
    ----------
    column : array, shape (rows,)
        Angles.
    unit : str
        deg, mdeg, rad, mrad or urad; empty for degrees.
    header : sequence of str
        Lines that may give a d-spacing or a crystal.
    """
    factor = _DEGREES.get(unit)
    return None if factor is None else _from_degrees(column * factor, unit or "degrees", header)


def from_steps(column: NDArray[np.float64], header: Sequence[str]) -> tuple[NDArray[np.float64], str] | None:
    """Return the energies of motor steps in eV with how they were converted, or None.

    Steps can be converted if the header has one scale, and no zero that is not at 0 degrees.
    """
    scale = steps_per_degree(header)
    return (
        None
        if scale is None or any(map(_ZERO.search, header))
        else _from_degrees(column / scale, f"steps, {scale:g} per degree", header)
    )


def _from_degrees(
    degrees: NDArray[np.float64], what: str, header: Sequence[str]
) -> tuple[NDArray[np.float64], str] | None:
    spacing = d_spacing(header)
    if spacing is None or not np.isfinite(degrees).all() or not (0.5 < degrees.min() < degrees.max() < 89):
        return None
    energy = np.asarray(HC / (2 * spacing[0] * np.sin(np.radians(degrees))))
    if energy.max() > HIGHEST or energy.max() > LARGEST_RATIO * energy.min():
        return None
    return energy, f"{what}, converted with {spacing[1]}"
