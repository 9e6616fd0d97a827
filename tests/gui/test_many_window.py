"""*Run on a folder…*: the recipe of Prepare or of a run on many files, with states, pictures and results."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from tests.gui.preparing import add_step

import napari_xanes as nx
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.many.files import files_in
from napari_xanes.gui.many.table import image_of, result_words
from napari_xanes.gui.many.window import ManyWindow, open_window
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.history import Source, Step
from napari_xanes.many.fixed_places import taken_from_one_stack
from napari_xanes.many.miniature import Miniature
from napari_xanes.many.outcome import Outcome
from napari_xanes.sample import nmc_ni_k

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Return a folder with two stacks and, between them, a file that is cut short."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for t in (25, 250):
        nx.write(nmc_ni_k(size=16, seed=t).stack, folder / f"cell T={t}C.h5")
    (folder / "cell T=100C.h5").write_bytes((folder / "cell T=25C.h5").read_bytes()[:3000])
    return folder


@pytest.fixture
def steps() -> list[Step]:
    """Return a recipe that makes one map, whose pictures are drawn soon."""
    return [Step("optical_depth"), Step("difference_map", {"signal": (8345, 8360), "background": (8290, 8330)})]


@pytest.fixture
def window(viewer: Any, scans: Path, steps: list[Step], wait: Any) -> ManyWindow:
    opened = open_window(viewer, steps, Source(str(scans / "cell T=25C.h5")))
    wait(opened.run_button.isEnabled)
    return opened


def column(window: ManyWindow, number: int) -> list[str]:
    return [window.table.item(row, number).text() for row in range(window.table.rowCount())]


def press(button: Any) -> None:
    assert button.isVisible()
    QTest.mouseClick(button, LEFT)


def cell(window: ManyWindow, row: int) -> QPoint:
    return window.table.visualItemRect(window.table.item(row, 0)).center()


def test_files_are_run_and_opened(viewer: Any, window: ManyWindow, scans: Path, steps: list[Step], wait: Any) -> None:
    assert column(window, 0) == ["cell T=25C.h5", "cell T=100C.h5", "cell T=250C.h5"]
    assert window.fields.recipe.text() == "optical depth · difference map"
    QTest.keyClicks(window.fields.by, r"T=(\d+)C")
    assert column(window, 1) == ["25", "100", "250"]
    assert column(window, 2) == ["waiting"] * 3
    press(window.run_button)
    assert not window.fields.isEnabled()
    wait(lambda: not window.job.running)
    assert column(window, 2) == ["done", "failed", "done"]
    assert window.note.text() == "2 done, 1 failed"
    direct = nx.run(steps, nx.read(scans / "cell T=250C.h5"))
    assert isinstance(direct, nx.MapSet)
    median = np.median(direct["difference"].data[direct["difference"].mask])
    assert column(window, 3)[2].startswith(f"difference {median:.3f}"[:14])
    assert column(window, 3)[1], "the reason"
    assert not window.table.item(0, 0).icon().isNull()
    assert window.table.item(1, 0).icon().isNull()
    QTest.mouseClick(window.table.viewport(), LEFT, pos=cell(window, 1))
    assert not window.open_button.isEnabled()
    QTest.mouseClick(window.table.viewport(), LEFT, pos=cell(window, 2))
    QTest.mouseDClick(window.table.viewport(), LEFT, pos=cell(window, 2))
    wait(lambda: len(viewer.layers))
    run = workspace_of(viewer).runs.chosen
    assert run is not None
    np.testing.assert_array_equal(run.maps["difference"].data, direct["difference"].data)
    assert window.page_button.isEnabled()
    press(window.run_button)
    wait(lambda: not window.job.running)
    assert column(window, 2) == ["skipped: unchanged", "failed", "skipped: unchanged"]
    assert not window.table.item(0, 0).icon().isNull()


def test_cancelling_keeps_what_is_done(
    window: ManyWindow, scans: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = threading.Event()
    began = ManyWindow.take_began

    def note(self: ManyWindow, turn: int, path: Path) -> None:
        began(self, turn, path)
        if path.name == "cell T=100C.h5":
            second.set()
            press(self.cancel_button)

    monkeypatch.setattr(ManyWindow, "take_began", note)
    press(window.run_button)
    wait(second.is_set)
    wait(lambda: not window.job.running)
    assert column(window, 2)[0] == "done"
    assert "stopped" in column(window, 2)
    assert "Run again" in window.note.text()
    assert (scans / "maps" / "cell T=25C" / "run.json").is_file()
    monkeypatch.undo()
    press(window.run_button)
    wait(lambda: not window.job.running)
    assert column(window, 2)[0] == "skipped: unchanged"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_files_run_in_processes_until_they_are_cancelled(
    window: ManyWindow, scans: Path, steps: list[Step], wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("napari_xanes.gui.many.fields.cores", lambda: 2)
    window.fields.workers.setRange(1, 2)
    window.fields.workers.setValue(2)
    press(window.run_button)
    wait(lambda: not window.job.running)
    assert column(window, 2) == ["done", "failed", "done"]
    assert not window.table.item(0, 0).icon().isNull()
    direct = nx.run(steps, nx.read(scans / "cell T=250C.h5"))
    assert isinstance(direct, nx.MapSet)
    saved = nx.read_maps(scans / "maps" / "cell T=250C" / "maps.h5")
    np.testing.assert_array_equal(saved["difference"].data, direct["difference"].data)
    shutil.rmtree(scans / "maps")
    press(window.run_button)
    wait(lambda: "running" in column(window, 2))
    press(window.cancel_button)
    wait(lambda: not window.job.running)
    assert "stopped" in column(window, 2)
    assert "Run again" in window.note.text()


def test_a_closed_window_leaves_no_thread_at_work(window: ManyWindow, wait: Any) -> None:
    before = set(threading.enumerate())
    press(window.run_button)
    wait(lambda: column(window, 2)[0] != "waiting")
    window.close()
    wait(lambda: not {one for one in set(threading.enumerate()) - before if "Dummy" not in one.name})


def test_what_is_missing_is_said(window: ManyWindow, scans: Path, wait: Any) -> None:
    for field, text, told in (
        (window.fields.pattern, "*.tif", "no file in"),
        (window.fields.pattern, "../*", "is no pattern"),
        (window.fields.pattern, "*.h5", "3 files"),
        (window.fields.folder, str(scans / "none"), "there is no folder"),
        (window.fields.folder, str(scans), "3 files"),
        (window.fields.by, "(", "no regular expression"),
        (window.fields.by, "", "3 files"),
        (window.fields.out, "", "choose a folder for the results"),
    ):
        field.selectAll()
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, text)
        wait(lambda told=told: told in window.note.text())
        assert window.run_button.isEnabled() == (told == "3 files")


def test_the_steps_of_prepare_and_of_a_run_are_taken_anew(viewer: Any, add_stack: Any, wait: Any, stack: Any) -> None:
    add_stack()
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Prepare")[1]
    wait(dock.isVisible)
    add_step(dock, "smooth", pixels=0.5)
    dock.panel.files.run_on_folder()
    window = viewer.window.findChild(ManyWindow)
    assert window.fields.recipe.text() == "smooth"
    maps = nx.run([Step("fit_references", {"references": stack.metadata["references"]})], stack)
    workspace_of(viewer).runs.add(maps)
    results = viewer.window.add_plugin_dock_widget("napari-xanes", "Map")[1]
    results.method_panel.show_tab("results")
    wait(results.results.folder_button.isVisible)
    press(results.results.folder_button)
    assert viewer.window.findChildren(ManyWindow) == [window], "the same window"
    assert window.fields.recipe.text() == "fit references"
    assert window.minimumSizeHint().width() <= 600


def test_what_an_earlier_stack_showed_is_not_taken_for_others(
    viewer: Any, scans: Path, wait: Any, tmp_path: Path
) -> None:
    """A step that was carried out holds what it found; on another stack it must find its own."""
    first, other = (nx.read(scans / f"cell T={t}C.h5") for t in (25, 250))
    shifted = nx.SpectralStack(other.data, other.energy + 3.0, other.quantity, metadata=dict(other.metadata))
    nx.write(shifted, scans / "cell T=250C.h5")
    prepared = nx.run([Step("optical_depth"), Step("normalize_edge")], first)
    assert any(step.state for step in prepared.history)
    window = open_window(viewer, prepared.history, Source(str(scans / "cell T=25C.h5")))
    wait(window.run_button.isEnabled)
    press(window.run_button)
    wait(lambda: not window.job.running)
    saved = nx.read(scans / "maps" / "cell T=250C" / "stack.h5")
    expected = nx.run([Step("optical_depth"), Step("normalize_edge")], nx.read(scans / "cell T=250C.h5"))
    np.testing.assert_allclose(saved.data, expected.data, rtol=1e-6, atol=1e-7, equal_nan=True)
    QTest.mouseClick(window.table.viewport(), LEFT, pos=cell(window, 0))
    QTest.mouseDClick(window.table.viewport(), LEFT, pos=cell(window, 0))
    wait(lambda: len(viewer.layers))
    assert stack_of(viewer.layers[0]).quantity == saved.quantity


def test_how_the_stack_was_read_is_offered(viewer: Any, scans: Path, steps: list[Step], wait: Any) -> None:
    window = open_window(viewer, steps, Source(str(scans / "cell T=25C.h5"), reading={"pixel_size": 0.1}))
    wait(window.run_button.isEnabled)
    assert window.fields.as_stack.text() == "read all as the chosen stack: pixel_size 0.1"
    plan = window.fields.plan()
    assert plan is not None
    assert dict(plan.reading) == {"pixel_size": 0.1}
    press(window.fields.as_stack)
    window.fields.as_stack.setChecked(False)
    plan = window.fields.plan()
    assert plan is not None
    assert not plan.reading


def test_what_belongs_to_one_stack_is_said(viewer: Any, scans: Path) -> None:
    steps = [Step("optical_depth", {"i0": np.ones((16, 16), bool)})]
    window = open_window(viewer, steps, Source(str(scans / "cell T=25C.h5")))
    assert window.fields.places.text() == "taken for every file, though given for one stack: I0 of optical depth"
    assert not taken_from_one_stack([Step("optical_depth", {"i0": "empty"}), Step("smooth", {"pixels": 1.0})])


def test_files_of_results_and_hidden_ones_are_left_out(scans: Path) -> None:
    for name in ("maps/cell T=25C/maps.h5", ".cell.h5", "more/cell 3.h5"):
        (scans / name).parent.mkdir(parents=True, exist_ok=True)
        (scans / name).write_bytes(b"")
    names = [path.name for path in files_in(str(scans), "**/*.h5", str(scans / "maps"))]
    assert names == ["cell 3.h5", "cell T=25C.h5", "cell T=100C.h5", "cell T=250C.h5"]
    (scans / "more" / "cell T=25C.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="two inputs would both be written"):
        files_in(str(scans), "**/*.h5", str(scans / "maps"))


def test_pictures_leave_out_what_is_masked() -> None:
    values = np.array([[0.0, 1.0], [np.nan, 0.5]], np.float32)
    image = image_of(Miniature(values, labels=False))
    assert [image.pixelColor(x, y).alpha() for x, y in ((1, 1), (43, 1), (1, 43))] == [255, 255, 0]
    labels = image_of(Miniature(np.array([[0, 1]], np.uint8), labels=True))
    assert [labels.pixelColor(x, 1).alpha() for x in (1, 43)] == [0, 255]
    assert result_words(Outcome("a", "b", "done", warnings=("x", "y"))) == "a stack · 2 warnings"
