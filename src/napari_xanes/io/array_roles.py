"""What an array in a file of images is for, from its name: frames, energies, flats, darks, I0, times, positions."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

ArrayRole = Literal[
    "energies",
    "flats",
    "darks",
    "I0",
    "exposure",
    "ring current",
    "angles",
    "pixel size",
    "positions",
    "scalers",
    "unknown",
]
"""``unknown`` may be frames, or anything else."""

_WORD = re.compile(r"[a-z]+\d?|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PATTERNS: tuple[tuple[ArrayRole, str], ...] = (
    ("energies", r"energ(y|ies)|x?eng|k?ev|photonenergy"),
    ("flats", r"(flat|white)(s|(field|beam|image|frame)s?)?|(bright|open)(field|beam)s?|ff|bkgs?"),
    ("darks", r"darks?|dark(field|current|image|frame)s?"),
    ("I0", r"i0|izero|io"),
    ("exposure", r"exposures?|exp|dwell\w*|\w*times?"),
    ("ring current", r"currents?"),
    ("angles", r"angles?|theta|rotation"),
    ("pixel size", r"pixelsize|pixel"),
    ("positions", r"[xyz]|positions?"),
    ("scalers", r"scalers?"),
)
_ROLES = [(role, re.compile(pattern)) for role, pattern in _PATTERNS]
_GENERIC = re.compile(r"data|values?|images?|img|counts|raw|array|avg|mean|\d+")
"""Words that leave it to the group around an array what it is."""


def role_of(name: str, n_axes: int) -> ArrayRole:
    """Return what an array is for.

    Parameters
    ----------
    name : str
        Name of the array, with the groups that it lies in.
    n_axes : int
        Number of its axes: flats with one axis are an I0.

    Examples
    --------
    >>> role_of("/exchange/data_white", 3), role_of("Experiment/X_eng (keV)", 1), role_of("entry/counter0/data", 3)
    ('flats', 'energies', 'unknown')
    >>> role_of("flat/data", 3), role_of("normalization/white_spectrum", 1), role_of("ExpTimes", 1)
    ('flats', 'I0', 'exposure')
    """
    for part in reversed(name.split("/")):
        words = _WORD.findall(_CAMEL.sub(" ", part).lower())
        tried = [*words, *map("".join, pairwise(words))]
        role: ArrayRole = next((role for role, pattern in _ROLES if any(map(pattern.fullmatch, tried))), "unknown")
        if role != "unknown" or not all(map(_GENERIC.fullmatch, words)):
            return "I0" if role == "flats" and n_axes == 1 else role
    return "unknown"
