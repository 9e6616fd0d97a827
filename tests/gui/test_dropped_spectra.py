"""Spectra that are dropped on the canvas or a dock become references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDialogButtonBox, QLabel, QWidget

import napari_xanes as nx
from napari_xanes.gui.files import drop_target, readers
from napari_xanes.gui.files.drop_target import DropTarget
from napari_xanes.gui.references.column_chooser import ColumnChooser
from napari_xanes.gui.references.record_chooser import RecordChooser
from napari_xanes.gui.references.reference_list import ReferenceList
from napari_xanes.gui.state.workspace import workspace_of

ENERGY = np.arange(8300.0, 8400.0)
EDGE = 0.5 + np.arctan(ENERGY - 8345) / np.pi


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, viewer: Any) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr("napari_xanes.gui.files.spectra.show_info", messages.append)
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    return messages


def xdi(path: Path) -> str:
    nx.write([nx.Spectrum(path.stem, ENERGY, EDGE)], path)
    return str(path)


def text(path: Path, columns: str = "energy mu") -> str:
    np.savetxt(path, np.c_[ENERGY, EDGE], header=columns)
    return str(path)


def names(viewer: Any) -> list[str]:
    return [spectrum.name for spectrum in workspace_of(viewer).references.spectra]


@pytest.mark.parametrize("name", ["NiO.xdi", "NiO.dat", "NiO.txt", "NiO.xmu", "NiO.fio"])
def test_a_text_dropped_on_the_canvas_becomes_a_reference(
    viewer: Any, told: list[str], tmp_path: Path, name: str
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    path = xdi(tmp_path / name) if name.endswith(".xdi") else text(tmp_path / name)
    assert viewer.open(path, plugin=None) == []
    assert names(viewer) == ["NiO"]
    assert told == [
        f"{name}: 1 spectrum added to the references: in Look > References, and in the forms of Map and Clean"
    ]
    assert dock.look.tabs.currentWidget() is dock.look.tabs.references
    viewer.open(path, plugin=None)
    assert names(viewer) == ["NiO"]
    assert told[1].endswith("which were there already")


def test_several_files_dropped_on_the_canvas(viewer: Any, told: list[str], tmp_path: Path) -> None:
    viewer.open([xdi(tmp_path / "NiO.xdi"), xdi(tmp_path / "LiNiO2.xdi")], plugin=None)
    assert sorted(names(viewer)) == ["LiNiO2", "NiO"]
    assert not viewer.layers


def test_a_text_that_is_refused_gives_its_own_reason(viewer: Any, told: list[str], tmp_path: Path) -> None:
    (tmp_path / "words.dat").write_text("no numbers here\n")
    with pytest.raises(ValueError, match=r"\(words.dat\)$") as refused:
        readers.read_layers(str(tmp_path / "words.dat"))
    assert "HDF5" not in str(refused.value)
    assert "TIFF" not in str(refused.value)
    assert not names(viewer)


def drop_on(widget: QWidget, paths: list[str]) -> None:
    """Drag files over a widget and drop them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    at, action, left = widget.rect().center(), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(at, action, data, left, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(widget, QDropEvent(QPointF(at), action, data, left, Qt.KeyboardModifier.NoModifier))


def test_columns_that_are_not_understood_open_the_chooser(
    viewer: Any, told: list[str], tmp_path: Path, qtbot: Any
) -> None:
    rows = np.c_[ENERGY, np.full(100, 5e5), 5e5 * np.exp(-EDGE)]
    np.savetxt(tmp_path / "counters.dat", rows, header="energy mcs1 mcs2")
    viewer.open(str(tmp_path / "counters.dat"), plugin=None)
    dialog = viewer.window.findChild(ColumnChooser)
    assert dialog.isVisible()
    assert "no column of I0 was found among" in dialog._status.text()
    dialog.set_role(1, "I0")
    dialog.set_role(2, "signal")
    dialog._mode.setCurrentText("transmission: ln(I0 / signal)")
    qtbot.mouseClick(dialog._buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)
    (spectrum,) = workspace_of(viewer).references.spectra
    np.testing.assert_allclose(spectrum.mu, EDGE, atol=1e-5)


@pytest.fixture
def project(tmp_path: Path) -> str:
    """Return an Athena project of two Ni spectra, one of Fe and one that its file calls Co."""
    spectra = [nx.Spectrum(name, ENERGY, EDGE) for name in ("NiO", "LiNiO2")]
    spectra += [nx.Spectrum("FeO", ENERGY - 1225, EDGE), nx.Spectrum("Co foil", ENERGY, EDGE, metadata=COBALT)]
    nx.write(spectra, tmp_path / "session.prj")
    return str(tmp_path / "session.prj")


COBALT = {"element": "Co", "edge": "K"}


@pytest.mark.parametrize("where", ["dock", "list", "canvas"])
def test_records_of_a_file_are_chosen_with_a_search(
    viewer: Any, told: list[str], add_stack: Any, project: str, qtbot: Any, where: str
) -> None:
    nickel = {"name": "particle", "element": "Ni", "edge": "K"}
    add_stack(nx.SpectralStack(np.ones((100, 3, 4), np.float32), ENERGY, "optical_depth", metadata=nickel))
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    if where == "canvas":
        viewer.open(project, plugin=None)
    else:
        drop_on(dock if where == "dock" else dock.findChild(ReferenceList), [project])
    dialog = viewer.window.findChild(RecordChooser)
    texts = [dialog.list.item(row).text() for row in range(4)]
    assert texts == [
        "NiO",
        "LiNiO2",
        "FeO · rises as if of Fe K; the stack is of Ni K",
        "Co foil · of Co K; the stack is of Ni K",
    ]
    assert [spectrum.name for spectrum in dialog.chosen] == ["NiO", "LiNiO2"]
    qtbot.keyClicks(dialog.search, "LINI")
    assert [dialog.list.item(row).isHidden() for row in range(4)] == [True, False, True, True]
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    assert dialog.isVisible(), "Enter in the search box goes to the list"
    dialog.search.clear()
    dialog.list.setCurrentRow(0)
    qtbot.keyClick(dialog.list, Qt.Key.Key_Space)
    assert dialog.add_button.text() == "Add 1"
    qtbot.mouseClick(dialog.add_button, Qt.MouseButton.LeftButton)
    assert names(viewer) == ["LiNiO2"]
    added = workspace_of(viewer).references.spectra[-1]
    assert added.source is not None, "a recipe can name its file and record"


def test_a_mix_of_stacks_and_spectra_dropped_on_a_dock(
    viewer: Any, told: list[str], tmp_path: Path, errors: list[str]
) -> None:
    np.savez(tmp_path / "scan.npz", data=np.ones((3, 4, 5)), energy=[8300, 8345, 8390])
    (tmp_path / "bad.txt").write_text("nothing here\n")
    files = [str(tmp_path / "scan.npz"), xdi(tmp_path / "NiO.xdi"), text(tmp_path / "a.txt"), str(tmp_path / "bad.txt")]
    DropTarget(QWidget(), viewer).open(files)
    assert [layer.data.shape for layer in viewer.layers] == [(3, 4, 5)]
    assert sorted(names(viewer)) == ["NiO", "a"]
    assert told[0].startswith("NiO.xdi, a.txt: 2 spectra added to the references")
    assert len(errors) == 1
    assert errors[0].endswith(" (bad.txt)")


def test_a_text_of_energies_stays_with_its_images(viewer: Any, told: list[str], tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "scan.tif", np.ones((3, 4, 5), np.float32), photometric="minisblack")
    (tmp_path / "measured.txt").write_text("8300 1\n8345 2\n8390 3\n")
    DropTarget(QWidget(), viewer).open([str(tmp_path / "scan.tif"), str(tmp_path / "measured.txt")])
    assert [layer.data.shape for layer in viewer.layers] == [(3, 4, 5)]
    assert not names(viewer)


def test_images_are_still_left_to_napari(told: list[str], tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "photo.tif", np.zeros((5, 8, 8), np.uint8))
    assert readers.get_reader(str(tmp_path / "photo.tif")) is None


def test_without_a_window_spectra_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    with pytest.raises(ValueError, match=r"NiO.xdi: spectra, no stack; read them with napari_xanes.read_spectra"):
        readers.read_layers(xdi(tmp_path / "NiO.xdi"))


@pytest.mark.parametrize("points", [100, 40], ids=["on the energies of the stack", "on others"])
def test_a_reference_dropped_with_a_stack_that_has_energies_is_no_list_of_energies(
    viewer: Any, told: list[str], tmp_path: Path, points: int
) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    stack = nx.SpectralStack(np.ones((100, 4, 5), np.float32), ENERGY + 0.25, "optical_depth")
    nx.write(stack, tmp_path / "scan.h5")
    for name in ("NiO", "LiNiO2"):
        np.savetxt(tmp_path / f"{name}.txt", np.c_[ENERGY, EDGE][:points], header="energy mu")
    DropTarget(dock, viewer).open([str(tmp_path / name) for name in ("scan.h5", "NiO.txt")])
    assert names(viewer) == ["NiO"]
    (layer,) = viewer.layers
    np.testing.assert_allclose(layer.metadata["xanes"]["energy_eV"], stack.energy)
    viewer.layers.clear()
    DropTarget(dock, viewer).open([str(tmp_path / name) for name in ("LiNiO2.txt", "scan.h5", "NiO.txt")])
    assert (len(viewer.layers), sorted(names(viewer))) == (1, ["LiNiO2", "NiO"])


def test_calibrated_energies_dropped_with_a_stack_stay_energies(viewer: Any, told: list[str], tmp_path: Path) -> None:
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "Spectra")[1]
    nx.write(nx.SpectralStack(np.ones((100, 4, 5), np.float32), ENERGY, "optical_depth"), tmp_path / "scan.h5")
    np.savetxt(tmp_path / "energies.txt", ENERGY + 0.7)
    DropTarget(dock, viewer).open([str(tmp_path / name) for name in ("scan.h5", "energies.txt")])
    (layer,) = viewer.layers
    np.testing.assert_allclose(layer.metadata["xanes"]["energy_eV"], ENERGY + 0.7)
    assert names(viewer) == []


