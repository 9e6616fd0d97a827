"""Offsets and gains that a header gives beside counts: named, so that a user knows of them, and never applied.

Beamlines write them in two ways: behind their label (MRCAT, XDAC: ``Offsets= 113.00 102.00``) or in the next line
(SSRL). Where descriptions of these layouts say what was done, the acquisition has subtracted the offsets already, and a
gain only scales mu(E) of fluorescence and shifts that of transmission by a constant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LABEL = re.compile(r"\W*(offsets?|gains?|weights?|dark (?:currents?|counts?))\s*[:=]\s*(.*)", re.IGNORECASE)
_MOST = 200


def settings_of(header: Sequence[str]) -> dict[str, list[float]]:
    """Return the offsets, gains and weights of a header that change a count: not those that are all 0, or all 1.

    Examples
    --------
    >>> settings_of(["E0= 8333.00", "Offsets= 113.00 102.00 0.00", "Weights:", "1.0 1.0 1.0"])
    {'offsets': [113.0, 102.0, 0.0]}
    """
    found: dict[str, list[float]] = {}
    for line, following in zip(header, [*header[1:], ""], strict=False):
        if match := _LABEL.match(line):
            numbers = _numbers(match[2] or following)
            name = match[1].lower().removesuffix("s") + "s"
            if numbers and any(number not in (0.0, 1.0) for number in numbers):
                found.setdefault(name, numbers)
    return found


def remarks_of(settings: dict[str, list[float]]) -> tuple[str, ...]:
    """Say which settings a header gives, and that they were not applied."""
    if not settings:
        return ()
    given = ", ".join(f"{name} {' '.join(f'{number:g}' for number in numbers)}" for name, numbers in settings.items())
    return (f"the header gives {given}: not applied, counts are taken as they are in the file",)


def _numbers(text: str) -> list[float]:
    """The numbers of a text that holds nothing else."""
    words = text.replace(",", " ").split()
    try:
        return [float(word) for word in words[:_MOST]]
    except ValueError:
        return []
