"""The simulation of many workers, against what can be told without it; results are compared by their values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.many.data import digest, quick_recipe, write_stacks
from benchmarks.many.scaling import Costs, simulate, stops

import napari_xanes as nx
from napari_xanes.many.running import run_many

FREE = Costs([2.0, 4.0], task=0.0, summary=0.0, start=0.0, bytes=0.0)


def test_without_other_costs_files_share_the_workers() -> None:
    assert simulate(FREE, 10, 1) == 30
    assert simulate(FREE, 10, 10) == simulate(FREE, 10, 99) == 4, "never shorter than the longest file"
    assert simulate(FREE._replace(files=[3.0]), 12, 4) == 9
    assert simulate(FREE, 4, 2) == 8, "2 and 4 begin; the next 2 follows the first; both are free at 4; then 4"


def test_what_is_shared_limits_the_speed() -> None:
    assert simulate(FREE._replace(task=1.0), 100, 100) == 100 + 4
    assert simulate(FREE._replace(summary=0.5), 10, 10) == 4 + 5
    assert simulate(FREE._replace(bytes=1e6), 10, 10, bandwidth=1e6) == 10 + 4
    assert simulate(FREE._replace(start=7.0), 10, 10) == 11
    assert stops(FREE._replace(files=[1.0]), 100) == 199, "half of the workers have nothing to do"
    assert stops(FREE._replace(files=[1.0], summary=0.01), 1000) < 200


def test_results_are_compared_by_their_values(tmp_path: Path) -> None:
    paths = write_stacks(tmp_path, 2, 24, 8)
    run_many(quick_recipe(), paths, tmp_path / "one")
    run_many(quick_recipe(), paths, tmp_path / "two")
    one, two = (digest(tmp_path / out / paths[0].stem) for out in ("one", "two"))
    assert one == two != digest(tmp_path / "one" / paths[1].stem)
    maps = nx.read_maps(tmp_path / "two" / paths[0].stem / "maps.h5")
    changed = np.where(maps["difference"].mask, maps["difference"].data * np.float32(1.00001), np.nan)
    others = {"difference": nx.ParameterMap(changed, maps["difference"].unit, maps["difference"].sigma)}
    nx.write(nx.MapSet({**maps, **others}, maps.history), tmp_path / "two" / paths[0].stem / "maps.h5")
    assert digest(tmp_path / "two" / paths[0].stem) != one
    (tmp_path / "one" / paths[0].stem / "recipe.yaml").unlink()
    assert digest(tmp_path / "one" / paths[0].stem) != one
