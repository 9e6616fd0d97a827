"""One spectrum per column, where no name says that columns belong together; counters are refused."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes.io.frames import ordered
from napari_xanes.io.spectra.absorption import Candidate, Columns
from napari_xanes.io.spectra.energy_axis import EnergyAxis
from napari_xanes.io.spectra.result import said, spectrum_of, unique_names
from napari_xanes.io.spectra.table import Table
from napari_xanes.region_spectra import STANDARD_DEVIATION
from napari_xanes.spectrum import Spectrum

_QUANTITIES = {
    "normalized absorption": True,
    "scaled absorption": False,
    "optical depth (OD)": False,
    "fluorescence (a.u.)": False,
}
"""Quantities in the headings of exported curves, and whether they are normalized."""

EXPORTED = " · "
"""Stands between name and quantity in the headings of curves that the Spectra dock exports."""

_TRANSMITTANCE = re.compile(
    r"transmittance|%\s*t\b|\bt\s*[(\[]?\s*%|\bi[_ ]?[0o]?[1t]?\w*\s*/\s*i[_ ]?[01ot]", re.IGNORECASE
)
DEVIATION = "standard deviation"
"""Stands in the heading of the deviations of an exported curve, in place of its quantity."""

ERROR = "standard error"
"""Stands in the heading of the errors of an exported curve."""

_LARGEST_MU = 100.0
"""No optical depth is larger; numbers above are counts."""

_NAMED = 8
"""Longest list of columns in a message."""


def one_per_column(
    table: Table, columns: Columns, axis: EnergyAxis, name: str, metadata: dict[str, Any], normalized: bool | None
) -> list[Spectrum]:
    """One spectrum per column, where no name says that columns belong together."""
    others = [i for i in range(len(columns.names)) if i != axis.column]
    known = [i for i in others if columns.meanings[i].role not in ("unknown", "norm", "mu", "if", "mu_ref", "tey")]
    if normalized is None and not all(EXPORTED in columns.names[i] for i in others):
        _refuse_counters(columns, others, known, named=table.names is not None)
    deviations, errors = (
        {i - 1: i for i in others if columns.names[i].endswith(f"· {what}") and i - 1 in others}
        for what in (DEVIATION, ERROR)
    )
    if normalized is not None:
        metadata = metadata | {"normalized": normalized}
    signals = [i for i in others if i not in {*deviations.values(), *errors.values()}]
    titles = [columns.names[i] if table.names else f"{name} {i + (i < axis.column)}" for i in signals]
    # Headings of exported curves are the name of the curve and its quantity.
    titles = [title.rpartition(EXPORTED)[0] or title for title in titles]
    exported = any(EXPORTED in columns.names[i] for i in signals)
    titles = [name] if len(signals) == 1 and not exported else unique_names(titles)
    spectra = []
    for title, i in zip(titles, signals, strict=True):
        role = columns.meanings[i].role
        known_normalized = {"norm": True, "mu": False}.get(role) if normalized is None else normalized
        taken = Candidate(
            "as is", columns.names[i], table.values[:, i], {"signal": [columns.names[i]]}, known_normalized
        )
        facts = metadata | said(axis, taken, f"column {columns.names[i]!r} as it is", columns)
        facts |= quantity_in(columns.names[i]) | ({"signal": "I0"} if role == "i0" else {})
        good = np.isfinite(table.values[:, i])
        if i in deviations:
            facts[STANDARD_DEVIATION] = ordered(table.values[good, deviations[i]], axis.energy[good])[0]
        spectrum = spectrum_of(title, axis, taken, table, facts)
        if i in errors:
            spectrum = replace(spectrum, sigma=ordered(table.values[good, errors[i]], axis.energy[good])[0])
        spectra.append(spectrum)
    return spectra


def _refuse_counters(columns: Columns, others: list[int], known: list[int], *, named: bool) -> None:
    """Refuse counters whose roles are not known, and columns that are no absorption."""
    names = [columns.names[i] for i in others]
    if len(others) == 1:
        if columns.meanings[others[0]].role in ("k", "time", "index"):
            raise ValueError(f"no mu(E) among the columns {', '.join(columns.names)}; choose with signal=")
        role = columns.meanings[others[0]].role
        if role == "it" or (role in ("other", "unknown") and _TRANSMITTANCE.search(names[0])):
            raise ValueError(
                f"{names[0]!r} is what the sample transmits, not mu(E), and no column of I0 was found; choose with "
                "signal= to take it as it is"
            )
        return
    roles = {columns.meanings[i].role for i in known}
    if known and roles & {"i0", "it", "iref", "icr", "ocr"}:
        what, parameter = ("It, If or mu(E)", "signal") if "i0" in roles else ("I0", "i0")
        raise ValueError(
            f"no mu(E) can be made of the columns {', '.join(columns.names)}: no column of {what} was found among "
            f"them; choose with {parameter}="
        )
    largest = {i: np.nanmax(np.abs(columns.values[:, i]), initial=0.0) for i in others}
    counters = [columns.names[i] for i in others if largest[i] > _LARGEST_MU]
    if counters or known or any(columns.meanings[i].role == "if" for i in others):
        which = f"{', '.join(counters[:_NAMED])} can be no mu(E)" if counters else "some are no mu(E)"
        where = f"among {', '.join(columns.names)}" if named else f"in {len(names)} columns without names"
        raise ValueError(f"no column of I0 was found {where}, and {which}; choose with i0= and signal=")


def quantity_in(heading: str) -> dict[str, Any]:
    """Return what a heading of the Spectra dock says about its column."""
    quantity = heading.rpartition(EXPORTED)[2]
    return {"normalized": _QUANTITIES[quantity]} if quantity in _QUANTITIES else {}
