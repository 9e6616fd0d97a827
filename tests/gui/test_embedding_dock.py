from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_xanes import MapSet, ParameterMap, SpectralStack, theory
from napari_xanes.gui.embedding import EmbeddingDock
from napari_xanes.gui.embedding.libraries import suggest_library
from napari_xanes.gui.embedding.library_match import match_of, reading
from napari_xanes.gui.embedding.model import BINS, branches, has_signal, picture_of
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.places import place_at
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.maps import match_library
from napari_xanes.theory.library.shipped import LIBRARIES

STRIPES = (("Mn2+", 0.9), ("Mn3+", 1.5), ("Mn4+", 2.0))


@pytest.fixture(scope="module")
def library() -> Any:
    return theory.load_library("mn-l23-oh")


@pytest.fixture(scope="module")
def oxides(library: Any) -> SpectralStack:
    """Return a stack of three stripes, Mn2+ 10Dq 0.9, Mn3+ 1.5, Mn4+ 2.0, and an empty stripe."""
    rng = np.random.default_rng(20180417)
    energy = np.arange(634.0, 662.0, 0.25)
    spectra = library.at(energy, broadening=0.4)
    rows = [library.species.index(name) + round(10 * ten_dq) for name, ten_dq in STRIPES]
    data = np.zeros((energy.size, 12, 20))
    for stripe, row in enumerate(rows):
        data[:, :, 5 * stripe : 5 * stripe + 5] = (spectra[row] / spectra[row].max() + 0.2)[:, None, None]
    data += 0.01 * rng.standard_normal(data.shape)
    metadata = {"name": "oxides", "element": "Mn", "edge": "L3"}
    return SpectralStack(data.astype(np.float32), energy, "optical_depth", 0.05, metadata=metadata)


@pytest.fixture(scope="module")
def maps(oxides: SpectralStack, library: Any) -> Any:
    return match_library(oxides, library=library, offset=0.0)


def show(viewer: Any, stack: SpectralStack) -> Any:
    data, keywords, _ = stack_to_layer(stack)
    return viewer.add_image(data, **keywords)


def open_dock(viewer: Any) -> EmbeddingDock:
    opened = viewer.window.add_plugin_dock_widget("napari-xanes", "Embedding")[1]
    opened.method.setCurrentText("PCA")
    return opened


@pytest.fixture
def dock(viewer: Any, oxides: SpectralStack, wait: Any) -> EmbeddingDock:
    show(viewer, oxides)
    opened = open_dock(viewer)
    opened.start()
    wait(lambda: opened.picture is not None)
    return opened


def shown_marks(dock: EmbeddingDock) -> list[str]:
    return [item.toPlainText() for item in dock.plot._marks if hasattr(item, "toPlainText")]


@pytest.mark.parametrize("method", ["pca", "mds", "isomap", "tsne"])
def test_pixels_lie_on_their_branches(library: Any, oxides: SpectralStack, maps: Any, method: str) -> None:
    picture = picture_of(oxides, library, method, maps)
    for stripe, (species, ten_dq) in enumerate(STRIPES):
        point = np.median(picture.pixels[:, 5 * stripe : 5 * stripe + 5].reshape(-1, 2), axis=0)
        member = int(np.linalg.norm(picture.embedding.coordinates - point, axis=1).argmin())
        assert library.species[member] == species
        assert library.column("ten_dq")[member] == pytest.approx(ten_dq, abs=0.21)
    assert np.isnan(picture.pixels[:, 15:]).mean() > 0.9
    assert picture.density.shape == (BINS, BINS)
    assert picture.density.sum() == np.isfinite(picture.pixels[..., 0]).sum() == round(picture.placed_fraction * 240)
    spectrum = oxides.data[:, 3, 7].astype(float)
    np.testing.assert_allclose(picture.point_of(oxides.energy, spectrum), picture.pixels[3, 7], atol=1e-4)
    assert np.isnan(picture.point_of(oxides.energy[40:], spectrum[40:])).all()


def test_density_lies_where_the_pixels_are(library: Any, oxides: SpectralStack, maps: Any) -> None:
    picture = picture_of(oxides, library, "pca", maps)
    x0, x1, y0, y1 = picture.limits
    fullest = np.unravel_index(picture.density.argmax(), picture.density.shape)
    middle = [
        low + (cell + 0.5) * (high - low) / BINS for cell, low, high in zip(fullest, (x0, y0), (x1, y1), strict=True)
    ]
    nearest = np.nanmin(np.linalg.norm(picture.pixels.reshape(-1, 2) - middle, axis=1))
    assert nearest < 2 * max(x1 - x0, y1 - y0) / BINS


