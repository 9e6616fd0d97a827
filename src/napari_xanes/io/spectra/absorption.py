"""All ways to make mu(E) from the columns of a table: ln(I0/It), If/I0, or a column as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.column_choice import Mode
from napari_xanes.io.spectra.roles import NORMALIZED, RAW, Meaning, Role

Values = NDArray[np.float64]

_I0_NAME = re.compile(r"(?<![A-Za-z])I[_ ]?[0O]", re.IGNORECASE)
_PLAIN_I0 = re.compile(r"\s*I[_ ]?[0O]\s*(?:[(\[/].*)?", re.IGNORECASE)
_HUTCH = re.compile(r"(?:[eo]h|hutch|exp)[_ ]?\d", re.IGNORECASE)
REFERENCE = 4
"""Rank of what the reference behind the sample gives."""


@dataclass(frozen=True)
class Candidate:
    """One way to make mu(E).

    Parameters
    ----------
    mode : {"transmission", "fluorescence", "as is"}
        How it is made.
    formula : str
        In the names of the file.
    mu : array, shape (rows,)
        NaN where it has no value.
    columns : mapping of str to list of str
        The columns taken, by role.
    normalized : bool, optional
        Whether the values are normalized, if known.
    rank : int
        0 is preferred where no edge decides.
    remarks : tuple of str
        What else a user should know.
    """

    mode: Mode
    formula: str
    mu: Values
    columns: dict[str, list[str]]
    normalized: bool | None = False
    rank: int = 0
    remarks: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Columns:
    """A table as the functions of this module look at it: names (made up where there are none), meanings and values."""

    names: Sequence[str]
    meanings: Sequence[Meaning]
    values: Values
    energy: int

    def of(self, role: Role) -> list[int]:
        """Columns of a role, by name, so that their order in the file does not matter."""
        found = [i for i, meaning in enumerate(self.meanings) if meaning.role == role and i != self.energy]
        return sorted(found, key=lambda i: (len(self.names[i]), self.names[i].lower()))


def is_negative(counts: Values) -> bool:
    """Whether numbers are negative or zero throughout."""
    return bool((counts < 0).any() and not (counts > 0).any())


def turned(counts: Values) -> Values:
    """Return currents that an electrometer writes as negative numbers with their sign turned; others unchanged.

    Examples
    --------
    >>> turned(np.array([-2.0, -3.0])), turned(np.array([-2.0, 3.0]))
    (array([2., 3.]), array([-2.,  3.]))
    """
    return -counts if is_negative(counts) else counts


def sign_remarks(table: Columns, columns: Sequence[int]) -> tuple[str, ...]:
    """Say which of the columns are negative throughout, so that their sign was turned."""
    names = [table.names[i] for i in columns if is_negative(table.values[:, i])]
    return (f"negative throughout, sign turned: {', '.join(names)}",) if names else ()


def transmission(i0: Values, it: Values) -> Values:
    """Return ln(I0/It), NaN where it has no value; currents that are negative throughout have their sign turned."""
    i0, it = turned(i0), turned(it)
    with np.errstate(divide="ignore", invalid="ignore"):
        mu = np.log(i0 / it)
    return np.where(np.isfinite(mu), mu, np.nan)


def ratio(signal: Values, i0: Values) -> Values:
    """Return signal/I0, NaN where it has no value; currents that are negative throughout have their sign turned."""
    signal, i0 = turned(signal), turned(i0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mu = signal / i0
    return np.where(np.isfinite(mu), mu, np.nan)


def candidates(table: Columns) -> list[Candidate]:
    """Return all ways to make mu(E) of a table, from the names of its columns."""
    found = [*_as_is(table, "norm", NORMALIZED, True), *_as_is(table, "mu", RAW, False)]
    i0 = i0_of(table)
    if i0 is not None:
        found += transmitted(table, i0) + emitted(table, i0)
    found += [_column(table, i, None, REFERENCE) for i in table.of("mu_ref")]
    return [candidate for candidate in found if np.isfinite(candidate.mu).sum() >= 2]


def are_samples(found: Sequence[Candidate]) -> bool:
    """Whether several columns of mu(E) are those of several samples (``mu_FeO``, ``mu_Fe2O3``)."""
    ready = [c for c in found if c.rank == 0]
    names = {c.formula.split("(")[0].strip().lower() for c in ready}
    return len(ready) == len(found) > 1 and not names & {*NORMALIZED, *RAW}


def _as_is(table: Columns, role: Role, order: Sequence[str], normalized: bool) -> list[Candidate]:
    """Columns that are mu(E), the best name first."""

    def preference(i: int) -> int:
        words = table.names[i].split("(")[0].split()
        name = words[0].lower() if words else ""
        name = name if name in order else name.replace("_", "")
        return order.index(name) if name in order else len(order)

    return [_column(table, i, normalized, 0) for i in sorted(table.of(role), key=preference)]


def _column(table: Columns, i: int, normalized: bool | None, rank: int) -> Candidate:
    name = table.names[i]
    mu = np.where(np.isfinite(table.values[:, i]), table.values[:, i], np.nan)
    return Candidate("as is", name, mu, {"signal": [name]}, normalized, rank)


def i0_of(table: Columns) -> int | None:
    """The column of I0: one called I0 before monitors; of several hutches the last one by name, nearest the sample."""
    columns = table.of("i0")
    named = [i for i in columns if _I0_NAME.search(table.names[i])]
    columns = named or columns
    # ``I0`` beside ``I0_raw`` or ``I0_2`` is what the beamline itself divides by.
    plain = [i for i in columns if _PLAIN_I0.fullmatch(table.names[i])]
    if plain and not any(_HUTCH.search(table.names[i]) for i in columns):
        return plain[0]
    return columns[-1] if columns else None


def transmitted(table: Columns, i0: int) -> list[Candidate]:
    """ln(I0/It) of each column of It."""
    found = []
    roles: tuple[tuple[int, Role], ...] = ((1, "it"), (REFERENCE, "iref"))
    for rank, role in roles:
        for i in table.of(role)[:1] if role == "it" else table.of(role):
            names: dict[str, list[str]] = {"i0": [table.names[i0]], role: [table.names[i]]}
            mu = transmission(table.values[:, i0], table.values[:, i])
            formula = f"ln({table.names[i0]}/{table.names[i]})"
            remarks = sign_remarks(table, [i0, i])
            found.append(Candidate("transmission", formula, mu, names, False, rank, remarks))
    return found


def emitted(table: Columns, i0: int) -> list[Candidate]:
    """If/I0 of each line or detector, its elements summed, and the electron yield over I0."""
    found = []
    roles: tuple[Role, ...] = ("if", "tey")
    for role in roles:
        groups: dict[str, list[int]] = {}
        for i in table.of(role):
            groups.setdefault(table.meanings[i].group, []).append(i)
        for columns in groups.values():
            found.append(fluorescence(table, _of_one_kind(table, columns), i0, rank=2 if role == "if" else 3))
    return found


def _of_one_kind(table: Columns, columns: list[int]) -> list[int]:
    """Of the columns of one line: a corrected sum, else corrected elements, else a sum, else all elements."""
    tests: tuple[Callable[[Meaning], bool], ...] = (
        lambda m: m.corrected and m.total,
        lambda m: m.corrected,
        lambda m: m.total,
    )
    for test in tests:
        if kind := [i for i in columns if test(table.meanings[i])]:
            return kind
    # Two columns of one element are the same counts twice (total and window); the shorter name is taken.
    elements: dict[str, int] = {}
    for i in columns:
        elements.setdefault(table.meanings[i].element, i)
    # Beside numbered elements, a column without a number is their sum or their mean.
    if any(elements):
        return [i for element, i in elements.items() if element]
    # ``If`` and ``If_raw`` are one signal; columns of one name are elements without numbers.
    return [i for i in columns if table.names[i] == table.names[columns[0]]]


def fluorescence(table: Columns, columns: list[int], i0: int, rank: int = 2) -> Candidate:
    """Return the sum of detector elements over I0, their dead time divided out where ICR and OCR are there."""
    signals = table.values[:, columns]
    pairs = _rates(table, columns)
    remarks: tuple[str, ...] = ()
    if pairs:
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = table.values[:, [icr for icr, _ in pairs]] / table.values[:, [ocr for _, ocr in pairs]]
        # An element without a count in a point lost nothing there.
        signals = signals * np.where(np.isfinite(factors) & (factors > 0), factors, 1.0)
        remarks = (f"dead time divided out with ICR/OCR of {len(pairs)} elements",)
    names = [table.names[i] for i in columns]
    total = names[0] if len(names) == 1 else f"({' + '.join(names)})"
    formula = f"{total}{' x ICR/OCR' if pairs else ''}/{table.names[i0]}"
    mu = ratio(signals.sum(axis=1), table.values[:, i0])
    taken = {"i0": [table.names[i0]], "signal": names}
    if pairs:
        taken |= {"icr": [table.names[icr] for icr, _ in pairs], "ocr": [table.names[ocr] for _, ocr in pairs]}
    return Candidate("fluorescence", formula, mu, taken, False, rank, remarks + sign_remarks(table, [i0, *columns]))


def _rates(table: Columns, columns: list[int]) -> list[tuple[int, int]]:
    """Input and output count rate of each element, if the file has both for all of them."""
    if any(table.meanings[i].corrected or table.meanings[i].total for i in columns):
        return []
    rates = {role: {table.meanings[i].element: i for i in table.of(role)} for role in ("icr", "ocr")}
    elements = [table.meanings[i].element for i in columns]
    if all(elements) and all(e in rates["icr"] and e in rates["ocr"] for e in elements):
        return [(rates["icr"][e], rates["ocr"][e]) for e in elements]
    return []
