"""What takes long never runs in the main thread, which draws the window and handles mouse and keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.gui.user import User

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.gui.embedding import EmbeddingDock
from napari_xanes.gui.embedding import dock as embedding_dock
from napari_xanes.gui.prepare import PrepareDock
from napari_xanes.gui.prepare import next_step as proposing
from napari_xanes.gui.results import panel as results
from napari_xanes.gui.results.saving import save_maps
from napari_xanes.registry import Method
from napari_xanes.sample import nmc_ni_k


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[bool]]:
    """Note of heavy functions whether they were called in the main thread."""
    noted: dict[str, set[bool]] = {}

    def watch(owner: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **keywords: Any) -> Any:
            said = f"{arguments[0].name} of {name}" if owner is Method else name
            noted.setdefault(said, set()).add(threading.current_thread() is threading.main_thread())
            return function(*arguments, **keywords)

        monkeypatch.setattr(owner, name, watched)

    watch(Method, "apply")
    for owner, name in (
        (io, "read"),
        (io, "write"),
        (io, "readers_of"),
        (proposing, "suggested_step"),
        (results, "words_of"),
        (embedding_dock, "embed_stack"),
    ):
        watch(owner, name)
    return noted


@pytest.fixture
def user(viewer: Any, wait: Any) -> User:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    wait(dock.isVisible)
    return User(viewer, dock, wait)


def test_nothing_heavy_runs_in_the_main_thread(
    user: User, calls: dict[str, set[bool]], tmp_path: Path, wait: Any, settle: Any
) -> None:
    nx.write(nmc_ni_k(size=32, photons=3000).stack, tmp_path / "scan.h5")
    calls.clear()
    user.drop(tmp_path / "scan.h5")
    panel = user.step("Prepare").findChild(PrepareDock).panel
    wait(lambda: panel.apply_button.text() == "Apply optical depth")
    user.press(panel.apply_button)
    wait(lambda: not panel.job.running)
    panel.add_step("crop")
    wait(lambda: user.dock.workspace.preview.preview is not None)
    cleaning = user.step("Clean")
    cleaning.method_panel.form().field("noise").set("tv")
    user.press(cleaning.method_panel.run_button)
    wait(lambda: not cleaning.method_panel.job.running and not cleaning.companions_pending)
    mapping = user.step("Map")
    user.press(mapping.method_panel.run_button)
    wait(lambda: not mapping.method_panel.job.running)
    wait(lambda: "words_of" in calls)
    save_maps(mapping.results.maps, str(tmp_path / "maps.h5"))
    result = next(layer for layer in user.viewer.layers if layer.name.startswith("denoised"))
    result.save(str(tmp_path / "clean.h5"), plugin="napari-xanes")
    embedding = user.step("Theory").findChild(EmbeddingDock)
    embedding.method.setCurrentText("PCA")
    QTest.mouseClick(embedding.run_button, Qt.MouseButton.LeftButton)
    wait(lambda: not embedding.job.running)
    settle()
    ran = {name for name in calls if name.endswith(" of apply")}
    assert {"optical_depth of apply", "denoise of apply", "fit_references of apply"} <= ran
    assert {"read", "suggested_step", "words_of"} <= set(calls)
    assert {name for name, in_main in calls.items() if True in in_main} == set()
