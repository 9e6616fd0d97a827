"""The state of a watched scan in a file: what was taken, what waits, and what happened."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from napari_xanes.saving.replacing import write_whole

_MOST_EVENTS = 1000
"""So many of the last events are kept."""


@dataclass(frozen=True)
class LiveState:
    """What became of a scan so far. Nothing is computed from it: whoever goes on looks at the source itself.

    Parameters
    ----------
    source : str
        Path or address of the scan.
    state : str
        ``growing``, ``complete`` (the final maps are there) or ``failed`` (they can't be made).
    energies : tuple of float
        eV, of the frames that were taken.
    expected : int, optional
        Number of energies that the scan will have.
    waiting : tuple of str
        What is there and not taken yet.
    events : tuple of str
        What happened, oldest first: time and words.
    """

    source: str
    state: Literal["growing", "complete", "failed"] = "growing"
    energies: tuple[float, ...] = ()
    expected: int | None = None
    waiting: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write the state to a file, which appears whole or not at all.

        Raises
        ------
        OSError
            If it can't be written.
        """
        kept = asdict(self) | {"events": self.events[-_MOST_EVENTS:]}
        write_whole(path, (json.dumps(kept, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> LiveState | None:
        """Return the state in a file; None if there is none, or it is no such state."""
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            if known["state"] not in ("growing", "complete", "failed"):
                return None
            expected = known["expected"]
            return cls(
                str(known["source"]),
                known["state"],
                tuple(map(float, known["energies"])),
                None if expected is None else int(expected),
                tuple(map(str, known["waiting"])),
                tuple(map(str, known["events"])),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
