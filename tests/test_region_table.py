from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap


@pytest.fixture
def maps(rng: np.random.Generator) -> MapSet:
    values = rng.normal(2.5, 0.2, (24, 32))
    mask = rng.random((24, 32)) > 0.1
    labels = ParameterMap(mask.astype(np.uint8), labels={1: "a"})
    made = {
        "valence": ParameterMap(values, "1", np.full((24, 32), 0.2), mask),
        "valence_model": ParameterMap(np.full((24, 32), 0.05), companion="valence"),
        "edge_energy": ParameterMap(values + 8343, "eV"),
        "phase": labels,
    }
    return MapSet(made, pixel_size=(0.05, 0.04), metadata={"covariance_length_pixels": 2.0})


def test_rows_are_those_of_the_pixels_that_count(maps: MapSet) -> None:
    region = np.zeros((24, 32), bool)
    region[3:10, 4:20] = True
    whole, rim = nx.region_statistics(maps, "valence", {"rim": region})
    for row, area in ((whole, np.ones_like(region)), (rim, region)):
        inside = area & maps["valence"].mask
        values = maps["valence"].data[inside].astype(float)
        assert row.n_pixels == inside.sum()
        assert row.area == pytest.approx(inside.sum() * 0.05 * 0.04)
        assert row.median == pytest.approx(np.median(values))
        assert row.mean == pytest.approx(values.mean())
        assert row.deviation == pytest.approx(values.std())
        mean = nx.region_mean(maps, "valence", area)
        assert (row.mean, row.sigma) == pytest.approx((mean.value, mean.sigma))
        alone = (0.2**2 - 0.05**2) / (inside.sum() / 4)  # a square of two pixels shares its noise
        assert row.sigma == pytest.approx(np.sqrt(alone + 0.05**2), rel=1e-5)
    assert (whole.region, rim.region, whole.area_unit) == ("all pixels", "rim", "µm²")


def test_unknown_errors_empty_regions_and_pixels_without_a_size(maps: MapSet) -> None:
    bare = MapSet(dict(maps.items()))
    whole, none = nx.region_statistics(bare, "edge_energy", {"none": np.zeros((24, 32), bool)})
    assert np.isnan(whole.sigma)
    assert (whole.area, whole.area_unit) == (24 * 32, "px")
    assert (none.n_pixels, none.area) == (0, 0)
    assert np.isnan([none.median, none.mean, none.sigma, none.deviation]).all()


def test_a_flat_region_holds_for_all_slices_of_a_volume() -> None:
    volume = MapSet({"v": ParameterMap(np.ones((3, 4, 5)), "1", np.ones((3, 4, 5)))}, pixel_size=(0.5, 0.1, 0.1))
    region = np.zeros((4, 5), bool)
    region[1, 2] = True
    _, column = nx.region_statistics(volume, "v", {"column": region})
    assert (column.n_pixels, column.area_unit) == (3, "µm³")
    assert column.area == pytest.approx(3 * 0.005)


def test_labels_and_other_shapes_are_refused(maps: MapSet) -> None:
    with pytest.raises(ValueError, match="'phase' holds labels"):
        nx.region_statistics(maps, "phase")
    with pytest.raises(ValueError, match=r"the region 'rim' has shape \(2, 2\), the map \(24, 32\)"):
        nx.region_statistics(maps, "valence", {"rim": np.ones((2, 2))})
    with pytest.raises(KeyError, match="no map 'other'"):
        nx.region_statistics(maps, "other")


def test_the_table_is_written_whole_and_reads_back(maps: MapSet, tmp_path: Path) -> None:
    named = {'a, "b"': np.ones((24, 32), bool), "none": np.zeros((24, 32), bool)}
    rows = nx.region_statistics(maps, "edge_energy", named)
    nx.write_statistics(rows, "eV", tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        heading, first, second, third = csv.reader(file)
    assert heading[:4] == ["region", "n pixels", "area (µm²)", "median (eV)"]
    assert (first[0], second[0], third[0]) == ("all pixels", 'a, "b"', "none")
    assert float(first[4]) == pytest.approx(rows[0].mean)
    assert first[5] == "", "errors are not known"
    assert third[1:4] == ["0", "0", ""]
    nx.write_statistics(rows, "eV", tmp_path / "named.csv", "map: edge energy\nfile: scan.h5")
    named_lines = (tmp_path / "named.csv").read_text(encoding="utf-8-sig").splitlines()
    assert named_lines[:2] == ["# map: edge energy", "# file: scan.h5"]
    assert named_lines[2:] == (tmp_path / "table.csv").read_text(encoding="utf-8-sig").splitlines()
