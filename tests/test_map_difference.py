from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, Source


def run(rng: np.random.Generator, shift: float = 0.0, **keywords: Any) -> MapSet:
    values = np.linspace(2, 3, 12).reshape(3, 4) + shift + rng.normal(0, 0.1, (3, 4))
    mask = np.ones((3, 4), bool)
    mask[0, int(shift)] = False
    labels = ParameterMap(np.ones((3, 4), np.uint8), labels={1: "a"})
    made = {"valence": ParameterMap(values, "1", np.full((3, 4), 0.1 + shift), mask), "phase": labels}
    return MapSet(made, **{"pixel_size": 0.05, "metadata": {"name": f"run {shift:g}"}} | keywords)


def test_difference_has_the_error_of_both_and_the_pixels_of_both(rng: np.random.Generator) -> None:
    first, second = run(rng, 1.0), run(rng)
    maps = nx.subtract_maps(first, second, "valence")
    found = maps["valence difference"]
    np.testing.assert_allclose(found.data, first["valence"].data - second["valence"].data, rtol=1e-6)
    np.testing.assert_allclose(found.sigma, np.hypot(1.1, 0.1), rtol=1e-6)
    np.testing.assert_array_equal(found.mask, first["valence"].mask & second["valence"].mask)
    assert (maps.name, maps.pixel_size, maps.metadata["warnings"]) == ("run 1 - run 0", (0.05, 0.05), [])
    np.testing.assert_allclose(nx.subtract_maps(first, first, "valence")["valence difference"].data, 0)


def test_errors_cover_independent_noise(rng: np.random.Generator) -> None:
    truth = np.full((100, 100), 2.5)
    runs = [
        MapSet({"v": ParameterMap(truth + rng.normal(0, s, truth.shape), "eV", np.full(truth.shape, s))})
        for s in (0.3, 0.4)
    ]
    found = nx.subtract_maps(*runs, "v")["v difference"]
    assert found.data.std() == pytest.approx(float(np.median(found.sigma)), rel=0.03)
    assert found.unit == "eV"


def test_shared_parts_of_errors_and_shared_noise_go_along(rng: np.random.Generator) -> None:
    source = Source("scan.h5")
    extra = {"valence_model": ParameterMap(np.full((3, 4), 0.3), companion="valence")}
    runs = [run(rng, source=source, metadata={"name": "a", "covariance_length_pixels": n}) for n in (1.0, 3.0)]
    runs = [MapSet({**one, **extra}, (), one.source, one.pixel_size, one.metadata) for one in runs]
    maps = nx.subtract_maps(*runs, "valence")
    np.testing.assert_allclose(maps["valence difference_model"].data, 0.3 * np.sqrt(2), rtol=1e-6)
    assert maps.metadata["covariance_length_pixels"] == 3
    assert maps.name == "a"
    assert "both runs are of one stack" in maps.metadata["warnings"][0]


def test_an_unknown_error_stays_unknown(rng: np.random.Generator) -> None:
    bare = MapSet({"valence": ParameterMap(np.ones((3, 4)))})
    assert nx.subtract_maps(run(rng), bare, "valence")["valence difference"].sigma is None


@pytest.mark.parametrize(
    ("other", "name", "reason"),
    [
        ({"x": ParameterMap(np.ones((3, 4)))}, "valence", "has no map 'valence': it has x"),
        ({"valence": ParameterMap(np.ones((3, 4)), "eV")}, "valence", "'valence' is in 1 and in eV"),
        ({"valence": ParameterMap(np.ones((3, 5)))}, "valence", r"shapes \(3, 4\) and \(3, 5\): crop or bin"),
        ({"phase": ParameterMap(np.ones((3, 4), np.uint8), labels={1: "b"})}, "phase", "'phase' holds labels"),
    ],
)
def test_what_can_not_be_subtracted_is_refused(
    rng: np.random.Generator, other: dict[str, ParameterMap], name: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        nx.subtract_maps(run(rng), MapSet(other), name)


def test_pixels_of_another_size_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"pixels of \(0.05, 0.05\) and \(0.1, 0.1\) µm"):
        nx.subtract_maps(run(rng), run(rng, pixel_size=0.1), "valence")


def test_maps_of_two_places_of_one_stack_are_told(rng: np.random.Generator) -> None:
    source = Source("stack.h5")

    def cropped(**parameters: Any) -> MapSet:
        return run(rng, source=source, history=(nx.Step("crop", parameters), nx.Step("difference_map")))

    def places(first: MapSet, second: MapSet) -> list[str]:
        warnings = nx.subtract_maps(first, second, "valence").metadata["warnings"]
        return [text for text in warnings if "different places" in text]

    left, right = cropped(region=(0, 0, 3, 4)), cropped(region=(0, 4, 3, 8))
    assert len(places(left, right)) == 1
    assert len(places(left, run(rng, source=source))) == 1
    assert places(left, cropped(region=[0, 0, 3, 4])) == []
    assert places(cropped(energy=(8300, 8400)), run(rng, source=source)) == []
    assert places(left, run(rng, source=Source("another.h5"))) == [], "these may be crops to the same place"