@pytest.mark.window
def test_an_image_without_energies_dropped_on_a_dock_is_opened_and_asked_for_them(
    viewer: Any, told: list[str], errors: list[str], tmp_path: Path
) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "frames.tif", np.ones((5, 8, 9), np.float32), photometric="minisblack")
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    DropTarget(dock, viewer).open([str(tmp_path / "frames.tif")])
    assert [layer.name for layer in viewer.layers] == ["frames"]
    assert not errors
    assert any(label.text().startswith("This image has no photon energies yet") for label in dock.findChildren(QLabel))


@pytest.mark.parametrize("content", ["text", "cut", "damaged"])
def test_a_broken_hdf5_file_dropped_on_the_dock_says_what_is_wrong(
    viewer: Any, told: list[str], tmp_path: Path, errors: list[str], monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(drop_target, "tell", lambda error: errors.append(str(error)))
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    path = tmp_path / "scan.h5"
    nx.write(nx.SpectralStack(np.ones((5, 3, 4), np.float32), ENERGY[:5], "optical_depth"), path)
    whole = path.read_bytes()
    path.write_bytes(
        {"text": b"8300 0.1\n8301 0.2\n", "cut": whole[: len(whole) // 2], "damaged": b"?" + whole[1:]}[content]
    )
    drop_on(dock, [str(path)])
    assert len(errors) == 1
    assert "HDF5" in errors[0]
    assert "copy it again" in errors[0]
    assert "scan.h5" in errors[0]
    assert viewer.window.findChild(ColumnChooser) is None
    assert not names(viewer)
    assert not viewer.layers
