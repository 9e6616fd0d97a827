"""Apply in the Prepare dock: one job for two clicks, cancelled or closed in the middle, nothing half done is left."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from tests.gui.preparing import add_step, apply

from napari_xanes.draft import DraftRunner
from napari_xanes.gui import job as jobs
from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.progress import Cancelled


@pytest.fixture
def dock(viewer: Any, add_stack: Any, wait: Any) -> PrepareDock:
    add_stack()
    opened: PrepareDock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    workspace_of(viewer).preview.wanted = False
    wait(opened.isVisible)
    return opened


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let runs last until they are told to end or cancelled."""
    noted: dict[str, Any] = {"started": 0, "cancelled": threading.Event(), "end": threading.Event()}
    real_run = DraftRunner.run

    def run(runner: DraftRunner, steps: Any, *, progress: Any = None) -> Any:
        noted["started"] += 1
        try:
            while not noted["end"].wait(0.01):
                progress(0.5, "waiting")
        except Cancelled:
            noted["cancelled"].set()
            raise
        return real_run(runner, steps, progress=progress)

    monkeypatch.setattr(DraftRunner, "run", run)
    return noted


def test_a_double_click_starts_one_job(
    viewer: Any, dock: PrepareDock, qtbot: Any, wait: Any, slow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_step(dock, "smooth")
    button, bar = dock.panel.apply_button, jobs.activity

    def busy_bar(**keywords: Any) -> Any:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        return bar(**keywords)

    monkeypatch.setattr(jobs, "activity", busy_bar)
    qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    wait(lambda: slow["started"])
    assert not button.isEnabled()
    slow["end"].set()
    wait(lambda: not dock.panel.job.running)
    assert slow["started"] == 1
    assert len(viewer.layers) == 2


def test_a_cancelled_run_leaves_nothing_and_the_next_one_works(
    viewer: Any, dock: PrepareDock, wait: Any, qtbot: Any, slow: Any
) -> None:
    add_step(dock, "smooth")
    dock.panel.apply_button.click()
    wait(lambda: slow["started"])
    qtbot.mouseClick(dock.panel.cancel_button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.panel.job.running)
    assert len(viewer.layers) == 1
    assert not dock.panel.recipe.applying
    slow["end"].set()
    apply(dock, wait)
    assert len(viewer.layers) == 2


def test_a_dock_closed_in_the_middle_of_a_run_ends_it(viewer: Any, dock: PrepareDock, wait: Any, slow: Any) -> None:
    recipe = dock.panel.recipe
    add_step(dock, "smooth")
    dock.panel.apply_button.click()
    wait(lambda: slow["started"])
    dock.parentWidget().close()
    dock.parentWidget().deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    wait(slow["cancelled"].is_set)
    assert len(viewer.layers) == 1
    assert not recipe.applying, "another dock can apply the steps"


def test_a_stack_closed_in_the_middle_of_a_run_does_no_harm(
    viewer: Any, dock: PrepareDock, wait: Any, slow: Any, errors: list[str]
) -> None:
    add_step(dock, "smooth")
    dock.panel.apply_button.click()
    wait(lambda: slow["started"])
    viewer.layers.clear()
    slow["end"].set()
    wait(lambda: not dock.panel.job.running)
    assert not errors
    assert [layer.name for layer in viewer.layers] == ["particle · smooth"]
    steps = dock.panel.steps
    assert [steps.item(row).text() for row in range(steps.count())] == ["1  smooth"], "done before, and fixed"
    assert len(dock.panel.recipe.draft) == 0
