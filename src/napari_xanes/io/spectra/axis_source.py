"""Whether an axis holds values as measured or as requested, from its name."""

from __future__ import annotations

import re
from typing import Literal

Source = Literal["plain", "readback", "setpoint"]

READBACK = {
    "readback",
    "real",
    "rbv",
    "rb",
    "fbk",
    "feedback",
    "achieved",
    "actual",
    "enc",
    "encoder",
    "measured",
    "obs",
    "o",
}
SETPOINT = {"requested", "setpoint", "sp", "set", "target", "nominal", "demand", "calc", "c", "drive", "command"}
_WITHIN: tuple[tuple[Source, re.Pattern[str]], ...] = (
    ("setpoint", re.compile(r"setpoint|requested|nominal|demand")),
    ("readback", re.compile(r"readback|feedback|encoder|achieved|measured")),
)


def source_of(words: list[str], marks: set[str]) -> Source:
    """Return whether an axis is as measured or as requested.

    Parameters
    ----------
    words : list of str
        Of its name, in lower case; ``EnergySetpoint`` may be one word.
    marks : set of str
        The letters o (observed) and c (calculated) in brackets.

    Examples
    --------
    >>> source_of(["energy", "rbv"], set()), source_of(["energysetpoint"], set()), source_of(["energy"], set())
    ('readback', 'setpoint', 'plain')
    """
    if marks & {"o"} or READBACK & set(words[1:]) or words[0] in READBACK - {"o"}:
        return "readback"
    if marks & {"c"} or SETPOINT & set(words[1:]) or words[0] in SETPOINT - {"c"}:
        return "setpoint"
    for source, pattern in _WITHIN:
        if any(pattern.search(word) for word in words):
            return source
    return "plain"
