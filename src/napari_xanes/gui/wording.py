"""Short texts: remaining time, values with errors; and the parameter that a message is about. No Qt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_xanes.parameters import Parameter

NO_ENERGIES = "This image has no photon energies yet"
"""What docks say of images with frames but without energies."""

_SHORTEST = 2.0  # s; a shorter time gives no reliable estimate


def is_about(message: str, parameter: Parameter) -> bool:
    """Return whether a message names a parameter: as ``name=``, E0 for ``e0``, or with the word reference."""
    match = re.search(rf"\b{parameter.name} ?=", message, re.IGNORECASE)
    return bool(match or (parameter.kind == "references" and re.search(r"\breferences?\b", message)))


def time_left(elapsed: float, done: float) -> str:
    """Return the remaining time in words, from the seconds elapsed and the fraction done; empty at the beginning.

    Examples
    --------
    >>> time_left(10.0, 0.4), time_left(100.0, 0.2), time_left(1.0, 0.5)
    (' · 15 s left', ' · 7 min left', '')
    """
    if elapsed < _SHORTEST or done < 0.05:
        return ""
    remaining = elapsed * (1 - done) / done
    return f" · {remaining:.0f} s left" if remaining < 100 else f" · {remaining / 60:.0f} min left"


def with_error(value: float, error: float, unit: str) -> str:
    """Return a value with its standard error and unit, rounded to two digits of the error.

    Examples
    --------
    >>> with_error(2.9083, 0.0731, "1"), with_error(8345.21, float("nan"), "eV")
    ('2.908 ± 0.073', '8345 eV')
    """
    unit = "" if unit in ("", "1") else f" {unit}"
    if not np.isfinite(error) or error <= 0:
        return f"{value:.4g}{unit}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}{unit}"
