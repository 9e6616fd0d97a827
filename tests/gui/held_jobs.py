"""Jobs of the window that last until a test lets them go on, and the places in the window that start them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.gui.preparing import add_step, apply
from tests.mosaics import sample

import napari_xanes as nx
from napari_xanes.gui.embedding import EmbeddingDock
from napari_xanes.gui.job import Job
from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.gui.prepare.card_line import CardLine
from napari_xanes.gui.stitching import StitchDock

Starter = Callable[[Any, Callable[..., Any], Callable[..., None], Path], Any]
"""Takes the XANES dock, a function that adds a stack, one that waits, and a folder; returns the button that starts."""


@dataclass
class HeldJobs:
    """What became of the jobs that were started while they were held."""

    started: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    left: int = 0
    held: bool = False
    go_on: threading.Event = field(default_factory=threading.Event)


def hold(monkeypatch: pytest.MonkeyPatch) -> HeldJobs:
    """Let jobs wait before they do anything, from when `held` is set until `go_on` is."""
    noted, start = HeldJobs(), Job.start

    def start_held(self: Job, work: Callable[[Any], Any], title: str) -> None:
        if not noted.held:
            start(self, work, title)
            return

        def wait_then_work(progress: Any) -> Any:
            noted.started.append(title)
            try:
                while not noted.go_on.wait(0.005):
                    progress(0.5, "waiting")
                return work(progress)
            finally:
                noted.left += 1

        noted.jobs.append(self)
        start(self, wait_then_work, title)

    monkeypatch.setattr(Job, "start", start_held)
    return noted


def _prepare(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack()
    dock.show_step("Prepare")
    prepare = dock.panel("Prepare").findChild(PrepareDock)
    add_step(prepare, "smooth")
    return prepare.panel.apply_button


def _changes(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack()
    dock.show_step("Prepare")
    prepare = dock.panel("Prepare").findChild(PrepareDock)
    add_step(prepare, "repair")
    apply(prepare, wait)
    return prepare.result.repair.map_button


def _align_again(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    layer = add_stack()
    dock.show_step("Prepare")
    prepare = dock.panel("Prepare").findChild(PrepareDock)
    frames = layer.data.shape[0]
    add_step(prepare, "align", shifts=np.zeros((frames, 2)))
    apply(prepare, wait)
    prepare.result.drift.edit(3, 0, 0.5)
    return prepare.result.drift.align_button


def _card(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack()
    line = dock.panel("Look").findChild(CardLine)
    line.button.click()
    wait(lambda: not line.card.looking.running)
    line.card.fields.widgets["pixel_size"].setText("0.1")
    return line.card.buttons.button(line.card.buttons.StandardButton.Apply)


def _open_another(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    with h5py.File(folder / "scan.hdf5", "w") as file:
        entry = file.create_group("entry1")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXstxm"
        for name in ("counter0", "counter1"):
            group = entry.create_group(name)
            group.attrs.update(NX_class="NXdata", signal="data", axes=["energy", "sample_y", "sample_x"])
            group["data"], group["energy"] = np.ones((4, 5, 6), np.float32), np.array([700.0, 701, 702, 703])
            group["energy"].attrs["units"] = "eV"
            group["sample_y"], group["sample_x"] = np.arange(5.0), np.arange(6.0)
            group["stxm_scan_type"] = "sample image stack"
    stack = nx.read(folder / "scan.hdf5")
    add_stack(stack)
    dock.show_step("Prepare")
    selector = dock.panel("Prepare").findChild(PrepareDock).stack_selector
    selector.names.setCurrentIndex(1)
    return selector.open_button


def _stitch(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    mosaic = sample(seed=3, frames=5)
    layers = [add_stack(mosaic.stack(f"T{k}", place, seed=k)) for k, place in enumerate([(0, 0), (1, 44)])]
    dock.show_step("Prepare")
    tabs = dock.panel("Prepare")
    tabs.setCurrentIndex(1)
    stitching = tabs.findChild(StitchDock)
    stitching.stacks.tick(layers)
    stitching.form.field("grid").set([1, 2, 0.3])
    return stitching.run_button


def _clean(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack()
    dock.show_step("Clean")
    dock.panel("Clean").method_panel.form().field("noise").set("tv")
    return dock.panel("Clean").method_panel.run_button


def _preview(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    _clean(dock, add_stack, wait, folder)
    return dock.panel("Clean").preview_button


def _map(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack()
    dock.show_step("Map")
    return dock.panel("Map").method_panel.run_button


def _map_counts(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack(nx.sample.nmc_ni_k(size=24, photons=2000).stack)
    dock.show_step("Map")
    return dock.panel("Map").method_panel.run_button


def _embed(dock: Any, add_stack: Any, wait: Any, folder: Path) -> Any:
    add_stack(nx.sample.mn_oxides_l(size=16).stack)
    dock.show_step("Theory")
    embedding = dock.panel("Theory").findChild(EmbeddingDock)
    embedding.method.setCurrentText("PCA")
    embedding.library.choose("mn-l23-oh")
    return embedding.run_button


STARTERS: dict[str, Starter] = {
    "Apply": _prepare,
    "Map of changes": _changes,
    "Align again": _align_again,
    "Apply of the card": _card,
    "Open another stack": _open_another,
    "Stitch": _stitch,
    "Clean": _clean,
    "Preview here": _preview,
    "Map": _map,
    "Map of counts": _map_counts,
    "Embed": _embed,
}

OWNERS = {
    "RecipePanel",
    "RepairView",
    "DriftView",
    "StackCard",
    "StackSelector",
    "StitchDock",
    "MethodPanel",
    "EmbeddingDock",
    "NeedTest",
    "LiveLine",
    "CopyOffer",
}
"""What has jobs that these start; `NeedTest` starts from a menu, and its button cancels while the test runs. `LiveLine`
starts from a dialog, and `CopyOffer` from a slow file: their own tests close them in the middle."""
