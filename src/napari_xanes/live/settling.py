"""Whether a file is complete: its size and time stay, for some time, and then it must be readable.

Nothing in a file system says that a writer has finished. Size and time of the last change that do not move for a while
are a sign, a content that reads as a whole is a better one; both are asked for. A file that changes afterwards is seen,
too, because its state is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from napari_xanes.io.unchanged import facts

State = tuple[int, int, int, int]
"""Size, time of the last change in ns, inode and device."""


class Settling:
    """Which files have stayed as they are for long enough.

    Parameters
    ----------
    seconds : float
        How long size and time of the last change must stay.
    now : callable
        The time that files are compared with, in s.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.time) -> None:
        self._seconds, self._now = seconds, now
        self._seen: dict[Path, tuple[State, float]] = {}

    def settled(self, path: Path) -> State | None:
        """Return the state of a file if it has settled, else None; also if it is gone or empty.

        The time of the last change counts from the clock of the file server, which may be wrong: a file from the
        future has to be seen twice.
        """
        try:
            state = facts(path.stat())
        except OSError:
            self._seen.pop(path, None)
            return None
        now = self._now()
        before, since = self._seen.get(path, (None, now))
        if before != state:
            since = now
            self._seen[path] = (state, now)
        age = now - state[1] / 1e9
        is_old = age >= self._seconds or now - since >= self._seconds
        return state if state[0] > 0 and is_old else None
