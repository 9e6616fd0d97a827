"""Units of time as microscopes write them."""

from __future__ import annotations

_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3}
_SECONDS |= {"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "microsecond": 1e-6, "ns": 1e-9, "min": 60.0}
_SECONDS |= {"minute": 60.0}


def time_in_s(unit: str) -> float | None:
    """Return a unit of time in s, or None if it is unknown. No unit means s.

    Examples
    --------
    >>> time_in_s("msec"), time_in_s("seconds"), time_in_s("counts")
    (0.001, 1.0, None)
    """
    name = unit.strip().lower()
    return _SECONDS.get(name, _SECONDS.get(name.removesuffix("s")) if len(name) > 3 else None)
