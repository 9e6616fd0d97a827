"""What a user does in the dock XANES, from the file to saved maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from benchmarks.window.bare import move_cursor, step_energies
from benchmarks.window.watch import until, wait

E0 = (8340.0, 8345.0)
"""Range in eV that E0 is dragged over."""

Action = tuple[str, str, Callable[[], None]]
"""Its title, the name of what napari does alone (see `bare`), and what does it."""


def actions(viewer: Any, folder: Path, times: dict[str, list[float]]) -> Iterator[Action]:
    """Yield what a user does, in the order of the work; `times` gets those in ms until previews and maps are seen."""
    docks: list[Any] = []

    def open_stack() -> None:
        viewer.open(str(folder / "scan.h5"), plugin="napari-xanes")
        wait(lambda: len(viewer.layers) > 0)

    def open_dock() -> None:
        docks.append(viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1])

    def run(step: str, method: str = "") -> None:
        dock = docks[0]
        dock.show_step(step)
        panel = dock.panel(step).method_panel
        if method:
            panel.choose(method)
        with time_to_screen(viewer) as shown:
            panel.start()
            wait(lambda: not panel.job.running)
        times[f"result of {panel.methods.currentText()} on the canvas"] = shown

    def show(role: str) -> None:
        docks[0].panel("Map").results.role_buttons[role].click()

    def apply() -> None:
        from napari_xanes.gui.prepare import PrepareDock

        panel = docks[0].panel("Prepare").findChild(PrepareDock).panel
        panel.add_step("optical_depth")
        panel.apply()
        wait(lambda: not panel.job.running)

    def drag() -> None:
        times["preview while E0 is dragged"] = preview_times(docks[0])

    def save() -> None:
        viewer.layers.selection = {viewer.layers[-1]}
        viewer.layers.save(str(folder / "maps.h5"), selected=True)

    yield "open the stack", "stack", open_stack
    yield "open XANES", "dock", open_dock
    yield "move the cursor over the image", "cursor", lambda: move_cursor(viewer)
    yield "step through the energies", "energies", lambda: step_energies(viewer)
    yield "show Prepare", "", lambda: docks[0].show_step("Prepare")
    yield "apply optical depth", "second stack", apply
    yield "drag E0", "", drag
    yield "show Map", "", lambda: docks[0].show_step("Map")
    yield "map", "map", lambda: run("Map")
    yield "show sigma", "", lambda: show("sigma")
    yield "show the mask", "", lambda: show("mask")
    yield "save maps", "save", save
    yield "show Explore", "", lambda: docks[0].show_step("Explore")
    yield "explore", "map", lambda: run("Explore", "components")
    yield "show Theory", "", lambda: docks[0].show_step("Theory")
    yield "show Clean", "", lambda: docks[0].show_step("Clean")
    yield "denoise", "second stack", lambda: run("Clean")


def preview_times(dock: Any, n: int = 30) -> list[float]:
    """Drag E0 in Prepare; return the times in ms from a new value to the frame and the spectrum of its preview."""
    from napari_xanes.history import Step

    recipe, preview, times = dock.workspace.recipe, dock.workspace.preview, []
    recipe.add(Step("normalize_edge"))
    wait(lambda: preview.curves is not None)
    for e0 in np.linspace(*E0, n):
        frame, curves, start = preview.preview, preview.curves, perf_counter()
        recipe.change(recipe.row, Step("normalize_edge", {"e0": float(e0)}))
        until(lambda: preview.preview is not frame and preview.curves is not curves)  # noqa: B023
        times.append(1000 * (perf_counter() - start))
        wait(lambda: True)
    recipe.remove(recipe.row)
    return times


@contextmanager
def time_to_screen(viewer: Any) -> Iterator[list[float]]:
    """Give the time in ms from the end of a computation to the first drawing of the canvas with one more layer."""
    from napari_xanes.gui.running import method_panel

    canvas, compute = viewer.window._qt_viewer.canvas._scene_canvas, method_panel.run_after
    n, ended, shown = len(viewer.layers), [0.0], []

    def computed(*arguments: Any) -> Any:
        result = compute(*arguments)
        ended[0] = perf_counter()
        return result

    def drawn(_event: Any) -> None:
        if len(viewer.layers) > n and not shown:
            shown.append(1000 * (perf_counter() - ended[0]))

    canvas.events.draw.connect(drawn, position="last")
    method_panel.run_after = computed
    try:
        yield shown
    finally:
        method_panel.run_after = compute
        canvas.events.draw.disconnect(drawn)
