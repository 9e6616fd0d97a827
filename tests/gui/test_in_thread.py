"""Reading, writing and simulating hold no window: they run outside the main thread, which handles events meanwhile."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

import napari_xanes as nx
from napari_xanes import SpectralStack, io
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.in_thread import in_thread
from napari_xanes.gui.job import Job
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.results.saving import save_maps


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bool]]:
    """Return a function that notes for each call of functions whether it came from the main thread."""

    def watched(*places: tuple[Any, str]) -> list[bool]:
        on_main: list[bool] = []

        def noting(function: Any) -> Any:
            def noted(*arguments: Any, **keywords: Any) -> Any:
                on_main.append(threading.current_thread() is threading.main_thread())
                return function(*arguments, **keywords)

            return noted

        for owner, name in places:
            monkeypatch.setattr(owner, name, noting(getattr(owner, name)))
        return on_main

    return watched


def test_events_are_handled_while_something_runs(qtbot: Any) -> None:
    ticked = threading.Event()
    QTimer.singleShot(0, ticked.set)
    assert in_thread(lambda: ticked.wait(60)), "the timer needs the event loop of this thread"


def test_what_is_raised_in_the_thread_is_raised(qtbot: Any) -> None:
    def fail() -> None:
        raise ValueError("no energies")

    with pytest.raises(ValueError, match="no energies"):
        in_thread(fail)
    assert in_thread(lambda: None) is None


def test_one_wait_within_another_ends(qtbot: Any) -> None:
    inner: list[int] = []
    QTimer.singleShot(0, lambda: inner.append(in_thread(lambda: 2)))

    def outer() -> int:
        while not inner:
            threading.Event().wait(0.001)
        return 1

    assert in_thread(outer) == 1
    assert inner == [2]


def test_files_are_read_and_written_outside_the_main_thread(
    viewer: Any, stack: SpectralStack, tmp_path: Path, calls: Any
) -> None:
    from napari_xanes.gui.files import readers

    nx.write(stack, tmp_path / "scan.h5")
    read = calls((io, "read"), (io, "holds_maps"), (io, "is_spectra_file"), (readers, "stack_to_layer"))
    DropTarget(QWidget(), viewer).open([str(tmp_path / "scan.h5")])
    assert len(viewer.layers) == 1
    assert len(read) > 2
    assert not any(read)
    written = calls((io, "write"))
    viewer.layers.save(str(tmp_path / "again.h5"), plugin="napari-xanes")
    save_maps(nx.MapSet({"first": nx.ParameterMap(stack.data[0])}), str(tmp_path / "maps.h5"))
    assert written == [False, False]
    assert (tmp_path / "again.h5").exists()
    assert (tmp_path / "maps.h5").exists()


def test_samples_are_simulated_outside_the_main_thread(viewer: Any, calls: Any) -> None:
    from napari_xanes import sample

    small = sample.mn_oxides_l
    simulated = calls((sample, "mn_oxides_l"))
    viewer.open_sample("napari-xanes", "mn_oxides_l")
    assert simulated == [False]
    assert viewer.layers[0].data.shape == small().stack.shape


def test_what_takes_long_for_a_run_is_computed_outside_the_main_thread(
    viewer: Any, stack: SpectralStack, add_stack: Any, wait: Any, calls: Any
) -> None:
    from napari_xanes.gui.results import colour_bar, panel, statistics
    from napari_xanes.gui.running import method_panel as panels

    add_stack()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    places = (panels, "run_after"), (panel, "words_of"), (colour_bar, "histogram_of")
    on_main = calls(*places, (statistics, "region_statistics"))
    dock.method_panel.run_button.click()
    wait(lambda: not dock.method_panel.job.running)
    wait(dock.results.isVisible)
    dock.results.statistics_button.click()
    wait(lambda: dock.results.statistics.rows)
    wait(lambda: all(label.text() != "…" for label in dock.results._values.values()))
    assert len(on_main) >= 4
    assert not any(on_main)


def test_a_result_is_shown_in_several_turns_of_the_event_loop(qtbot: Any, wait: Any) -> None:
    job, told = Job(), list[str]()
    job.done.connect(lambda result: told.append(result))
    job.done.connect(lambda _: QTimer.singleShot(0, lambda: told.append("event")))
    job.done.connect(lambda _: job.then(lambda: told.append("second")))
    job.done.connect(lambda _: job.then(lambda: told.append(f"third {job.running}")))
    job.ended.connect(lambda: told.append(f"ended {job.running}"))
    job.start(lambda progress: "first", "work")
    wait(lambda: not job.running)
    assert [text for text in told if text != "event"] == ["first", "second", "third True", "ended False"]
    assert told.index("event") < told.index("third True")
    job.then(lambda: told.append("at once"))
    assert told[-1] == "at once"


def test_a_bar_handles_events_only_for_what_is_new(qtbot: Any, wait: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """napari's bars handle all events for each number and each text, so the window is drawn each time."""
    from napari.utils import progress as activity

    updates = list[Any]()
    monkeypatch.setattr(activity, "update", lambda bar, n=1: updates.append(n))
    monkeypatch.setattr(activity, "set_description", lambda bar, text: updates.append(text))
    job = Job()

    def work(progress: Any) -> None:
        for _ in range(100):
            progress(1.0, "reading")

    job.start(work, "work")
    wait(lambda: not job.running)
    assert updates.count("reading") == 1


def test_what_a_thread_sends_to_something_that_is_gone_is_dropped(qtbot: Any) -> None:
    """Qt deletes the children of a closed window at once, while their threads go on."""
    parent, done = QObject(), []
    worker = LatestOnlyWorker(parent)
    worker.done.connect(lambda key, result: done.append(key))
    go_on, left = threading.Event(), threading.Event()

    def work() -> int:
        go_on.wait(10)
        left.set()
        return 1

    worker.submit("late", work)
    parent.deleteLater()
    qtbot.waitUntil(lambda: not isalive(worker))
    go_on.set()
    assert left.wait(10)
    qtbot.wait(50)
    assert done == []


def test_a_thread_keeps_no_worker(qtbot: Any) -> None:
    worker = LatestOnlyWorker()
    go_on, kept = threading.Event(), weakref.ref(worker)
    worker.submit("late", lambda: go_on.wait(10))
    del worker
    gc.collect()
    assert kept() is None
    go_on.set()
    qtbot.wait(50)
