from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_xanes import SpectralStack, theory
from napari_xanes.gui.embedding import EmbeddingDock
from napari_xanes.gui.embedding.model import branches, has_signal, picture_of
from napari_xanes.gui.layers import stack_to_layer


@pytest.fixture(scope="module")
def library() -> Any:
    return theory.load_library("mn-l23-oh")


@pytest.fixture
def oxides(library: Any, rng: np.random.Generator) -> SpectralStack:
    """Three stripes, Mn2+ 10Dq 0.9, Mn3+ 1.5, Mn4+ 2.0, beside a stripe without anything."""
    energy = np.arange(634.0, 662.0, 0.25)
    spectra = library.at(energy, broadening=0.4)
    names = np.array([f"{s} {q:.1f}" for s, q in zip(library.species, library.column("ten_dq"), strict=True)])
    rows = [int(np.flatnonzero(names == name)[0]) for name in ("Mn2+ 0.9", "Mn3+ 1.5", "Mn4+ 2.0")]
    data = np.zeros((energy.size, 12, 20))
    for stripe, row in enumerate(rows):
        data[:, :, 5 * stripe : 5 * stripe + 5] = (spectra[row] / spectra[row].max() + 0.2)[:, None, None]
    data += 0.01 * rng.standard_normal(data.shape)
    metadata = {"name": "oxides", "element": "Mn", "edge": "L3"}
    return SpectralStack(data.astype(np.float32), energy, "optical_depth", 0.05, metadata=metadata)


@pytest.fixture
def dock(viewer: Any, oxides: SpectralStack, wait: Any) -> EmbeddingDock:
    data, keywords, _ = stack_to_layer(oxides)
    viewer.add_image(data, **keywords)
    made = viewer.window.add_plugin_dock_widget("napari-xanes", "Embedding")[1]
    made.method.setCurrentText("PCA")
    made.start()
    wait(lambda: made.picture is not None)
    return made


def test_pixels_lie_on_their_branches(library: Any, oxides: SpectralStack) -> None:
    picture = picture_of(oxides, library, "pca", 0.0)
    for stripe, (species, ten_dq) in enumerate((("Mn2+", 0.9), ("Mn3+", 1.5), ("Mn4+", 2.0))):
        point = np.median(picture.pixels[:, 5 * stripe : 5 * stripe + 5].reshape(-1, 2), axis=0)
        member = picture.nearest(point)
        assert library.species[member] == species
        assert library.column("ten_dq")[member] == pytest.approx(ten_dq, abs=0.21)
    assert np.isnan(picture.pixels[:, 15:]).mean() > 0.9
    counts, _ = picture.density()
    assert counts.sum() == np.isfinite(picture.pixels[..., 0]).sum()


def test_noise_is_no_signal(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((200, 100))
    assert has_signal(noise, None).mean() < 0.02
    assert has_signal(noise + 8 * np.sin(np.linspace(0, 6, 100)), None).all()
    assert not has_signal(np.full((1, 100), np.nan), None).any()


def test_a_stack_of_another_element_is_refused(library: Any) -> None:
    stack = SpectralStack(np.ones((20, 2, 2), np.float32), np.linspace(850, 880, 20), "optical_depth")
    with pytest.raises(ValueError, match="choose the library of its element"):
        picture_of(stack, library, "pca", 0.0)


def test_branches_are_ordered_by_10dq(library: Any) -> None:
    found = dict(branches(library))
    assert list(found) == ["Mn2+", "Mn3+", "Mn4+"]
    for rows in found.values():
        assert (np.diff(library.column("ten_dq")[rows]) > 0).all()


def test_the_cursor_is_a_point(viewer: Any, dock: EmbeddingDock, wait: Any) -> None:
    viewer.cursor.position = (3, 4 * 0.05, 2 * 0.05)
    wait(lambda: "Mn2+" in dock.readout.text())
    np.testing.assert_allclose(dock.plot._cursor.getData()[0], dock.picture.pixels[4, 2, 0], rtol=1e-6)
    viewer.cursor.position = (3, 4 * 0.05, 18 * 0.05)
    wait(lambda: "too little signal" in dock.readout.text())


def test_a_lasso_becomes_a_label_and_regions_light_up(viewer: Any, dock: EmbeddingDock, wait: Any) -> None:
    points = dock.picture.pixels[:, :5].reshape(-1, 2)
    low, high = points.min(axis=0) - 1e-3, points.max(axis=0) + 1e-3
    dock.plot.lassoed.emit(np.array([low, (high[0], low[1]), high, (low[0], high[1])]))
    labels = viewer.layers["embedding selection"]
    np.testing.assert_array_equal(labels.data[:, :5], 1)
    assert (labels.data[:, 5:] == 1).mean() < 0.05
    brushed = np.zeros((12, 20), np.uint8)
    brushed[:, 6:9] = 1
    viewer.add_labels(brushed, name="brushed", scale=(0.05, 0.05), units=("um", "um"))
    wait(lambda: len(dock.plot._regions.getData()[0]) == 36)
    viewer.layers.remove("brushed")
    wait(lambda: len(dock.plot._regions.getData()[0]) == 0)


def test_methods_switch_and_hidden_docks_do_not_draw(viewer: Any, dock: EmbeddingDock, wait: Any) -> None:
    first = dock.picture
    dock.method.setCurrentText("MDS")
    wait(lambda: dock.picture is not first)
    dock.method.setCurrentText("PCA")
    assert dock.picture is first  # remembered
    dock.hide()
    before = dock.readout.text()
    viewer.cursor.position = (3, 4 * 0.05, 7 * 0.05)
    wait()
    assert dock.readout.text() == before
