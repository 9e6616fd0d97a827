"""Progress and cancelling, without knowing who watches."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and what is being done. It may raise `Cancelled`."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work; nothing has been changed."""


def part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """The progress of a part of the work, which runs from `start` to `stop` of the whole.

    Examples
    --------
    >>> seen = []
    >>> part(lambda done, text: seen.append(done), 0.5, 1.0)(0.5, "second half")
    >>> seen
    [0.75]
    """
    if progress is None:
        return None
    return lambda done, text: progress(start + done * (stop - start), text)
