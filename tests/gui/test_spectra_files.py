"""Files that the Spectra dock reads and writes."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication

import napari_xanes as nx
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.layers import is_stack, stack_of
from napari_xanes.gui.spectra import SpectraDock
from napari_xanes.gui.spectra.export import table
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.noise import PhotonNoise


@pytest.fixture
def dock(viewer):
    dock = SpectraDock(viewer)
    viewer.window.add_dock_widget(dock, name="Spectra", area="right")
    return dock


@pytest.fixture
def shown(viewer, dock, add_stack, wait):
    """Return a dock with a curve under the cursor and two references."""
    add_stack()
    viewer.cursor.position = (0, 0.25, 0.45)
    wait(lambda: any(c.kind == "cursor" for c in dock.view.plot.curves))
    return dock


AT = "cursor at x 0.45 y 0.25 µm"
"""Name of the curve under the cursor in files."""


def in_files(curve):
    """Return the name of a curve in files."""
    return AT if curve.kind == "cursor" else curve.name


def test_csv(shown, stack, tmp_path):
    shown.look.export_button.save(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0].split(",")[:2] == ["energy (eV)", f"{AT} · optical depth (OD)"]
    numbers = np.array([line.split(",")[:2] for line in lines[1:]], float)
    np.testing.assert_allclose(numbers, np.c_[stack.energy, stack.data[:, 5, 9]], rtol=1e-6)


def test_exported_curves_read_back_or_are_refused_where_rows_are_lost(viewer, shown, stack, tmp_path, wait):
    labels = np.zeros((24, 32), np.uint8)
    labels[2:9, 3:12] = 1
    viewer.add_labels(labels, scale=(0.05, 0.05), units=("um", "um"))
    wait(lambda: any(c.kind == "region" for c in shown.view.plot.curves))
    shown.look.export_button.save(tmp_path / "out.csv")
    spectra = {s.name: s for s in nx.read_spectra(tmp_path / "out.csv")}
    assert len(spectra) == len(shown.view.plot.curves) == 4
    for curve in shown.view.plot.curves:
        good = np.isfinite(curve.values)
        np.testing.assert_array_equal(spectra[in_files(curve)].mu, curve.values[good])
        np.testing.assert_array_equal(spectra[in_files(curve)].energy, curve.energy[good])
    region = next(c for c in shown.view.plot.curves if c.kind == "region")
    np.testing.assert_array_equal(spectra[region.name].metadata["standard_deviation"], region.spread)
    lines = (tmp_path / "out.csv").read_text().splitlines(keepends=True)
    (tmp_path / "cut.csv").write_text("".join(lines[:-3]))
    with pytest.raises(ValueError, match="it has 27 of 30 rows"):
        nx.read_spectra(tmp_path / "cut.csv")
    shown.look.export_button.save(tmp_path / "out.xdi")
    found = [s for path in tmp_path.glob("out*.xdi") for s in nx.read_spectra(path) if s.name == region.name]
    np.testing.assert_array_equal(found[0].metadata["standard_deviation"], region.spread)


@pytest.mark.parametrize("suffix", [".csv", ".xdi", ".prj", "pasted"])
@pytest.mark.parametrize("mode", ["as measured", "normalized", "derivative"])
def test_the_curve_under_the_cursor_keeps_its_place_and_its_errors(
    viewer, dock, add_stack, wait, tmp_path, suffix, mode
):
    energy = np.arange(8300.0, 8400.0, 2.0)
    depth = 0.2 + 0.8 / (1 + np.exp(8343 - energy))
    data = np.broadcast_to(depth[:, None, None], (energy.size, 40, 60)).astype(np.float32)
    noise = PhotonNoise(np.full((1, 40, 60), 900.0))
    stack = nx.SpectralStack(data, energy, "optical_depth", (0.0125, 0.0125), metadata={"noise": noise})
    layer = add_stack(stack)
    viewer.cursor.position = tuple(layer.data_to_world((0, 21, 51)))
    wait(lambda: dock.view.curves.cursor is not None and dock.view.curves.cursor.place == "x 0.6375 y 0.2625 µm")
    dock.look.mode.setCurrentText(mode)
    if suffix == "pasted":
        dock.look.export_button.copy_values()
        path = tmp_path / "pasted.txt"
        path.write_text(QApplication.clipboard().text())
    else:
        path = tmp_path / f"out{suffix}"
        dock.look.export_button.save(path)
    (spectrum,) = nx.read_spectra(path)
    (curve,) = dock.view.shown_curves
    np.testing.assert_allclose(spectrum.mu, curve.values, rtol=1e-6)
    if suffix != "pasted":  # a text of one spectrum has the name of the file
        assert spectrum.name == "cursor at x 0.6375 y 0.2625 µm"
    if mode == "derivative":
        assert spectrum.sigma is None
        return
    expected = np.sqrt((np.exp(depth) + 1) / 900) / (curve.jump or 1.0)
    np.testing.assert_allclose(spectrum.sigma, expected, rtol=1e-4)


def test_a_box_around_the_cursor_is_said_and_claims_no_error(viewer, shown, tmp_path, wait):
    shown.workspace.cursor.box = 3
    wait(lambda: "mean" in shown.view.curves.cursor.place)
    shown.look.export_button.save(tmp_path / "out.csv")
    names = {spectrum.name: spectrum.sigma for spectrum in nx.read_spectra(tmp_path / "out.csv")}
    assert names[f"{AT}, mean of 3 x 3 px"] is None


def test_names_with_line_breaks_stay_in_their_heading():
    curve = Curve("a\nb\t\x1b[2J", np.array([700.0, 710.0]), np.array([0.0, 1.0]), "pin")
    first, *rows = table([curve], "optical depth (OD)").splitlines()
    assert first == "energy (eV),a b [2J · optical depth (OD)"
    assert rows == ["700,0", "710,1"]


def test_xdi(shown, stack, tmp_path):
    shown.look.export_button.save(tmp_path / "out.xdi")
    spectra = [s for path in sorted(tmp_path.glob("out*.xdi")) for s in nx.read_spectra(path)]
    assert len(spectra) == 3
    assert any(s.mu.size == 30 and np.allclose(s.mu, stack.data[:, 5, 9], rtol=1e-5) for s in spectra)
    assert {s.metadata["normalized"] for s in spectra} == {False}
    shown.look.mode.setCurrentText("normalized")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"out-{name}.xdi" for name in (AT, "high", "low")]
    shown.look.export_button.save(tmp_path / "norm.xdi")
    spectra = [s for path in sorted(tmp_path.glob("norm*.xdi")) for s in nx.read_spectra(path)]
    assert {s.metadata["normalized"] for s in spectra} == {True}


def test_pictures_are_on_white_and_name_the_curves(shown, stack, tmp_path, wait):
    shown.look.mode.setCurrentText("normalized")
    shown.look.export_button.save(tmp_path / "out.png")
    picture = QImage(str(tmp_path / "out.png"))
    assert picture.width() == 1600
    assert picture.pixelColor(2, 2).name() == "#ffffff"
    for name in ("out.svg", "again.svg"):
        shown.look.export_button.save(tmp_path / name)
    text = (tmp_path / "out.svg").read_text()
    curves = {curve.name: curve for curve in shown.view.shown_curves}
    assert "photon energy (eV)" in text
    assert "normalized absorption" in text
    assert all(f"{name} · E0 {curve.e0:.1f} eV" in text for name, curve in curves.items())
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "out.svg").read_bytes()


def test_a_hidden_curve_is_not_exported_and_an_offset_changes_no_value(shown, stack, tmp_path):
    shown.look.offset.setValue(3.0)
    shown.view.toggle("reference low")
    shown.look.export_button.save(tmp_path / "out.csv")
    spectra = {s.name: s for s in nx.read_spectra(tmp_path / "out.csv")}
    assert set(spectra) == {AT, "high"}
    np.testing.assert_allclose(spectra[AT].mu, stack.data[:, 5, 9], rtol=1e-6)


@pytest.mark.parametrize("mode", ["as measured", "normalized"])
def test_an_athena_project_holds_all_curves(shown, stack, tmp_path, mode):
    shown.look.mode.setCurrentText(mode)
    shown.look.export_button.save(tmp_path / "out.prj")
    spectra = {s.name: s for s in nx.read_spectra(tmp_path / "out.prj")}
    curves = {in_files(curve): curve for curve in shown.view.shown_curves}
    assert set(spectra) == set(curves) == {AT, "low", "high"}
    for name, curve in curves.items():
        np.testing.assert_array_equal(spectra[name].mu, curve.values)
        assert spectra[name].metadata["normalized"] == (mode == "normalized")
        if mode == "normalized":
            assert spectra[name].metadata["athena"]["e0"] == pytest.approx(curve.e0, abs=1e-4)


def test_copy(shown):
    shown.look.export_button.copy_values()
    assert QApplication.clipboard().text().startswith("energy (eV)\tcursor")
    shown.look.export_button.copy_picture()
    assert not QApplication.clipboard().image().isNull()


def test_a_failed_export_is_reported(shown, tmp_path, errors):
    shown.look.export_button.save(tmp_path / "nowhere" / "out.csv")
    shown.look.export_button.save(tmp_path / "out.doc")
    assert "out.csv was not written" in errors[0]
    assert ".doc" in errors[1]
    shown.look.export_button.save(tmp_path / "nowhere" / "out.svg")
    assert "out.svg was not written" in errors[2]


def test_load_references(viewer, dock, tmp_path, errors):
    energy = np.arange(8300.0, 8400.0)
    for name in ("a", "b"):
        np.savetxt(tmp_path / f"{name}.txt", np.c_[energy, np.arctan(energy - 8345)])
    dock.look.tabs.references.load([tmp_path / "a.txt", tmp_path / "b.txt"])
    names = [s.name for s in workspace_of(viewer).references.spectra]
    assert len(names) == 2
    (tmp_path / "bad.txt").write_text("nothing here")
    dock.look.tabs.references.load([tmp_path / "a.txt", tmp_path / "bad.txt"])
    assert "bad.txt" in errors[0]
    assert [s.name for s in workspace_of(viewer).references.spectra] == names
    table = dock.look.tabs.references._table
    table.item(0, 1).setText("3+")
    assert workspace_of(viewer).references.spectra[0].valence == 3
    table.item(0, 1).setText("three")
    assert "not a number" in errors[1]
    assert workspace_of(viewer).references.spectra[0].valence == 3
    table.item(0, 0).setText("NiO")
    assert workspace_of(viewer).references.spectra[0].name == "NiO"
    table.selectRow(0)
    dock.look.tabs.references.remove_selected()
    assert [s.name for s in workspace_of(viewer).references.spectra] == names[1:]


def test_attach_energies(viewer, dock, tmp_path, errors, wait):
    layer = viewer.add_image(np.random.default_rng(0).random((4, 6, 7), np.float32), scale=(1, 0.1, 0.1))
    layer.units = ("pixel", "um", "um")
    assert dock.view.pages.currentIndex() == 2
    page = dock.view.pages.currentWidget()
    (tmp_path / "three.txt").write_text("8300\n8310\n8320\n")
    page.attach(tmp_path / "three.txt")
    assert "3 energies for 4 frames" in errors[0]
    assert not is_stack(layer)
    (tmp_path / "four.txt").write_text("8.300\n8.310\n8.320\n8.330\n")
    page.quantity.setCurrentText("optical depth")
    page.attach(tmp_path / "four.txt")
    stack = stack_of(layer)
    np.testing.assert_allclose(stack.energy, [8300, 8310, 8320, 8330])
    assert stack.quantity == "optical_depth"
    assert stack.pixel_size == pytest.approx((0.1, 0.1))
    assert dock.view.pages.currentIndex() == 0
    assert viewer.canvas.overlays.text.text == f"{stack.energy[viewer.dims.current_step[0]]:.1f} eV"


def test_no_page_for_pictures(viewer, dock):
    viewer.add_image(np.zeros((5, 6)))
    assert dock.view.pages.currentIndex() == 1
