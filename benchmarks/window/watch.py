"""When the event loop of the main thread does not tick, and what the main thread does meanwhile."""

from __future__ import annotations

import faulthandler
import gc
import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep, thread_time
from typing import IO, NamedTuple

import numpy as np

LIMIT = 0.1  # s
LOOK_EVERY = 0.01  # s
_OWN = ("napari_xanes", "napari")


class Held(NamedTuple):
    """How long the main thread was held, in ms: longest and 99 % quantile, by the clock and in processor time.

    `garbage` is the longest collection of garbage meanwhile, in processor time; all threads wait for it.
    """

    longest: float
    most: float
    busy_longest: float
    busy_most: float
    garbage: float


class Watch:
    """Notes when the event loop of the main thread did not tick, and what the main thread did meanwhile."""

    def __init__(self, file: IO[str]) -> None:
        from qtpy.QtCore import QTimer

        self._file = file
        self._main = threading.get_ident()
        self._last, self._last_busy = monotonic(), thread_time()
        self.holds: list[tuple[float, float]] = []
        self.places: Counter[str] = Counter()
        self._garbage, self._collecting = 0.0, 0.0
        gc.callbacks.append(self._note_garbage)
        self._watching = True
        self._timer = QTimer(interval=0)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _tick(self) -> None:
        now, busy = monotonic(), thread_time()
        self.holds.append((now - self._last, busy - self._last_busy))
        self._last, self._last_busy = now, busy
        sleep(0.001)  # an event loop that never rests would take the time of the workers

    def _look(self) -> None:
        while self._watching:
            sleep(LOOK_EVERY)
            if monotonic() - self._last > LIMIT:
                self.places[_place(self._calls())] += 1

    def _calls(self) -> list[tuple[str, str, str]]:
        """Return file, line and function of the calls of the main thread, the innermost first.

        Python's own view of the frames of another thread keeps their painters alive, and then destroys them here.
        """
        self._file.seek(0)
        self._file.truncate()
        faulthandler.dump_traceback(self._file, all_threads=True)
        self._file.seek(0)
        threads = self._file.read().split("hread 0x")
        main = next((text for text in threads if text.startswith(f"{self._main:016x}")), "")
        return re.findall(r'File "(.+?)", line (\d+) in (\S+)', main)

    def held_by(self, act: Callable[[], None]) -> Held:
        """Return how long something held the main thread, with all that follows from it."""
        first = len(self.holds)
        self.places.clear()
        self._garbage = 0.0
        act()
        wait(lambda: True)
        clock, busy = 1000 * np.array(self.holds[first:] or [(0.0, 0.0)]).T
        return Held(clock.max(), np.percentile(clock, 99), busy.max(), np.percentile(busy, 99), self._garbage)

    def _note_garbage(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = thread_time()
        else:
            self._garbage = max(self._garbage, 1000 * (thread_time() - self._collecting))

    def stop(self) -> None:
        """End the watch."""
        gc.callbacks.remove(self._note_garbage)
        self._watching = False
        self._timer.stop()
        self._thread.join()


def _place(calls: list[tuple[str, str, str]]) -> str:
    """Return the innermost lines of napari-xanes and of napari among calls."""
    found = []
    for package in _OWN:
        inside = next((call for call in calls if f"{os.sep}{package}{os.sep}" in call[0]), None)
        if inside:
            name = inside[0].rpartition(f"{os.sep}{package}{os.sep}")[2]
            found.append(f"{package}/{name}:{inside[1]} {inside[2]}")
    return " < ".join(found) or ":".join(calls[0][:2] if calls else ("the event loop",))


@contextmanager
def settings_of_its_own() -> Iterator[Path]:
    """A folder for files and for napari's settings, so that those of the user stay."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        yield Path(folder)


def until(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    """Handle events until a condition is true."""
    from qtpy.QtWidgets import QApplication

    end = perf_counter() + seconds
    while not condition() and perf_counter() < end:
        QApplication.processEvents()


def wait(condition: Callable[[], bool]) -> None:
    """Handle events until a condition is true, and a little longer."""
    from qtpy.QtWidgets import QApplication

    until(condition)
    for _ in range(20):
        QApplication.processEvents()
        sleep(0.005)
