"""Jobs of every panel: started once by a double click, ended by whatever is closed or deleted in the middle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtWidgets import QTabWidget
from tests.gui.held_jobs import OWNERS, STARTERS, HeldJobs, Starter, hold

from napari_xanes.gui import job as jobs
from napari_xanes.gui.job import Job
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import is_stack, kind_of
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.simulate import SimulateDock
from napari_xanes.gui.spectra.look import LookPanel
from napari_xanes.gui.state.workspace import workspace_of

every_starter = pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)


@pytest.fixture
def dock(viewer: Any, wait: Any) -> Any:
    opened = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(opened.isVisible)
    return opened


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldJobs]:
    noted = hold(monkeypatch)
    yield noted
    noted.go_on.set()


@pytest.fixture
def start(dock: Any, add_stack: Any, wait: Any, held: HeldJobs, qtbot: Any, tmp_path: Path) -> Callable[[Starter], Any]:
    """Return a function that starts a job by a click and waits until it runs; it returns the button."""

    def started(starter: Starter) -> Any:
        button = starter(dock, add_stack, wait, tmp_path)
        held.held = True
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        wait(lambda: held.started)
        return button

    return started


def is_whole(viewer: Any) -> bool:
    """Return whether each layer of ours is a stack with its energies, or shows a map of a run that is known."""
    runs = workspace_of(viewer).runs
    kinds = [(kind_of(layer), layer) for layer in viewer.layers]
    return all(is_stack(layer) if kind == "stack" else runs.of(layer) is not None for kind, layer in kinds if kind)


@every_starter
def test_a_double_click_starts_one_job(
    starter: Starter, dock: Any, add_stack: Any, held: HeldJobs, wait: Any, qtbot: Any, errors: list[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    button, bar = starter(dock, add_stack, wait, tmp_path), jobs.activity
    held.held = True

    def busy_bar(**keywords: Any) -> Any:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)  # napari's bar handles events, a second click among them
        return bar(**keywords)

    monkeypatch.setattr(jobs, "activity", busy_bar)
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    wait(lambda: held.started)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not button.isEnabled()
    held.go_on.set()
    wait(lambda: not held.jobs[0].running)
    assert held.started.count(held.started[0]) == 1
    assert not errors


@every_starter
def test_a_dock_closed_in_the_middle_leaves_nothing(
    starter: Starter, viewer: Any, dock: Any, start: Any, held: HeldJobs, wait: Any, errors: list[str]
) -> None:
    start(starter)
    layers, threads = list(viewer.layers), threading.active_count()
    dock.parentWidget().close()
    dock.parentWidget().deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    wait(lambda: held.left == 1)
    held.go_on.set()
    wait(lambda: threading.active_count() <= threads)
    assert list(viewer.layers) == layers, "nothing half done is left"
    assert not errors
    assert not workspace_of(viewer).recipe.applying


@every_starter
def test_layers_deleted_in_the_middle_leave_nothing_half_done(
    starter: Starter, viewer: Any, dock: Any, start: Any, held: HeldJobs, wait: Any, settle: Any, errors: list[str]
) -> None:
    start(starter)
    viewer.layers.clear()
    held.go_on.set()
    wait(lambda: not held.jobs[0].running)
    settle()
    assert is_whole(viewer)
    assert not errors


@every_starter
def test_a_viewer_closed_in_the_middle_leaves_no_thread(
    starter: Starter, viewer: Any, start: Any, held: HeldJobs, wait: Any, errors: list[str]
) -> None:
    start(starter)
    viewer.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    wait(lambda: held.left == 1)
    assert not errors


def test_each_job_of_the_dock_is_started_here(dock: Any, add_stack: Any) -> None:
    add_stack()
    for name in dock.rail.buttons:
        dock.show_step(name)
        for tabs in dock.findChildren(QTabWidget):
            for i in range(tabs.count()):
                tabs.setCurrentIndex(i)
    assert {type(job.parent()).__name__ for job in dock.findChildren(Job)} <= OWNERS


def _from_regions(dock: Any, viewer: Any, layer: Any) -> Any:
    viewer.add_labels(np.eye(24, 32, dtype=np.uint8), scale=layer.scale[1:], units=layer.units[1:])
    dock.panel("Look").findChild(LookPanel).tabs.setCurrentIndex(1)
    return dock.panel("Look").findChild(ReferenceList)._region_button


def _simulate(dock: Any, viewer: Any, layer: Any) -> Any:
    dock.show_step("Theory")
    tabs = dock.panel("Theory")
    tabs.setCurrentIndex(1)
    return tabs.findChild(SimulateDock).keep


@pytest.mark.parametrize("starter", [_from_regions, _simulate])
def test_a_double_click_adds_one_reference(
    starter: Callable[..., Any], viewer: Any, dock: Any, add_stack: Any, wait: Any, settle: Any, qtbot: Any
) -> None:
    button, references = starter(dock, viewer, add_stack()), dock.workspace.references
    wait(lambda: dock.workspace.regions.regions or references.trial)
    before = len(references.spectra)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    wait(lambda: len(references.spectra) > before)
    settle()
    assert len(references.spectra) == before + 1


@pytest.mark.parametrize("starter", [_from_regions, _simulate])
def test_a_dock_closed_while_spectra_are_made_leaves_no_thread(
    starter: Callable[..., Any], viewer: Any, dock: Any, add_stack: Any, wait: Any, qtbot: Any, errors: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    going, go_on, submit = threading.Event(), threading.Event(), LatestOnlyWorker.submit

    def submit_held(self: LatestOnlyWorker, key: Any, work: Callable[[], Any]) -> None:
        def waits() -> Any:
            going.set()
            go_on.wait()
            return work()

        submit(self, key, waits if isinstance(self.parent(), (ReferenceList, SimulateDock)) else work)

    monkeypatch.setattr(LatestOnlyWorker, "submit", submit_held)
    layer = add_stack()
    button = starter(dock, viewer, layer)
    threads = threading.active_count()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait(going.is_set)
    dock.parentWidget().close()
    dock.parentWidget().deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    go_on.set()
    wait(lambda: threading.active_count() <= threads)
    assert not errors
