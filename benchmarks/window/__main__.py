"""Print how long each action of a user holds the window: ``python -m benchmarks.window``, under ``xvfb-run``.

A timer of the main thread ticks as often as it can. Another thread looks at it, and notes what the main thread does
while no tick comes. Printed are, for each action, the longest time between two ticks and the 99 % quantile, the same in
processor time of the main thread (on a busy machine only this can be compared), the longest time that napari alone
needs to do as much (a layer, a dock, the same moves; measured before, in a process of its own) and the ratio. The
longest collection of Python's garbage stands beside: all threads wait for it, the more objects there are. Below
stand, for what held it longer than the limit, the lines of napari-xanes and of napari in which it was seen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.window import bare, plugin
from benchmarks.window.watch import LIMIT, LOOK_EVERY, Held, Watch, settings_of_its_own, wait

_SAMPLE = "import sys, napari_xanes as nx; nx.write(nx.sample.nmc_ni_k(size=int(sys.argv[1])).stack, sys.argv[2])"


def main() -> None:
    """Watch a window while a user works in it, and print what held it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="pixels along each side")
    parser.add_argument("--skip", nargs="*", default=(), help="titles of actions to leave out")
    parser.add_argument("--bare", action="store_true", help="only napari alone, as JSON")
    arguments = parser.parse_args()
    with settings_of_its_own() as folder, tempfile.TemporaryFile("w+") as calls:
        if arguments.bare:
            viewer, watch = _window(calls)
            held = {name: watch.held_by(act) for name, act in bare.actions(viewer, folder, arguments.size)}
            sys.stdout.write(json.dumps(held))
        else:
            alone = _napari_alone(arguments.size)
            # In another process: what it imports must not be ready in this one.
            subprocess.run([sys.executable, "-c", _SAMPLE, str(arguments.size), str(folder / "scan.h5")], check=True)
            viewer, watch = _window(calls)
            _watch_user(viewer, watch, folder, alone, arguments.skip)
        watch.stop()
        viewer.close()
        wait(lambda: True)


def _window(calls: Any) -> tuple[Any, Watch]:
    import napari

    viewer = napari.Viewer()
    wait(lambda: viewer.window._qt_window.isVisible())
    return viewer, Watch(calls)


def _napari_alone(size: int) -> dict[str, Held]:
    command = [sys.executable, "-m", "benchmarks.window", "--bare", "--size", str(size)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: Held(*numbers) for name, numbers in json.loads(text.splitlines()[-1]).items()}


def _watch_user(viewer: Any, watch: Watch, folder: Path, alone: dict[str, Held], skip: tuple[str, ...]) -> None:
    out = sys.stdout
    out.write(f"{f'ms; the limit is {1000 * LIMIT:.0f}':34} by the clock    processor  garbage  napari alone\n")
    out.write(f"{'action':34} longest  99 %  longest  99 %  longest  longest  ratio\n")
    times: dict[str, list[float]] = {}
    for title, name, act in plugin.actions(viewer, folder, times):
        if title in skip:
            continue
        held = watch.held_by(act)
        line = f"{title:34} {held.longest:7.0f} {held.most:5.0f} {held.busy_longest:8.0f} {held.busy_most:5.0f}"
        line += f" {held.garbage:8.0f}"
        if name:
            floor = alone[name].busy_longest
            line += f" {floor:8.0f} {held.busy_longest / floor:6.1f}"
        out.write(f"{line}\n")
        for place, count in watch.places.most_common(4):
            out.write(f"{'':6}{count * LOOK_EVERY:5.2f} s  {place}\n")
        out.flush()
    for what, ms in times.items():
        middle, most = np.percentile(ms, (50, 95))
        out.write(
            f"{what}: {middle:.0f} ms" + (f", 95 % below {most:.0f} ms" if len(ms) > 1 else "") + " by the clock\n"
        )


if __name__ == "__main__":
    main()
