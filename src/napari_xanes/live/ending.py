"""When a scan has ended, where no file says so: a number of energies, a file that appears at the end, or silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ending:
    """What tells that the last frame has come; nothing does by default.

    Parameters
    ----------
    energies : int, optional
        The scan has so many energies.
    file : str, optional
        A file whose name fits this pattern appears in the folder of the scan, such as ``*.done``.
    silence : float, optional
        So many seconds pass without anything new. A pause of the beam looks the same: give more than that.
    """

    energies: int | None = None
    file: str | None = None
    silence: float | None = None


class EndWatch:
    """Whether a scan has ended.

    Parameters
    ----------
    ending : Ending
        What tells the end.
    now : callable
        A clock in s.
    """

    def __init__(self, ending: Ending, now: Callable[[], float] = time.monotonic) -> None:
        self._ending, self._now = ending, now
        self._last = now()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Begin the silence again where a look fails: what can't be seen is not silent."""
        try:
            yield
        except OSError:
            self.something_new()
            raise

    def something_new(self) -> None:
        """Begin the silence again."""
        self._last = self._now()

    def has_ended(self, folder: Path | None, n_energies: int, *, all_settled: bool) -> bool:
        """Whether the scan has ended; nothing ends before there is a frame, or while files are not complete.

        Parameters
        ----------
        folder : Path, optional
            Where the file of the end would appear.
        n_energies : int
            Complete frames.
        all_settled : bool
            Whether no file still grows.
        """
        if n_energies == 0 or not all_settled:
            return False
        ending = self._ending
        return (
            (ending.energies is not None and n_energies >= ending.energies)
            or (ending.file is not None and folder is not None and any(folder.glob(ending.file)))
            or (ending.silence is not None and self._now() - self._last >= ending.silence)
        )
