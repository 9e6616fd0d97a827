"""Report progress to whoever watches, and let them cancel."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""A function that is called with the fraction done (0 to 1) and a text. It may raise `Cancelled`."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work; nothing is changed then."""


def part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """Return a progress callback for the part of the work from `start` to `stop`.

    Examples
    --------
    >>> fractions = []
    >>> part(lambda done, text: fractions.append(done), 0.5, 1.0)(0.5, "second half")
    >>> fractions
    [0.75]
    """
    if progress is None:
        return None
    return lambda done, text: progress(start + done * (stop - start), text)
