"""The photon energies of a table: which column holds them, in which unit, or how they follow from an angle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import to_ev, unit_in
from napari_xanes.io.energy_limits import HIGHEST, LOWEST, looks_like_energies
from napari_xanes.io.spectra.bragg import LARGEST_RATIO, from_angle, from_steps, steps_per_degree
from napari_xanes.io.spectra.roles import Meaning

_LOWEST_KEV = 0.2
_SURELY_EV = 100.0
_EDGE = re.compile(r"\s*(\d+\.?\d*)\b.*=\s*E_edge", re.IGNORECASE)
_OTHER_AXIS = re.compile(
    r"(?<![a-z])(?:nm|cm\s*\^?\s*[-\u2212\u207b]\s*[1\u00b9]|1\s*/\s*cm|wave|raman|binding|kinetic|emission|emitted|loss|"
    r"lambda|temp\w*)(?![a-z])|wavenumber|wavelength|wellenl|\u03bb|\u6ce2\u6570|\u6ce2\u9577",
    re.IGNORECASE,
)
"""Names of axes of other methods, and units of lengths and wavenumbers."""

_WIDEST_KEV = 5.0
_COARSEST_KEV = 0.015
_WIDEST_EVEN = 2.0
_POINTS = 20
EV_FOR_KEV = "keV (the header says eV, but no edge lies below 20 eV)"
"""The unit of energies in keV under a name that says eV."""

_RANK = {"readback": 0, "plain": 1, "setpoint": 2}


@dataclass(frozen=True)
class EnergyAxis:
    """The energies of a table.

    Parameters
    ----------
    energy : array, shape (rows,)
        In eV, in the order of the file.
    column : int
        The column that they come from.
    unit : str
        Their unit in the file, with where it is from.
    reason : str
        Why this column, in words.
    """

    energy: NDArray[np.float64]
    column: int
    unit: str
    reason: str


def energy_axis(
    values: NDArray[np.float64],
    names: Sequence[str] | None,
    meanings: Sequence[Meaning],
    header: Sequence[str],
    *,
    column: int | None = None,
) -> EnergyAxis:
    """Find the photon energies of a table.

    Parameters
    ----------
    values : array, shape (rows, columns)
        The table.
    names : sequence of str, optional
        Names of its columns.
    meanings : sequence of Meaning
        What the names say.
    header : sequence of str
        Lines of the header, which may give a unit, a d-spacing, a crystal, or the energy of the edge.
    column : int, optional
        The column that the user chose.

    Raises
    ------
    ValueError
        If no column can be energies; the message names the columns.
    """
    if column is not None:
        return _chosen(values, names, meanings, header, column)
    if names is None:
        return _unnamed(values, header)
    refused: list[str] = []
    for i in _ranked(meanings, "energy", names):
        if _OTHER_AXIS.search(names[i]):
            continue
        axis = _as_energy(values[:, i], meanings[i], [names[i]])
        if axis is None:
            axis = _from_edge(values[:, i], header)
        if axis is not None:
            return EnergyAxis(axis[0], i, axis[1], _why(i, names, meanings))
        refused.append(f"{names[i]!r} ({_range(values[:, i])})")
    for i in [*_ranked(meanings, "relative", names)]:
        if (axis := _from_edge(values[:, i], header)) is not None:
            return EnergyAxis(axis[0], i, axis[1], _why(i, names, meanings))
    for role in ("angle", "steps"):
        for i in _ranked(meanings, role, names):
            if (axis := _from_monochromator(values[:, i], meanings[i], header)) is not None:
                return EnergyAxis(axis[0], i, axis[1], _why(i, names, meanings))
    if refused:
        raise ValueError(
            f"{', '.join(refused)} can be no photon energies in eV or keV{_why_relative(values, meanings)}; choose a "
            "column with energy="
        )
    # Without a name that says energy, small numbers may be wavelengths, angles or k as well as keV.
    named_unit = unit_in(names[:1])
    if (
        meanings[0].role == "unknown"
        and not _OTHER_AXIS.search(names[0])
        and (named_unit or values[:, 0].min() >= _SURELY_EV)
        and _can_be_energies(values[:, 0])
    ):
        energy, unit = to_ev(values[:, 0], named_unit)
        return EnergyAxis(energy, 0, unit, f"no column is called energy; the first one, {names[0]!r}, can be energies")
    raise ValueError(
        f"no energy among its columns: {', '.join(names)}{_what_is_missing(names, meanings, header)}; choose one with "
        "energy="
    )


def _what_is_missing(names: Sequence[str], meanings: Sequence[Meaning], header: Sequence[str]) -> str:
    """Say what a header does not give that angles or steps of the monochromator need."""
    for i, meaning in enumerate(meanings):
        if meaning.role == "steps" and steps_per_degree(header) is None:
            return f"; {names[i]!r} is in steps, but the header gives no one number of steps per degree"
        if meaning.role in ("angle", "steps"):
            return f"; {names[i]!r} is an angle, but the header gives no d-spacing or crystal"
    return ""


def _ranked(meanings: Sequence[Meaning], role: str, names: Sequence[str]) -> list[int]:
    """Columns of a role, the best first: readback, then plain, then setpoint; never by their order in the file."""
    columns = [i for i, m in enumerate(meanings) if m.role == role]
    sources = {meanings[i].source for i in columns}
    # Beside a readback and a setpoint, a plain column is what the beamline itself takes for the energy.
    plain_first = sources == {"plain", "readback", "setpoint"}

    def rank(i: int) -> tuple[int, bool, int, str]:
        source = -1 if plain_first and meanings[i].source == "plain" else _RANK[meanings[i].source]
        return source, "energ" not in names[i].lower(), len(names[i]), names[i]

    return sorted(columns, key=rank)


def _why(i: int, names: Sequence[str], meanings: Sequence[Meaning]) -> str:
    others = [names[j] for j, m in enumerate(meanings) if m.role == meanings[i].role and j != i]
    source = {"readback": ", as measured", "setpoint": ", as requested"}.get(meanings[i].source, "")
    beside = f"; not {', '.join(map(repr, others[:4]))}" if others else ""
    return f"energy from column {i + 1}, {names[i]!r}{source}{beside}"


def _why_relative(values: NDArray[np.float64], meanings: Sequence[Meaning]) -> str:
    """Say that energies around zero, as multiplet programs write them, are relative to an edge."""
    columns = [values[:, i] for i, m in enumerate(meanings) if m.role == "energy"]
    around_zero = any(np.nanmin(c, initial=0.0) < 0 < np.nanmax(c, initial=0.0) for c in columns)
    return ", because they are relative to an edge that the file does not give" if around_zero else ""


def _range(column: NDArray[np.float64]) -> str:
    finite = column[np.isfinite(column)]
    return f"{finite.min():g} to {finite.max():g}" if finite.size else "no numbers"


def _as_energy(
    column: NDArray[np.float64], meaning: Meaning, labels: Sequence[str]
) -> tuple[NDArray[np.float64], str] | None:
    """A column that is called energy in eV with the source of its unit, or None if it can be none."""
    if not np.isfinite(column).all():
        return None
    energy, unit = to_ev(column, meaning.unit if meaning.unit in ("eV", "keV") else unit_in(labels))
    low, high = float(energy.min()), float(energy.max())
    if meaning.unit == "eV" and high < LOWEST:
        if high > _WIDEST_EVEN * low:
            return None
        energy, unit = np.round(energy * 1e3, 9), EV_FOR_KEV
        low, high = low * 1e3, high * 1e3
    lowest = _LOWEST_KEV * 1e3 if unit.startswith("keV") else LOWEST
    if not (lowest <= low < high <= HIGHEST and high <= LARGEST_RATIO * low):
        return None
    return energy, unit


def _from_edge(column: NDArray[np.float64], header: Sequence[str]) -> tuple[NDArray[np.float64], str] | None:
    """Energies relative to an edge that the header gives (FDMNES), in eV."""
    edges = [float(match[1]) for line in header if (match := _EDGE.match(line))]
    if len(edges) != 1 or not LOWEST < edges[0] < HIGHEST or not np.isfinite(column).all():
        return None
    energy = np.round(edges[0] + column, 9)
    return (energy, f"eV from the edge at {edges[0]:g} eV in the header") if energy.min() > LOWEST else None


def _from_monochromator(
    column: NDArray[np.float64], meaning: Meaning, header: Sequence[str]
) -> tuple[NDArray[np.float64], str] | None:
    """Energies from angles, or from steps of the motor."""
    return from_steps(column, header) if meaning.role == "steps" else from_angle(column, meaning.unit, header)


def _chosen(
    values: NDArray[np.float64],
    names: Sequence[str] | None,
    meanings: Sequence[Meaning],
    header: Sequence[str],
    i: int,
) -> EnergyAxis:
    """The column that the user chose, or a refusal that says what it holds."""
    name = names[i] if names else f"column {i + 1}"
    labels = [names[i]] if names else header
    axis = None
    if meanings[i].role not in ("angle", "steps"):
        axis = _as_energy(values[:, i], meanings[i], labels) or _from_edge(values[:, i], header)
    if axis is None:
        axis = _from_monochromator(values[:, i], meanings[i], header)
    if axis is None:
        raise ValueError(
            f"{name!r} ({_range(values[:, i])}) can be no photon energies in eV or keV; "
            "choose the column of energies with energy="
        )
    return EnergyAxis(axis[0], i, axis[1], f"energy from column {i + 1}, {name!r}, as chosen")


def _unnamed(values: NDArray[np.float64], header: Sequence[str]) -> EnergyAxis:
    """The first column of a table without names; another one could as well be a counter that falls."""
    if not _can_be_energies(values[:, 0]):
        raise ValueError(
            "its first column is no list of photon energies in eV or keV, and no line names the columns; "
            "choose one with energy="
        )
    named_unit = unit_in(header)
    if named_unit is None and (axis := _other_axis(values[:, 0])):
        raise ValueError(
            f"no line names the columns, and the first one, {_range(values[:, 0])}, may be {axis} as well as energies; "
            "choose it with energy=1 if it is the energy"
        )
    energy, unit = to_ev(values[:, 0], named_unit)
    return EnergyAxis(energy, 0, unit, "no line names the columns; the first one can be energies")


def _other_axis(column: NDArray[np.float64]) -> str:
    """What an axis without name and unit may be as well: scans of other methods have even steps over wide ranges."""
    low, high, steps = column.min(), column.max(), np.abs(np.diff(column))
    if high < _SURELY_EV:
        coarse = steps.size > 1 and np.median(steps) >= _COARSEST_KEV and np.ptp(steps) < 0.1 * np.median(steps)
        return "k or an angle" if high - low > _WIDEST_KEV or (coarse and steps.size > _POINTS) else ""
    even = steps.size > _POINTS and np.ptp(steps) < 1e-3 * np.median(steps)
    return "wavelengths or wavenumbers" if even and high > _WIDEST_EVEN * low else ""


def _can_be_energies(column: NDArray[np.float64]) -> bool:
    if (
        not looks_like_energies(column)
        or column.max() > LARGEST_RATIO * column.min()
        or (column.size > 1 and np.ptp(column) == 0)
    ):
        return False
    counts = np.allclose(np.diff(column), 1.0) and column.min() <= 100 and column.max() > 2 * column.min()
    return not counts
