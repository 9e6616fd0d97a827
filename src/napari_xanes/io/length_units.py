"""Units of length as microscopes write them."""

from __future__ import annotations


def length_in_um(unit: str) -> float | None:
    """Return a unit of length in µm, or None if it is unknown. No unit means µm, which all these microscopes use.

    Examples
    --------
    >>> length_in_um("nm"), length_in_um("pixel")
    (0.001, None)
    """
    factors = {"um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "nm": 1e-3}
    factors |= {"nanometer": 1e-3, "mm": 1e3, "m": 1e6, "angstrom": 1e-4, "": 1.0}
    return factors.get(unit.strip().lower())
