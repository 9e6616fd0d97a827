"""Colour mixes of the results panel: what is chosen is what is shown and saved, with its legend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_xanes import MapSet, ParameterMap
from napari_xanes.colour_mix import mix_colours
from napari_xanes.gui.state.runs import RunList


@pytest.fixture
def maps(rng: np.random.Generator) -> MapSet:
    low = rng.random((24, 32), np.float32)
    mask = np.ones((24, 32), bool)
    mask[:2] = False
    found = {
        "low": ParameterMap(low, "OD", low / 9, mask),
        "high": ParameterMap(1 - low, "OD", low / 9, mask),
        "valence": ParameterMap(low + 2, "1", np.full((24, 32), 0.1), mask),
    }
    return MapSet(found, pixel_size=(0.05, 0.05), metadata={"name": "particle"})


def test_a_colour_mix_follows_its_choices(panel: Any, runs: RunList, maps: MapSet, viewer: Any, wait: Any) -> None:
    run = runs.add(maps)
    panel.mix_button.click()
    mix = panel.mix
    assert [box.currentData() for box in mix.map_boxes] == ["low", "high", None]
    assert runs.mix_of(run) is None
    mix.button.click()
    wait(lambda: runs.mix_of(run) is not None)
    layer = runs.mix_of(run)
    assert layer.rgb
    gain = mix.gain_boxes[0].value()
    assert gain == pytest.approx(1 / np.percentile(np.concatenate([maps["low"].data[2:]]), 99), rel=0.02)
    parts = [maps["low"].data, maps["high"].data]
    expected = mix_colours(parts, [gain, gain], mask=maps["low"].mask)
    np.testing.assert_allclose(layer.data, expected, atol=1e-3)
    assert (layer.data[:2, :, 3] == 0).all()
    assert layer.name == "low red, high green · particle"
    mix.palette_box.setCurrentText("CMY")
    mix.gain_boxes[1].setValue(0)
    mix.gamma_box.setValue(0.5)
    expected = mix_colours(parts, [gain, 0], gamma=0.5, palette="CMY", mask=maps["low"].mask)
    wait(lambda: np.allclose(layer.data, expected, atol=1e-3))
    assert layer.name.startswith("low cyan, high magenta")
    assert len(viewer.layers) == 2
    np.testing.assert_allclose(layer.scale, runs.layer_of(run).scale)
    panel.show_map("low")
    assert [one.visible for one in (layer, runs.layer_of(run))] == [False, True]
    runs.delete(run)
    assert len(viewer.layers) == 0


def test_sliders_move_gains_by_factors_and_follow_them(panel: Any, runs: RunList, maps: MapSet) -> None:
    runs.add(maps)
    panel.mix_button.click()
    box, slider = panel.mix.gain_boxes[1], panel.mix.sliders[1]
    gain = box.value()
    assert slider.value() == 0
    QTest.keyClick(slider, Qt.Key.Key_End)
    assert box.value() == pytest.approx(100 * gain, rel=1e-3)
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert box.value() == pytest.approx(gain / 100, abs=1e-3)
    box.setValue(0)
    assert (box.value(), slider.value()) == (0, slider.minimum())
    box.setValue(gain)
    assert slider.value() == 0
    QTest.keyClick(panel.mix.gamma_slider, Qt.Key.Key_End)
    assert panel.mix.gamma_box.value() == 10


def test_the_legend_of_a_mix_says_what_the_corners_are(
    panel: Any, runs: RunList, maps: MapSet, tmp_path: Path, errors: list[str], wait: Any
) -> None:
    run = runs.add(maps)
    panel.mix_button.click()
    mix = panel.mix
    gain = mix.gain_boxes[0].value()
    assert [corner.text() for corner in mix.legend.corners] == [
        f"low\n{1 / gain:.3g} OD",
        f"high\n{1 / gain:.3g} OD",
        "",
    ]
    shown = mix.legend.triangle.pixmap().toImage()
    red, green, blue = (shown.pixelColor(x, y).getRgb()[:3] for x, y in ((55, 6), (6, 90), (104, 90)))
    assert red[0] > 200 > 50 > red[2] + red[1] // 2
    assert green[1] > 200 > 50 > green[0]
    assert max(blue) < 40  # the third colour has no map
    mix.palette_box.setCurrentText("CMY")
    mix.map_boxes[2].setCurrentIndex(3)
    assert mix.legend.corners[2].text().startswith("valence\n")
    mix.save(maps, mix.mix(), str(tmp_path / "mix"))
    assert (tmp_path / "mix.png").read_bytes()[:4] == b"\x89PNG"
    for box in mix.map_boxes:
        box.setCurrentIndex(0)
    assert mix.legend.isHidden()
    mix.button.click()
    assert errors == ["Choose a map for at least one colour, and for at most three"]
    assert runs.mix_of(run) is None


def test_scores_have_gains_of_their_own(panel: Any, runs: RunList) -> None:
    """They are no parts of a whole: with one gain for all, the first component would leave the others black."""
    found = {f"score_{k}": ParameterMap(np.full((8, 8), value, np.float32), "OD") for k, value in ((1, 2.0), (2, 0.01))}
    runs.add(MapSet(found, metadata={"name": "particle", "explained": [0.99, 0.01]}))
    panel.mix_button.click()
    assert [box.value() for box in panel.mix.gain_boxes[:2]] == [0.5, 100.0]
    assert [slider.value() for slider in panel.mix.sliders[:2]] == [0, 0]
