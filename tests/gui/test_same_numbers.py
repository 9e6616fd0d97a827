"""What the window shows of each kind of map is what Python gives for the same steps: layers, texts, legends, files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, SpectralStack, Step
from napari_xanes.gui.layers import stack_to_layer
from napari_xanes.gui.map_layers import Shown, map_title
from napari_xanes.maps import ESTIMATORS, window_step
from napari_xanes.sample import mn_oxides_l, nmc_ni_k

SIZE = 24


def nickel() -> SpectralStack:
    return nmc_ni_k(size=SIZE, photons=4e4).stack


def manganese() -> SpectralStack:
    return mn_oxides_l(size=SIZE).stack


CASES: dict[str, tuple[Callable[[], SpectralStack], dict[str, Any]]] = {
    "fit_references": (nickel, {}),
    "edge_energy": (nickel, {}),
    "match_library": (manganese, {}),
    "difference_map": (nickel, {}),
    "components": (manganese, {}),
    "cluster": (manganese, {"count": 3}),
    "small_phases": (nickel, {}),
    "search_references": (nickel, {}),
    "unmix": (manganese, {"count": 3}),
    "fit_peaks": (nickel, {"centers": [8350.0], "energy": (8335.0, 8365.0)}),
}

_ESTIMATE = re.compile(r"(?P<value>-?[\d.]+(?:e[-+]\d+)?)(?: ± (?P<error>[\d.]+))?(?: (?P<unit>.+))?$")


def test_each_estimator_is_compared() -> None:
    assert set(CASES) == set(ESTIMATORS)


@pytest.mark.parametrize("name", CASES)
def test_the_window_shows_the_numbers_of_python(viewer: Any, wait: Any, tmp_path: Path, name: str) -> None:
    make, values = CASES[name]
    stack = make()
    data, keywords, _ = stack_to_layer(stack)
    viewer.add_image(data, **keywords)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    dock.show_step(window_step(name))
    panel = dock.panel(window_step(name))
    form = panel.method_panel.choose(name)
    form.fill(values)
    wait(lambda: panel.method_panel.run_button.isEnabled())
    panel.method_panel.start()
    wait(lambda: not panel.method_panel.job.running)
    runs = dock.workspace.runs
    *_, run = runs
    expected = nx.run([Step("optical_depth"), Step(name, form.values())], stack)
    assert isinstance(expected, MapSet)
    assert list(run.maps) == list(expected)
    for map_name, one in expected.items():
        layer_is(runs.show(run, Shown(map_name)), one, one.valid())
        if one.sigma is not None:
            layer_is(runs.show(run, Shown(map_name, "sigma")), one, np.where(one.mask, one.sigma, np.nan))
        assert_same(run.maps[map_name], one)
    cursor_says(viewer, dock, expected, wait)
    wait(
        lambda: all(one.labels is None or legend_counts(panel.results.legend.text(), one) for one in expected.values())
    )
    nx.write(run.maps, tmp_path / "maps.h5")
    for map_name, one in nx.read_maps(tmp_path / "maps.h5").items():
        assert_same(one, expected[map_name])


def assert_same(one: ParameterMap, other: ParameterMap) -> None:
    """Values inside the mask, errors, mask, unit and labels."""
    assert (one.unit, one.labels, one.companion) == (other.unit, other.labels, other.companion)
    np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_allclose(one.valid(), other.valid(), rtol=1e-5, atol=1e-6)
    if other.sigma is not None:
        assert one.sigma is not None
        np.testing.assert_allclose(one.sigma[one.mask], other.sigma[other.mask], rtol=1e-4, atol=1e-6)


def layer_is(layer: Any, one: ParameterMap, values: Any) -> None:
    """A layer shows values; its colours reach from the 1st to the 99th percentile, about zero for a difference."""
    np.testing.assert_allclose(layer.data, values, rtol=1e-4, atol=1e-6)
    xanes = layer.metadata["xanes"]
    assert xanes["unit"] == one.unit
    finite = np.asarray(values, float)[np.isfinite(values)]
    if layer._type_string == "labels" or not finite.size or not np.ptp(finite):
        return
    low, high = np.percentile(finite, (1, 99))
    limits = np.array(layer.contrast_limits)
    if layer.colormap.name == "PiYG":
        low, high = -max(-low, high), max(-low, high)
    if high > low:
        np.testing.assert_allclose(limits, (low, high), rtol=1e-4, atol=1e-5 * (high - low))


def cursor_says(viewer: Any, dock: Any, expected: MapSet, wait: Any) -> None:
    """The text under the cursor has the value, the error and the unit of each main map at a pixel."""
    main = {name: one for name, one in expected.items() if not one.companion}
    known = np.sum([one.mask for one in main.values()], axis=0)
    best = np.argwhere(known == known.max())
    index = tuple(best[len(best) // 2])
    layer = dock.workspace.stacks.layer
    viewer.cursor.position = tuple(layer.data_to_world((3, *index)))
    wait(lambda: dock.workspace.cursor.index == index and dock.workspace.cursor.spectrum is not None)
    wait(lambda: "Move the cursor" not in dock.workspace.run_fit.text)
    said = dock.workspace.run_fit.text.split(" · ")
    numbers = [name for name, one in main.items() if one.labels is None and one.mask[index]]
    assert known.max() or said[0].startswith("masked")
    found = 0
    for name in numbers:
        text = next((part for part in said if part.startswith(f"{map_title(name)} ")), None)
        if text is None:
            continue  # of many maps, the text has the first ones
        found += 1
        told = _ESTIMATE.fullmatch(text.removeprefix(f"{map_title(name)} "))
        assert told is not None, text
        one = main[name]
        assert (told["unit"] or "1") == one.unit
        error = float("nan") if one.sigma is None else float(one.sigma[index])
        rounding = 0.6 * 10.0 ** -len(told["value"].partition(".")[2]) if told["error"] else 1e-3 * abs(one.data[index])
        assert abs(float(told["value"]) - float(one.data[index])) <= rounding
        if told["error"]:
            assert abs(float(told["error"]) - error) <= rounding
        else:
            assert not error > 0
    assert found >= min(5, len(numbers))


def legend_counts(text: str, one: ParameterMap) -> bool:
    """Whether a legend has the count of each label."""
    labels = one.labels or {}
    counts = {label: int((one.data == label).sum()) for label in labels}
    return all(f"{labels[label]}: {count} px" in text for label, count in counts.items() if count)


def test_the_spectrum_of_a_region_leaves_out_dead_pixels_and_is_exported_so(
    viewer: Any, wait: Any, tmp_path: Path
) -> None:
    stack = nickel()
    depth = nx.ops.optical_depth(stack)
    depth.data[:, 10, 11] = np.nan
    depth.data[5, 12, 12] = np.nan
    data, keywords, _ = stack_to_layer(depth)
    layer = viewer.add_image(data, **keywords)
    dock = viewer.window.add_plugin_dock_widget("napari-xanes", "XANES")[1]
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[9:14, 9:14] = 1
    viewer.add_labels(labels, name="regions", scale=layer.scale[1:], units=layer.units[1:])
    tracker = dock.workspace.regions
    wait(lambda: tracker.regions and tracker.regions[0].measured is not None)
    (region,) = tracker.regions
    values = np.asarray(depth.data, float)[:, labels == 1]
    np.testing.assert_allclose(region.measured.mean, np.nanmean(values, axis=1), rtol=1e-5)
    np.testing.assert_allclose(region.measured.deviation, np.nanstd(values, axis=1), rtol=1e-3)
    wait(lambda: any(curve.name == region.name for curve in dock.view.shown_curves))
    from napari_xanes.gui.spectra.export import save_csv

    save_csv(dock.view.shown_curves, dock.view.label(), tmp_path / "curves.csv")
    (written,) = (one for one in nx.read_spectra(tmp_path / "curves.csv") if one.name == region.name)
    np.testing.assert_allclose(written.energy, depth.energy)
    np.testing.assert_allclose(written.mu, np.nanmean(values, axis=1), rtol=1e-5)
