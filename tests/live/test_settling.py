"""When a file counts as complete."""

from __future__ import annotations

import os
from pathlib import Path

from napari_xanes.live.settling import Settling


class Clocks:
    """The time of day, which can be set, and the one that only passes."""

    def __init__(self) -> None:
        self.now, self.passed = 1000.25, 50.0

    def settling(self, seconds: float) -> Settling:
        return Settling(seconds, now=lambda: self.now, passed=lambda: self.passed)

    def wait(self, seconds: float) -> None:
        self.now, self.passed = self.now + seconds, self.passed + seconds


def write(path: Path, text: str, at: float) -> None:
    path.write_text(text)
    os.utime(path, (at, at))


def test_size_and_time_must_stay(tmp_path: Path) -> None:
    path, clocks = tmp_path / "frame", Clocks()
    settling = clocks.settling(2.0)
    assert settling.settled(path) is None, "not there"
    write(path, "a", clocks.now)
    assert settling.settled(path) is None
    clocks.wait(1.5)
    write(path, "ab", clocks.now)
    assert settling.settled(path) is None, "it grew"
    clocks.wait(2.1)
    assert settling.settled(path) is not None
    write(path, "", 990.25)
    assert settling.settled(path) is None, "an empty file is never complete"


def test_an_old_file_need_not_be_seen_twice_also_if_it_takes_the_place_of_another(tmp_path: Path) -> None:
    path, clocks = tmp_path / "frame", Clocks()
    settling = clocks.settling(2.0)
    write(path, "a", clocks.now - 60)
    assert settling.settled(path) is not None
    write(path, "ab", clocks.now - 50)
    assert settling.settled(path) is not None


def test_a_clock_that_is_ahead_makes_nothing_wait_for_ever(tmp_path: Path) -> None:
    path, clocks = tmp_path / "frame", Clocks()
    write(path, "a", 5000.25)
    settling = clocks.settling(2.0)
    assert settling.settled(path) is None
    clocks.wait(2.0)
    assert settling.settled(path) is not None


def test_a_clock_that_is_set_back_makes_nothing_wait(tmp_path: Path) -> None:
    path, clocks = tmp_path / "frame", Clocks()
    write(path, "a", clocks.now)
    settling = clocks.settling(2.0)
    assert settling.settled(path) is None
    clocks.now -= 3600
    clocks.passed += 2.0
    assert settling.settled(path) is not None


def test_a_clock_that_is_behind_takes_no_file_that_grows(tmp_path: Path) -> None:
    """The server's times look old at once; what was seen to grow has to stay for as long as any other file."""
    path, clocks = tmp_path / "frame", Clocks()
    settling = clocks.settling(2.0)
    write(path, "", clocks.now - 30)
    assert settling.settled(path) is None
    for text in ("a", "ab", "abc"):
        write(path, text, clocks.now - 30)
        assert settling.settled(path) is None
        clocks.wait(0.5)
    clocks.wait(1.5)
    assert settling.settled(path) is not None


def test_times_of_whole_seconds_hide_a_change(tmp_path: Path) -> None:
    """Within two seconds a file on such a disk can change with its size and time as they were."""
    path, clocks = tmp_path / "frame", Clocks()
    settling = clocks.settling(0.5)
    write(path, "aa", 1000)
    clocks.wait(1.0)
    assert settling.settled(path) is None
    clocks.wait(1.0)
    assert settling.settled(path) is None
    clocks.wait(0.5)
    assert settling.settled(path) is not None
    assert clocks.settling(0).settled(path) is not None, "who waits for nothing does not wait"
