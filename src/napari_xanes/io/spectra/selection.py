"""Which way to make mu(E) is taken: what the user chose, else what shows an edge.

The rise of the edge over the scatter decides between transmission and fluorescence; a column of mu(E) that shows an
edge comes before both. What was taken and why is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_xanes.io.column_choice import Choice, Mode, column_of
from napari_xanes.io.spectra.absorption import (
    REFERENCE,
    Candidate,
    Columns,
    Values,
    candidates,
    emitted,
    fluorescence,
    i0_of,
    ratio,
    transmission,
    transmitted,
)
from napari_xanes.io.spectra.edge_contrast import SHOWS_AN_EDGE, edge_contrast, edge_contrasts
from napari_xanes.io.spectra.roles import Role

_ROLES: dict[str, Role] = {"i0": "i0", "it": "it", "if": "if", "iref": "iref"}
"""Words for roles that a user may give in the place of a name."""


_ABOUT_EQUAL = 1.5


def chosen(table: Columns, choice: Choice) -> list[Candidate]:
    """Return the ways to make mu(E) that fit what the user chose.

    Raises
    ------
    ValueError
        If a column does not exist, or I0 or a signal is missing for the mode.
    """
    i0 = _column_named(table, choice.i0, "i0") if choice.i0 is not None else i0_of(table)
    signals = [_column_named(table, signal, "signal") for signal in choice.signals]
    if not signals:
        return _of_mode(table, choice, i0)
    mode = choice.mode or _mode_of(table, signals, i0, choice)
    if mode == "as is":
        names = [table.names[i] for i in signals]
        normalized = {"norm": True, "mu": False}.get(table.meanings[signals[0]].role)
        return [
            Candidate("as is", " + ".join(names), table.values[:, signals].sum(axis=1), {"signal": names}, normalized)
        ]
    if i0 is None:
        raise ValueError(missing(table, "I0", "i0"))
    if mode == "fluorescence":
        return [fluorescence(table, signals, i0)]
    names = [table.names[i] for i in signals]
    mu = transmission(table.values[:, i0], table.values[:, signals].sum(axis=1))
    return [
        Candidate(
            "transmission", f"ln({table.names[i0]}/{' + '.join(names)})", mu, {"i0": [table.names[i0]], "it": names}
        )
    ]


def _column_named(table: Columns, chosen: str | int, what: str) -> int:
    """The column of a name or number; ``I0``, ``It``, ``If`` and ``Iref`` are the columns of these roles too."""
    try:
        return column_of(chosen, table.names, len(table.names), what=what)
    except ValueError:
        role = _ROLES.get(str(chosen).strip().lower())
        columns = table.of(role) if role else []
        if not columns:
            raise
        return columns[-1] if role == "i0" else columns[0]


def _of_mode(table: Columns, choice: Choice, i0: int | None) -> list[Candidate]:
    """The candidates of a mode, with the I0 that was chosen."""
    if choice.i0 is not None and i0 is not None:
        found = [c for c in candidates(table) if c.mode == "as is"] if choice.mode == "as is" else []
        found += transmitted(table, i0) + emitted(table, i0)
    else:
        found = candidates(table)
    if choice.mode is None:
        return found
    found = [c for c in found if c.mode == choice.mode]
    if not found and choice.mode != "as is" and i0 is None:
        raise ValueError(missing(table, "I0", "i0"))
    if not found:
        what = {"transmission": "It", "fluorescence": "If", "as is": "mu(E)"}[choice.mode]
        raise ValueError(missing(table, what, "signal"))
    return found


def _mode_of(table: Columns, signals: list[int], i0: int | None, choice: Choice) -> Mode:
    """The mode that fits a chosen signal: by its name, else by what rises at an edge."""
    roles = {table.meanings[i].role for i in signals}
    if roles <= {"norm", "mu", "mu_ref"} or i0 is None:
        return "as is"
    if roles <= {"it", "iref"}:
        return "transmission"
    if roles <= {"if", "tey", "icr", "ocr"}:
        return "fluorescence"
    if choice.i0 is None:
        return "as is"
    energy, signal = table.values[:, table.energy], table.values[:, signals].sum(axis=1)
    absorbed = edge_contrast(energy, transmission(table.values[:, i0], signal))
    return "transmission" if absorbed > edge_contrast(energy, ratio(signal, table.values[:, i0])) else "fluorescence"


def missing(table: Columns, what: str, parameter: str) -> str:
    """Return the message that no column of a role was found."""
    return f"no column of {what} was found among {', '.join(table.names)}; choose with {parameter}="


def best(found: Sequence[Candidate], energy: Values) -> tuple[Candidate, str]:
    """Return the candidate that shows an edge, and why it was taken, in words.

    Parameters
    ----------
    found : sequence of Candidate
        At least one.
    energy : array, shape (rows,)
        eV.
    """
    if len(found) == 1:
        return found[0], f"mu(E) = {found[0].formula}"
    # What is measured behind the sample decides nothing.
    compared = [i for i, candidate in enumerate(found) if candidate.rank < REFERENCE]
    scores = dict(zip(compared, edge_contrasts(energy, [found[i].mu for i in compared]), strict=True))
    with_edge = [i for i, score in scores.items() if score >= SHOWS_AN_EDGE]
    ready = [i for i in with_edge if found[i].rank == 0]
    if ready:
        taken, why = ready[0], "the file has it"
    elif with_edge and not (found[0].rank == 0 and found[0].normalized):
        # Of edges that are about equally clear, noise must not choose: repeats of a scan are all read in one way.
        clearest = max(scores[i] for i in with_edge)
        clear = [i for i in with_edge if scores[i] * _ABOUT_EQUAL >= clearest]
        taken = min(clear, key=lambda i: (found[i].rank, -scores[i]))
        why = "its edge stands out most" if len(with_edge) > 1 else "it shows an edge"
        if scores[taken] < clearest:
            why = "its edge is about as clear as the others"
    else:
        taken = min(range(len(found)), key=lambda i: found[i].rank)
        why = "no way to make it shows a clear edge"
    others = ", ".join(found[i].formula for i in range(len(found)) if i != taken)
    return found[taken], f"mu(E) = {found[taken].formula}: {why}; also possible: {others}"
