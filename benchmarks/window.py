"""How long each action of a user holds the window: ``python -m benchmarks.window``, under ``xvfb-run`` if need be.

A timer of the main thread ticks as often as it can. Another thread looks at it, and notes what the main thread does
while no tick comes. Printed are, for each action, the longest time between two ticks and the 99 % quantile, the same in
processor time of the main thread (on a busy machine only this can be compared), and, for what held it longer than the
limit, the lines of napari-xanes and of napari in which it was seen.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep, thread_time
from typing import IO, Any

import numpy as np

LIMIT = 0.1  # s
_LOOK_EVERY = 0.01  # s
_OWN = ("napari_xanes", "napari")


class Watch:
    """Notes when the event loop of the main thread did not tick, and what the main thread did meanwhile."""

    def __init__(self, file: IO[str]) -> None:
        from qtpy.QtCore import QTimer

        self._file = file
        self._main = threading.get_ident()
        self._last, self._last_busy = monotonic(), thread_time()
        self.holds: list[tuple[float, float]] = []
        self.places: Counter[str] = Counter()
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
            sleep(_LOOK_EVERY)
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

    def stop(self) -> None:
        """End the watch."""
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


def _wait(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    from qtpy.QtWidgets import QApplication

    end = perf_counter() + seconds
    while not condition() and perf_counter() < end:
        QApplication.processEvents()
    for _ in range(20):
        QApplication.processEvents()
        sleep(0.005)


def _actions(viewer: Any, folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what a user does, each with its name."""

    def open_stack() -> None:
        viewer.open(str(folder / "scan.h5"), plugin="napari-xanes")
        _wait(lambda: len(viewer.layers) > 0)

    yield "open a stack of 62 x {size} x {size}", open_stack
    for name in ("Spectra", "Map", "Denoise"):
        yield f"open {name}", lambda name=name: viewer.window.add_plugin_dock_widget("napari-xanes", name)

    def dock(name: str) -> Any:
        return viewer.window.add_plugin_dock_widget("napari-xanes", name)[1]

    def move() -> None:
        height, width = viewer.layers[0].data.shape[1:]
        scale = viewer.layers[0].scale[1:]
        for i in range(60):
            viewer.cursor.position = (0, height * scale[0] * i / 60, width * scale[1] * i / 60)
            _wait(lambda: True)

    yield "move the cursor over the image", move

    def step() -> None:
        for i in range(0, 60, 3):
            viewer.dims.set_point(0, i)
            _wait(lambda: True)

    yield "step through the energies", step

    def run(name: str) -> Callable[[], None]:
        def start() -> None:
            method_panel = dock(name).method_panel
            method_panel.start()
            _wait(lambda: not method_panel.job.running)

        return start

    yield "map", run("Map")
    yield "denoise", run("Denoise")

    def save() -> None:
        viewer.layers.selection = {viewer.layers[-1]}
        viewer.layers.save(str(folder / "maps.h5"), selected=True)

    yield "save maps", save


def main() -> None:
    """Watch a window while a user works in it, and print what held it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="pixels along each side")
    parser.add_argument("--skip", nargs="*", default=(), help="names of actions to leave out")
    arguments = parser.parse_args()
    with settings_of_its_own() as folder, tempfile.TemporaryFile("w+") as calls:
        import napari
        from qtpy.QtWidgets import QApplication

        import napari_xanes as nx

        sample = nx.sample.nmc_ni_k(size=arguments.size)
        nx.write(sample.stack, folder / "scan.h5")
        viewer = napari.Viewer()
        _wait(lambda: viewer.window._qt_window.isVisible())
        watch = Watch(calls)
        sys.stdout.write(f"{'ms; the limit is ' + format(1000 * LIMIT, '.0f'):40} by the clock     processor\n")
        sys.stdout.write(f"{'action':40} longest   99 %  longest   99 %\n")
        for name, act in _actions(viewer, folder):
            title = name.format(size=arguments.size)
            if title in arguments.skip:
                continue
            first = len(watch.holds)
            watch.places.clear()
            act()
            _wait(lambda: True)
            clock, busy = 1000 * np.array(watch.holds[first:] or [(0.0, 0.0)]).T
            figures = [clock.max(), np.percentile(clock, 99), busy.max(), np.percentile(busy, 99)]
            sys.stdout.write(f"{title:40} {figures[0]:7.0f} {figures[1]:6.0f} {figures[2]:8.0f} {figures[3]:6.0f}\n")
            for place, count in watch.places.most_common(4):
                sys.stdout.write(f"{'':6}{count * _LOOK_EVERY:5.2f} s  {place}\n")
            sys.stdout.flush()
        watch.stop()
        viewer.close()
        QApplication.processEvents()


if __name__ == "__main__":
    main()
