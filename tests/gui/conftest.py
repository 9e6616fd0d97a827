"""Viewers and docks on a (virtual) screen. Tests are skipped without a screen, or without OpenGL for a real window."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_xanes import SpectralStack, Spectrum
from napari_xanes.alignment import Alignment

if TYPE_CHECKING:
    from napari_xanes.gui.state.runs import RunList


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore a warning that napari itself ignores while it chooses the colours of labels.

    It does so with `warnings.catch_warnings`, which another thread can undo in the meantime.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"))


def _why_no_display(request: pytest.FixtureRequest) -> str:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display; install xvfb"
    request.getfixturevalue("qapp")
    return ""


def _why_no_canvas() -> str:
    from qtpy.QtGui import QGuiApplication, QOpenGLContext

    if QGuiApplication.platformName() in ("offscreen", "minimal"):
        return f"the Qt platform {QGuiApplication.platformName()} has no OpenGL"
    return "" if QOpenGLContext().create() else "no OpenGL"


@pytest.fixture(scope="session", autouse=True)
def _needs_display(request: pytest.FixtureRequest) -> None:
    reason = _why_no_display(request)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def _cheap_garbage_collection(_needs_display: None) -> None:
    """Exclude napari's modules from garbage collection, because napari collects at each change of its layers."""
    import napari._qt.qt_main_window  # noqa: F401  loads also all modules that it imports

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_copies_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer no windows that the user of this machine did not close, and keep no copies of those of tests."""
    monkeypatch.setattr("napari_xanes.gui.projects.autosave.copies_folder", lambda: None)


@pytest.fixture
def viewer(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a viewer without canvas, or napari's own window for a test with the mark `window`."""
    if request.node.get_closest_marker("window"):
        reason = _why_no_canvas()
        if reason:
            pytest.skip(reason)
        window_viewer, qtbot = request.getfixturevalue("make_napari_viewer")(), request.getfixturevalue("qtbot")
        with qtbot.waitExposed(window_viewer.window._qt_window, timeout=60_000):
            window_viewer.show()
        yield window_viewer
        return
    from tests.gui.plain_viewer import PlainViewer

    viewer = PlainViewer()
    viewer.window.show()
    yield viewer
    viewer.close()


@pytest.fixture
def wait(qtbot: Any) -> Callable[..., None]:
    """Handle events until a condition is true. The time limit is long, for busy machines."""

    def until(condition: Callable[[], Any]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=100_000)

    return until


@pytest.fixture
def settle(qtbot: Any) -> Callable[..., None]:
    """Handle events for some time, to test that nothing happens."""

    def settled(ms: int = 60) -> None:
        qtbot.wait(ms)

    return settled


@pytest.fixture
def stack(rng: np.random.Generator) -> SpectralStack:
    """Return a stack of 30 energies and 24 x 32 different pixels, with two references."""
    energy = np.sort(8340 + np.cumsum(rng.uniform(0.5, 3.0, 30)) - 30)
    edge = 0.5 + np.arctan(energy - 8345) / np.pi
    data = edge[:, None, None] * rng.uniform(0.5, 1.5, (24, 32)) + rng.normal(0, 0.01, (30, 24, 32))
    references = [Spectrum("low", energy, edge, 2), Spectrum("high", energy, np.roll(edge, 2))]
    metadata = {"name": "particle", "references": references}
    return SpectralStack(data.astype(np.float32), energy, "optical_depth", 0.05, metadata=metadata)


@pytest.fixture
def shifts(stack: SpectralStack, rng: np.random.Generator) -> Alignment:
    """Return shifts of the stack's frames: frame 7 shows nothing, frame 12 holds something else."""
    frames = stack.energy.size
    sigma, residual = np.full((frames, 2), 0.02), np.ones(frames)
    sigma[7], residual[7], residual[12] = np.nan, np.nan, 4.2
    outliers = np.isin(np.arange(frames), (7, 12))
    report = "29 of 30 frames are aligned\nthe errors are .02 pixels\nthe frame at 8345 eV holds something else"
    return Alignment(rng.normal(0, 0.5, (frames, 2)), sigma, residual, outliers, stack.energy, report=report)


@pytest.fixture
def add_stack(viewer: Any, stack: SpectralStack) -> Callable[..., Any]:
    """Return a function that adds the stack, or another stack, to the window."""
    from napari_xanes.gui.layers import stack_to_layer

    def add(other: SpectralStack | None = None, **keywords: Any) -> Any:
        data, own_keywords, _ = stack_to_layer(other if other is not None else stack)
        return viewer.add_image(data, **(own_keywords | keywords))

    return add


@pytest.fixture
def panel(viewer: Any, wait: Callable[..., None]) -> Any:
    """Return the results of a Map dock that is open."""
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    dock.method_panel.show_tab("results")
    wait(dock.results.isVisible)
    return dock.results


@pytest.fixture
def runs(viewer: Any) -> RunList:
    """Return the runs of the viewer."""
    from napari_xanes.gui.state.workspace import workspace_of

    return workspace_of(viewer).runs


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that collects error notifications."""
    messages: list[str] = []
    import napari_xanes.gui.spectra  # noqa: F401  the modules must be loaded before they are patched

    for name, module in list(sys.modules.items()):
        if name.startswith("napari_xanes.gui") and hasattr(module, "show_error"):
            monkeypatch.setattr(module, "show_error", messages.append)
    return messages
