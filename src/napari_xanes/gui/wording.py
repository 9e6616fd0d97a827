"""How long work will take, and what an error is about, told from their words and numbers. No Qt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_xanes.parameters import Parameter

_SOON = 2.0  # s; nothing is foretold from less


def is_about(message: str, parameter: Parameter) -> bool:
    """Whether an error names a parameter: with a value, or references by what they are."""
    named = re.search(rf"\b{parameter.name} ?=", message)
    return bool(named or (parameter.kind == "references" and re.search(r"\breferences?\b", message)))


def time_left(elapsed: float, done: float) -> str:
    """How long work will still take, in words, from the seconds that a share of it took; empty at its beginning.

    Examples
    --------
    >>> time_left(10.0, 0.4), time_left(100.0, 0.2), time_left(1.0, 0.5)
    (' · 15 s left', ' · 7 min left', '')
    """
    if elapsed < _SOON or done < 0.05:
        return ""
    left = elapsed * (1 - done) / done
    return f" · {left:.0f} s left" if left < 100 else f" · {left / 60:.0f} min left"