def test_noise_is_not_shown_as_signal(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((200, 100))
    assert has_signal(noise, None).mean() < 0.02
    assert has_signal(noise + 8 * np.sin(np.linspace(0, 6, 100)), None).all()
    assert not has_signal(np.full((1, 100), np.nan), None).any()


def test_branches_have_the_colours_of_the_charge_map(library: Any, maps: Any) -> None:
    from napari_xanes.colours import colour_of

    drawn = branches(library, maps["charge"].labels)
    assert [(branch.name, branch.colour) for branch in drawn] == [(f"Mn{n}+", colour_of(n)) for n in (2, 3, 4)]
    for branch in drawn:
        assert (np.diff(library.column("ten_dq")[branch.line]) > 0).all()


@pytest.mark.parametrize(
    ("energy", "element", "name"),
    [
        ((630, 660), "Mn", "mn-l23-oh"),
        ((845, 880), None, "ni-l23"),
        ((700, 800), "Co", "co-l23"),
        ((700, 800), "Fe", "fe-l23"),
        ((8270, 8450), None, "ni-k"),
        ((280, 320), None, None),
    ],
)
def test_the_library_of_the_edge_is_suggested(energy: Any, element: str | None, name: str | None) -> None:
    assert suggest_library(LIBRARIES, np.linspace(*energy, 50), element) == name


def test_a_match_is_used_only_for_its_own_stack(viewer: Any, oxides: SpectralStack, maps: Any) -> None:
    layer = show(viewer, oxides)
    assert match_of(viewer.layers, layer) is None
    workspace_of(viewer).runs.add(maps)
    match = match_of(viewer.layers, layer)
    assert match.metadata["library"] == maps.metadata["library"]
    other = show(viewer, SpectralStack(oxides.data, oxides.energy, "optical_depth", metadata={"name": "other"}))
    assert match_of(viewer.layers, other) is None
    text = reading(match, (3, 2))
    assert text.startswith("Mn2+, 10Dq 0.9")
    assert "±" in text
    assert text.endswith("%")
    assert reading(match, (3, 18)) == "weak signal"


def test_maps_of_a_k_edge_show_the_valence() -> None:
    values, sigma = np.full((2, 2), 2.9, np.float32), np.full((2, 2), 0.1, np.float32)
    valence = ParameterMap(values, "1", sigma, np.array([[True, False], [True, True]]))
    maps = MapSet({"valence": valence, "misfit": ParameterMap(np.full((2, 2), 0.03, np.float32))})
    assert reading(maps, (0, 0)) == "valence 2.90 ± 0.10, misfit 3 %"
    assert reading(maps, (0, 1)) == "not assigned"


def test_offset_and_width_come_from_the_match(viewer: Any, oxides: SpectralStack, maps: Any, wait: Any) -> None:
    show(viewer, oxides)
    workspace_of(viewer).runs.add(match_library(oxides, library="mn-l23-oh", offset=0.1, broadening=0.45))
    viewer.layers.selection.active = viewer.layers[0]
    dock = open_dock(viewer)
    dock.start()
    wait(lambda: dock.picture is not None)
    assert dock.picture.maps.metadata["library"]["offset_eV"] == 0.1
    assert "offset +0.10 eV · width 0.45 eV" in dock.quality.text()


def test_dock_describes_the_point_under_the_cursor(viewer: Any, dock: EmbeddingDock, wait: Any) -> None:
    assert dock.library.source() == "mn-l23-oh"
    viewer.cursor.position = (3, 4 * 0.05, 2 * 0.05)
    wait(lambda: "Mn2+, 10Dq 0." in dock.readout.text())
    assert "eV, misfit" in dock.readout.text()
    np.testing.assert_allclose(dock.plot._cursor.getData()[0], dock.picture.pixels[4, 2, 0], rtol=1e-6)
    viewer.cursor.position = (3, 4 * 0.05, 18 * 0.05)
    wait(lambda: "signal of this pixel is too low" in dock.readout.text())
    viewer.cursor.position = (3, 40, 40)
    wait(lambda: "Move the cursor" in dock.readout.text())


def test_a_lasso_makes_a_label_and_highlights_regions(viewer: Any, dock: EmbeddingDock, wait: Any) -> None:
    points = dock.picture.pixels[:, :5].reshape(-1, 2)
    low, high = points.min(axis=0) - 1e-3, points.max(axis=0) + 1e-3
    dock.plot.lasso.drawn.emit(np.array([low, (high[0], low[1]), high, (low[0], high[1])]))
    wait(lambda: "embedding selection" in viewer.layers)
    labels = viewer.layers["embedding selection"]
    np.testing.assert_array_equal(labels.data[:, :5], 1)
    assert (labels.data[:, 5:] == 1).mean() < 0.05
    assert viewer.layers.selection.active is viewer.layers[0]
    wait(lambda: sum(len(item.getData()[0]) for item in dock.plot._regions) == (labels.data == 1).sum())
    viewer.layers.remove("embedding selection")
    wait(lambda: not dock.plot._regions)
    brushed = np.zeros((12, 20), np.uint8)
    brushed[:, 6:9] = 1
    viewer.add_labels(brushed, name="brushed", scale=(0.05, 0.05), units=("um", "um"))
    wait(lambda: [len(item.getData()[0]) for item in dock.plot._regions] == [36])
    assert shown_marks(dock) == ["region 1"]
    viewer.layers.remove("brushed")
    wait(lambda: not dock.plot._regions and not shown_marks(dock))


def test_a_lasso_around_nothing_is_an_error(dock: EmbeddingDock, errors: list[str], viewer: Any, wait: Any) -> None:
    dock.plot.lasso.drawn.emit(np.array([(50.0, 50.0), (51.0, 50.0), (51.0, 51.0)]))
    wait(lambda: errors)
    assert "No pixel lies inside the lasso" in errors[0]
    assert len(viewer.layers) == 1


def test_pins_are_drawn_as_marks(viewer: Any, dock: EmbeddingDock, oxides: SpectralStack) -> None:
    pins = workspace_of(viewer).pins
    pin = pins.add(place_at(viewer.layers[0], (2, 12)))
    pins.add(place_at(viewer.layers[0], (2, 1200)))
    assert shown_marks(dock) == ["pin 1"]
    spot = dock.plot._marks[0]
    np.testing.assert_allclose([spot.getData()[0][0], spot.getData()[1][0]], dock.picture.pixels[2, 12], atol=1e-4)
    assert spot.opts["brush"].color().name() == pin.colour.lower()
    pins.clear()
    assert not shown_marks(dock)


def test_methods_switch_and_hidden_docks_do_not_draw(viewer: Any, dock: EmbeddingDock, wait: Any, settle: Any) -> None:
    first = dock.picture
    dock.method.setCurrentText("MDS")
    wait(lambda: dock.picture is not first)
    dock.method.setCurrentText("PCA")
    assert dock.picture is first  # the picture is stored and used again
    dock.hide()
    before = dock.readout.text()
    viewer.cursor.position = (3, 4 * 0.05, 7 * 0.05)
    settle()
    assert dock.readout.text() == before


def test_cancel_does_not_wait_for_running_work(dock: EmbeddingDock, wait: Any, settle: Any) -> None:
    """Cancelling does not wait for the work, which takes longer than this test. Its late result is ignored."""
    release, first, results = threading.Event(), dock.picture, []
    dock.job.done.connect(results.append)
    dock.job.start(lambda progress: release.wait(200), "stubborn")
    dock.job.cancel()
    wait(lambda: not dock.job.running)
    dock.job.start(lambda progress: (None, None, None, None), "next")
    release.set()
    wait(lambda: results)
    settle()
    assert results == [(None, None, None, None)]
    assert dock.picture is first


def test_cancelling_a_method_keeps_the_picture(dock: EmbeddingDock, wait: Any) -> None:
    first = dock.picture
    dock.method.setCurrentText("t-SNE")
    assert dock.job.running
    dock.cancel_button.click()
    wait(lambda: not dock.job.running)
    assert dock.picture is first
    assert dock.method.currentText() == "PCA"


def test_counts_are_turned_into_absorption_first(viewer: Any, oxides: SpectralStack, wait: Any) -> None:
    counts = (1000 * np.exp(-oxides.data)).astype(np.float32)
    show(viewer, SpectralStack(counts, oxides.energy, "counts", 0.05, metadata=oxides.metadata))
    dock = open_dock(viewer)
    dock.start()
    wait(lambda: dock.picture is not None)
    assert [layer.metadata["xanes"]["quantity"] for layer in viewer.layers] == ["counts", "optical_depth"]
    assert dock.stacks.layer() is viewer.layers[1]
    viewer.cursor.position = (3, 4 * 0.05, 2 * 0.05)
    wait(lambda: "Mn2+" in dock.readout.text())


def test_without_stack_or_overlap_the_dock_says_what_to_do(viewer: Any, add_stack: Any, wait: Any) -> None:
    dock = open_dock(viewer)
    assert dock._pages.currentIndex() == 2
    assert not dock.run_button.isEnabled()
    add_stack()
    dock.library.choose("ti-l23")
    assert dock._pages.currentWidget() is dock.message
    assert "do not overlap" in dock.message.text()
    assert "open a library file" in dock.message.text()
    assert not dock.run_button.isEnabled()


def test_a_library_file_can_be_opened(
    dock: EmbeddingDock, library: Any, tmp_path: Path, errors: list[str], wait: Any
) -> None:
    (tmp_path / "bad.csv").write_text("no spectra\n")
    dock.library.open_file(str(tmp_path / "bad.csv"))
    assert errors
    assert dock.library.source() == "mn-l23-oh"
    library.members(np.flatnonzero(library.table["charge"] > 2)).save(tmp_path / "mine.npz")
    dock.library.open_file(str(tmp_path / "mine.npz"))
    assert dock.library.currentText() == "mine.npz"
    assert dock.picture is None
    assert "Press Embed" in dock.message.text()
    dock.start()
    wait(lambda: dock.picture is not None)
    assert len(dock.picture.library) == 52
