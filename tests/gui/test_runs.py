"""Runs: one layer each, which shows what is chosen, and the list that follows the layers of the viewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from napari.layers import _layer_actions as actions

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap
from napari_xanes.colours import colour_of
from napari_xanes.gui.map_layers import Shown, layer_name
from napari_xanes.gui.results.words import words_of
from napari_xanes.gui.state.run import Run
from napari_xanes.gui.state.runs import RunList
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.parameter_map import first_map


@pytest.fixture
def maps(rng: np.random.Generator) -> MapSet:
    values = rng.random((24, 32), np.float32)
    mask = np.ones((24, 32), bool)
    mask[0] = False
    phases = ParameterMap((values > 0.5).astype(np.uint8) + 1, labels={1: "a", 2: "b"})
    found = {
        "edge_jump": ParameterMap(values * 2, "OD", values / 5, mask),
        "valence": ParameterMap(values + 2, "1", values / 10, mask),
        "phase": phases,
        "chi_square": ParameterMap(values * 9, companion="valence"),
    }
    return MapSet(found, (nx.Step("difference_map"),), pixel_size=(0.05, 0.05), metadata={"name": "particle"})


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_a_run_is_one_layer_and_its_labels_another_when_asked_for(viewer: Any, runs: RunList, maps: MapSet) -> None:
    inserted: list[Any] = []
    viewer.layers.events.inserted.connect(lambda event: inserted.append(event.value))
    run = runs.add(maps)
    assert names(viewer) == ["valence · particle"]
    assert len(inserted) == 1
    for name in maps:
        runs.show(run, Shown(name))
    assert [layer._type_string for layer in viewer.layers] == ["image", "labels"]
    assert run.title == "valence · difference map"


def test_the_layer_shows_what_the_run_shows(viewer: Any, runs: RunList, maps: MapSet) -> None:
    run = runs.add(maps)
    layer = runs.layer_of(run)
    for name, role in (("edge_jump", "value"), ("edge_jump", "sigma"), ("edge_jump", "mask"), ("valence", "mask")):
        told: list[Run] = []
        runs.changed.connect(told.append)
        assert runs.show(run, Shown(name, role)) is layer
        runs.changed.disconnect(told.append)
        assert told == [run]
        assert run.shown == (name, role)
        xanes = layer.metadata["xanes"]
        assert (xanes["map"], xanes["role"], xanes["unit"]) == (name, role, maps[name].unit)
        assert layer.name == layer_name(maps, Shown(name, role))
        expected = {"value": maps[name].valid(), "sigma": maps[name].sigma, "mask": maps[name].mask}[role]
        np.testing.assert_array_equal(layer.data[1:], expected[1:])
    labels = runs.show(run, Shown("phase"))
    assert (labels.visible, layer.visible) == (True, False)
    assert runs.layer_of(run) is labels
    assert runs.show(run, Shown("edge_jump")) is layer
    assert (labels.visible, layer.visible) == (False, True)
    with pytest.raises(ValueError, match="no sigma of 'chi_square' to show"):
        runs.show(run, Shown("chi_square", "sigma"))
    with pytest.raises(ValueError, match="no value of 'nothing' to show"):
        runs.show(run, Shown("nothing"))


def test_limits_and_colours_of_a_map_are_found_again(runs: RunList, maps: MapSet) -> None:
    run = runs.add(maps)
    layer = runs.layer_of(run)
    layer.contrast_limits, layer.colormap = (2.2, 2.4), "turbo"
    runs.show(run, Shown("edge_jump"))
    np.testing.assert_allclose(layer.contrast_limits, np.nanpercentile(layer.data, (1, 99)), rtol=1e-5)
    assert layer.colormap.name == "viridis"
    runs.show(run, Shown("valence"))
    assert (tuple(layer.contrast_limits), layer.colormap.name) == ((2.2, 2.4), "turbo")


def test_a_new_run_hides_the_one_before_of_the_same_stack(
    viewer: Any, runs: RunList, maps: MapSet, add_stack: Any
) -> None:
    source, other = add_stack(), add_stack(name="other")
    first, elsewhere, second = runs.add(maps, source), runs.add(maps, other), runs.add(maps, source)
    assert [runs.layer_of(run).visible for run in (first, elsewhere, second)] == [False, True, True]
    assert runs.chosen is second
    runs.bring(first)
    assert [runs.layer_of(run).visible for run in (first, elsewhere, second)] == [True, True, False]
    assert runs.chosen is first
    viewer.layers.selection.active = runs.layer_of(elsewhere)
    assert runs.chosen is elsewhere
    hidden = runs.add(maps, source, visible=False, below=source)
    assert runs.layer_of(first).visible
    assert runs.chosen is elsewhere
    assert viewer.layers.index(runs.layer_of(hidden)) == viewer.layers.index(source) - 1


def test_a_run_is_brought_out_from_below_one_of_the_same_file(
    viewer: Any, runs: RunList, maps: MapSet, tmp_path: Path
) -> None:
    for number, source in enumerate(("a.h5", "a.h5", "b.h5")):
        nx.write(replace(maps, source=nx.Source(source)), tmp_path / f"{number}.h5")
        viewer.open(str(tmp_path / f"{number}.h5"), plugin="napari-xanes")
    first, second, elsewhere = runs
    assert first.source is None
    runs.bring(first)
    assert [runs.layer_of(run).visible for run in (first, second, elsewhere)] == [True, False, True]
    runs.bring(second)
    assert [runs.layer_of(run).visible for run in (first, second, elsewhere)] == [False, True, True]


def test_what_is_shown_becomes_layers_on_request(viewer: Any, runs: RunList, maps: MapSet) -> None:
    run = runs.add(maps)
    layer = runs.layer_of(run)
    runs.show(run, Shown("edge_jump", "sigma"))
    kept = runs.as_layer(run)
    assert not kept.visible
    runs.show(run, Shown("valence"))
    assert kept.name.startswith("edge_jump ± σ (OD) · particle")
    np.testing.assert_array_equal(kept.data[1:], maps["edge_jump"].sigma[1:])
    added = runs.all_as_layers(run)
    assert len(added) == 5, "two maps with sigma, one without, one of labels; one sigma is there already"
    assert runs.all_as_layers(run) == []
    assert viewer.layers[-1] is layer
    assert [one.visible for one in viewer.layers] == [False] * 6 + [True]


def test_the_list_follows_the_layers(viewer: Any, runs: RunList, maps: MapSet) -> None:
    first, second = runs.add(maps), runs.add(maps)
    runs.as_layer(first)
    gone: list[Run] = []
    runs.removed.connect(gone.append)
    viewer.layers.remove(runs.layer_of(first))
    assert gone == []
    assert runs.layer_of(first) is None
    assert runs.show(first, Shown("valence")) in viewer.layers
    runs.delete(first)
    assert gone == [first]
    assert list(runs) == [second]
    assert runs.chosen is second
    runs.rename(second, "  rim ")
    runs.rename(second, " ")
    assert second.title == "rim"
    viewer.layers.clear()
    assert gone == [first, second]
    assert runs.chosen is None
    assert runs.add(maps).number == 3


def test_without_the_image_the_run_shows_its_labels(viewer: Any, runs: RunList, maps: MapSet) -> None:
    run = runs.add(maps)
    image = runs.layer_of(run)
    runs.show(run, Shown("phase"))
    runs.show(run, Shown("edge_jump"))
    viewer.layers.remove(image)
    assert run.shown == Shown("phase")


@pytest.mark.parametrize("suffix", [".h5", ".tif"])
def test_saving_the_layer_saves_all_maps_and_says_so(
    viewer: Any, runs: RunList, maps: MapSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari_xanes.gui.files.writers.show_info", told.append)
    run = runs.add(maps)
    path = str(tmp_path / f"maps{suffix}")
    assert runs.show(run, Shown("edge_jump", "sigma")).save(path, plugin="napari-xanes") == [path]
    assert told == ["Saved all 4 maps of the run: edge jump, valence, phase, chi square"]
    runs.delete(run)
    (layer,) = viewer.open(path, plugin="napari-xanes")
    (again,) = runs
    assert again.shown == Shown("valence")
    assert layer.name == "valence · particle"
    for name, one in maps.items():
        np.testing.assert_array_equal(again.maps[name].valid(), one.valid())
    runs.show(again, Shown("chi_square"))
    assert layer.name.startswith("chi_square")


def test_a_copy_of_the_layer_stays_as_it_is(viewer: Any, runs: RunList, maps: MapSet) -> None:
    run = runs.add(maps)
    layer = runs.layer_of(run)
    viewer.layers.selection = {layer}
    actions._duplicate_layer(viewer.layers)
    copy = viewer.layers["valence · particle copy"]
    runs.show(run, Shown("edge_jump"))
    np.testing.assert_array_equal(copy.data, maps["valence"].valid())
    assert copy.name == "valence · particle copy"
    assert len(runs) == 1
    viewer.layers.remove(layer)
    assert len(runs) == 1
    viewer.layers.remove(copy)
    assert len(runs) == 0


def test_labels_of_a_map_are_not_brushed(viewer: Any, runs: RunList, maps: MapSet, tmp_path: Path) -> None:
    run = runs.add(maps)
    labels = runs.show(run, Shown("phase"))
    assert not labels.editable
    runs.show(run, Shown("valence"))
    runs.show(run, Shown("phase"))
    assert not labels.editable, "new data make a layer of napari editable"
    viewer.layers.selection = {labels}
    actions._duplicate_layer(viewer.layers)
    assert not viewer.layers[f"{labels.name} copy"].editable
    only_labels = MapSet({"phase": maps["phase"]})
    nx.write(only_labels, tmp_path / "phase.h5")
    (opened,) = viewer.open(str(tmp_path / "phase.h5"), plugin="napari-xanes")
    assert not opened.editable


def test_a_viewer_has_runs_of_its_own(viewer: Any, runs: RunList, maps: MapSet) -> None:
    from napari.components import ViewerModel

    other = ViewerModel()
    runs.add(maps)
    assert len(workspace_of(other).runs) == 0
    assert workspace_of(viewer).runs is runs


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (("edge_jump", "valence"), "valence"),
        (("ten_dq", "charge"), "charge"),
        (("residual", "jump"), "jump"),
        (("phase", "jump"), "jump"),
        (("phase",), "phase"),
        (("residual",), "residual"),
    ],
)
def test_the_most_important_map_comes_first(names: tuple[str, ...], first: str) -> None:
    values = np.ones((2, 2), np.uint8)
    made = {
        name: ParameterMap(
            values,
            labels={1: "a"} if name in ("charge", "phase") else None,
            companion="valence" if name == "residual" else None,
        )
        for name in names
    }
    assert first_map(MapSet(made)) == first


def test_names_of_layers_differ_where_a_list_cuts_them() -> None:
    name = "Pyrite_NMNH_recal_2_15_tr.avg"
    one = ParameterMap(np.ones((2, 2)), "OD", np.ones((2, 2)))
    maps = MapSet({name: one, "edge_jump": one}, metadata={"name": "NMC particle, Ni K-edge"})
    shown = [layer_name(maps, Shown(name, role)) for role in ("value", "sigma", "mask")]
    assert shown == [
        "Pyrite_NMN…15_tr.avg (OD) · NMC particle, Ni K-edge",
        "Pyrite_NMN…15_tr.avg ± σ (OD) · NMC…ge",
        "Pyrite_NMN…15_tr.avg mask · NMC…ge",
    ]
    cut = [f"{text[:13]}…{text[-16:]}" for text in shown]
    assert ["±" in text or "σ" in text for text in cut] == [False, True, False]
    assert "mask" in cut[2]
    assert layer_name(maps, Shown("edge_jump", "sigma")) == "edge_jump ± σ (OD) · NMC particle, Ni K-edge"


def test_labels_have_the_colours_of_the_references_with_their_names(
    viewer: Any, stack: nx.SpectralStack, tmp_path: Path
) -> None:
    references = workspace_of(viewer).references
    references.add(replace(stack.metadata["references"][0], name=name) for name in ("unticked", "low", "high"))
    labels = ParameterMap(np.arange(1, 5).reshape(2, 2) % 3 + 1, labels={1: "low", 2: "high", 3: "no reference"})
    runs = workspace_of(viewer).runs
    run = runs.add(MapSet({"dominant": labels}))
    colours = runs.layer_of(run).colormap.color_dict  # type: ignore[union-attr]
    for label, name in ((1, "low"), (2, "high")):
        assert to_hex(colours[label]) == references.colour(name).lower()
        assert references.colour(name) in words_of(run.maps).legend
    assert to_hex(colours[3]) == colour_of(3).lower()
    nx.write(run.maps, tmp_path / "maps.h5")
    assert nx.read_maps(tmp_path / "maps.h5").metadata["colours"] == {n: references.colour(n) for n in ("low", "high")}
