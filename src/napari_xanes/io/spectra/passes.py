"""Several passes over the same energies in one table: appended scans, or a monochromator that goes to and fro."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.spectra.table import Table

_TURN = 0.5
"""A way back by this part of the range begins another pass; noise of an encoder turns by much less."""

_SAME_RANGE = 0.8
"""Passes that each cover this part of the range are scans of their own; shorter ones are segments of one scan."""

_LEAST_POINTS = 8
_SAID = "the energies start again: {} scans of the same range are kept apart"


def passes_of(energy: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Return the rows of each pass over the same range of energies; no list if there is only one.

    Parameters
    ----------
    energy : array, shape (rows,)
        In the order of the file.

    Examples
    --------
    >>> twice = np.concatenate([np.arange(7100.0, 7120), np.arange(7100.0, 7120)])
    >>> [rows.tolist()[:2] for rows in passes_of(twice)], passes_of(np.arange(7100.0, 7120))
    ([[0, 1], [20, 21]], [])
    """
    steps = np.diff(energy)
    if (steps >= 0).all() or (steps <= 0).all():
        return []
    whole = np.ptp(energy)
    turns = [-1, *_turns(energy, _TURN * whole), energy.size - 1]
    # One row between two turns is no way back but a jump: the next scan begins with it.
    ends = [last for first, last in pairwise(turns) if last - first > 1]
    found = [np.arange(first + 1, last + 1) for first, last in pairwise([-1, *ends])]
    found = [rows for rows in found if rows.size >= _LEAST_POINTS and np.ptp(energy[rows]) >= _SAME_RANGE * whole]
    return found if len(found) > 1 else []


def _turns(energy: NDArray[np.float64], least: float) -> list[int]:
    """The rows from which the energies go back by more than a distance."""
    turns: list[int] = []
    highest = lowest = trend = 0
    for i, value in enumerate(energy):
        highest = i if value > energy[highest] else highest
        lowest = i if value < energy[lowest] else lowest
        if trend >= 0 and energy[highest] - value > least:
            turns, trend, lowest = [*turns, highest], -1, i
        elif trend <= 0 and value - energy[lowest] > least:
            # The first row is no turn: the pass begins there.
            turns, trend, highest = ([*turns, lowest] if turns or lowest else turns), 1, i
    return turns


def parts_of(table: Table, energy: NDArray[np.float64]) -> list[Table]:
    """Return the table of each pass with a warning; no list if there is only one."""
    found = passes_of(energy)
    rest = energy.size - sum(rows.size for rows in found)
    said = _SAID.format(len(found)) + (f", {rest} rows between them are left out" if rest else "")
    return [
        replace(
            table,
            values=table.values[rows],
            lines=table.lines[rows] if table.lines.size else table.lines,
            warnings=(*table.warnings, said),
        )
        for rows in found
    ]
