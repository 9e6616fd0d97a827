"""Whether a file is complete: its size and time stay, for some time, and then it must be readable.

Nothing in a file system says that a writer has finished. Size and time of the last change that do not move for a while
are a sign, a content that reads as a whole is a better one; both are asked for. A file that changes afterwards is seen,
too, because its state is kept.

Times of files come from the clock of their server, which may differ from ours, and ours may be set while we wait. So
how long a file has stayed is counted by a clock that nobody sets. Some file systems keep whole seconds only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from napari_xanes.io.unchanged import facts

State = tuple[int, int, int, int]
"""Size, time of the last change in ns, inode and device."""

_COARSE = 2.0
"""Seconds between two times that the coarsest file systems can tell apart (FAT; NFS 2 and HFS+ tell seconds apart)."""


class _Seen(NamedTuple):
    """A file as it was seen last: since when it is so, and whether it changed before it had settled."""

    state: State
    since: float
    grows: bool = False
    is_settled: bool = False


class Settling:
    """Which files have stayed as they are for long enough.

    Parameters
    ----------
    seconds : float
        How long size and time of the last change must stay.
    now : callable
        The time that files are compared with, in s.
    passed : callable
        A clock in s that nobody sets.
    """

    def __init__(
        self,
        seconds: float,
        now: Callable[[], float] = time.time,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._now, self._passed = seconds, now, passed
        self._seen: dict[Path, _Seen] = {}

    def settled(self, path: Path) -> State | None:
        """Return the state of a file if it has settled, else None; also if it is gone or empty.

        At first sight the time of the last change counts. It is of the clock of the file server, which may be wrong: a
        file from the future has to be seen twice, as one that was seen to grow. Where times are whole seconds, a file
        can change without a sign of it, so it has to be older.
        """
        try:
            state = facts(path.stat())
        except OSError:
            self._seen.pop(path, None)
            return None
        passed, before = self._passed(), self._seen.get(path)
        if before is None or before.state != state:
            grows = before is not None and not before.is_settled and state[:2] > before.state[:2]
            before = _Seen(state, passed, grows)
        needed = self._seconds + (_COARSE if self._seconds and state[1] % 1_000_000_000 == 0 else 0.0)
        is_old = not before.grows and self._now() - state[1] / 1e9 >= needed
        is_settled = state[0] > 0 and (is_old or passed - before.since >= needed)
        self._seen[path] = before._replace(is_settled=is_settled)
        return state if is_settled else None
