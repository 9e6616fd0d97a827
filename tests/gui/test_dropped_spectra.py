"""Spectra that are dropped on the canvas or a dock become references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

import napari_xanes as nx
from napari_xanes.gui.files import readers
from napari_xanes.gui.files.drop_target import DropTarget
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
        f"{name}: 1 spectrum added to the references: Spectra dock > References, and the forms of Map and Denoise"
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
    rows = np.c_[ENERGY, np.full(100, 5e5), np.full(100, 4e5)]
    np.savetxt(tmp_path / "counters.dat", rows, header="energy mcs1 mcs2")
    with pytest.raises(ValueError, match=r"^counters.dat: no column of I0 was found among"):
        readers.read_layers(str(tmp_path / "counters.dat"))
    with pytest.raises(ValueError, match=r"To choose its columns, load it in Spectra dock > References$"):
        readers.read_layers(str(tmp_path / "counters.dat"))
    (tmp_path / "words.dat").write_text("no numbers here\n")
    with pytest.raises(ValueError, match=r"^words.dat: ") as refused:
        readers.read_layers(str(tmp_path / "words.dat"))
    assert "HDF5" not in str(refused.value)
    assert "TIFF" not in str(refused.value)
    assert not names(viewer)


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
    assert errors[0].startswith("bad.txt: ")


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
