"""E0 and the lines by which a spectrum is to be normalized, where a user chose them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LINES = "lines"
"""Entry of a spectrum's metadata with what was chosen."""

LINE_KEYS = ("e0", "pre", "post")

_SAID, _NORMALIZED = (
    "normalized_before",
    "normalized",
)  # what the file says of the spectrum, kept while lines are chosen


def checked_lines(
    e0: float | None = None, pre: Sequence[float] | None = None, post: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return what is given as plain values.

    Parameters
    ----------
    e0 : float, optional
        In eV.
    pre, post : (float, float), optional
        Ranges of the two lines in eV from E0.

    Raises
    ------
    ValueError
        If a value is not finite, or a range does not go up.
    """
    given: dict[str, Any] = {} if e0 is None else {"e0": float(e0)}
    given |= {key: [float(end) for end in ends] for key, ends in (("pre", pre), ("post", post)) if ends is not None}
    for key, value in given.items():
        ends = [value] if key == "e0" else value
        if not np.isfinite(ends).all() or (key != "e0" and (len(ends) != 2 or ends[0] >= ends[1])):
            raise ValueError(f"{key} = {value} is no {'E0' if key == 'e0' else 'range that goes up'}, in eV")
    return given


def chosen_lines(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen for a spectrum; what is absent is automatic."""
    given = metadata.get(LINES)
    return {key: value for key, value in given.items() if key in LINE_KEYS} if isinstance(given, Mapping) else {}


def with_chosen_lines(metadata: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a spectrum with other lines.

    With lines, it is to be normalized whatever its file says; without, what the file said holds again.

    Examples
    --------
    >>> chosen = with_chosen_lines({"normalized": True}, {"e0": 8341.0})
    >>> chosen["normalized"], with_chosen_lines(chosen, {})
    (False, {'normalized': True})
    """
    before = metadata.get(LINES)
    said = before.get(_SAID) if isinstance(before, Mapping) else metadata.get(_NORMALIZED)
    others = {key: value for key, value in metadata.items() if key not in (LINES, _NORMALIZED)}
    if given:
        return others | {LINES: {**given, **({} if said is None else {_SAID: said})}, _NORMALIZED: False}
    return others if said is None else others | {_NORMALIZED: said}
