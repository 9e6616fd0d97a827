"""When a file counts as complete."""

from __future__ import annotations

import os
from pathlib import Path

from napari_xanes.live.settling import Settling


def test_size_and_time_must_stay(tmp_path: Path) -> None:
    path, clock = tmp_path / "frame", [1000.0]
    settling = Settling(2.0, now=lambda: clock[0])

    def write(text: str, at: float) -> None:
        path.write_text(text)
        os.utime(path, (at, at))

    assert settling.settled(path) is None, "not there"
    write("a", 1000)
    assert settling.settled(path) is None
    clock[0] = 1001.5
    write("ab", 1001.5)
    assert settling.settled(path) is None, "it grew"
    clock[0] = 1003.6
    assert settling.settled(path) is not None
    write("", 990)
    assert settling.settled(path) is None, "an empty file is never complete"


def test_a_clock_that_is_ahead_makes_nothing_wait_for_ever(tmp_path: Path) -> None:
    path, clock = tmp_path / "frame", [1000.0]
    path.write_text("a")
    os.utime(path, (5000, 5000))
    settling = Settling(2.0, now=lambda: clock[0])
    assert settling.settled(path) is None
    clock[0] = 1002.0
    assert settling.settled(path) is not None
