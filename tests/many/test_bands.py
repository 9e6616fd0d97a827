"""Large stacks in bands on workers: the same numbers as in one piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.many.bands import check_bands, joined
from napari_xanes.many.clients import client_for
from napari_xanes.many.running import run_many
from napari_xanes.sample import nmc_ni_k


def test_bands_give_the_same_as_one_piece(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    sample = nmc_ni_k(size=24).stack
    nx.write(sample, tmp_path / "large.h5")
    steps = [nx.Step("optical_depth"), nx.Step("fit_references", {"references": sample.metadata["references"]})]
    whole = nx.run(steps, nx.read(tmp_path / "large.h5"))
    assert isinstance(whole, nx.MapSet)
    with client_for("processes", 1) as client:
        (outcome,) = run_many(nx.Recipe(steps), [tmp_path / "large.h5"], tmp_path / "out", client=client, split=3)
    assert outcome.state == "done", outcome.error
    bands = nx.read_maps(tmp_path / "out" / "large" / "maps.h5")
    assert list(bands) == list(whole)
    assert [step.name for step in bands.history] == [step.name for step in whole.history]
    for name, one in whole.items():
        np.testing.assert_array_equal(bands[name].mask, one.mask, err_msg=name)
        np.testing.assert_allclose(bands[name].data, one.data, rtol=1e-5, atol=1e-6, err_msg=name)
        if one.sigma is not None:
            np.testing.assert_allclose(bands[name].sigma, one.sigma, rtol=1e-5, atol=1e-6, err_msg=name)


def test_what_can_not_be_split_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for names, why in (
        (("align", "difference_map"), "align looks at other pixels"),
        (("optical_depth",), "only maps are computed in bands"),
    ):
        with pytest.raises(ValueError, match=why):
            check_bands([nx.Step(name) for name in names])
    recipe = nx.Recipe([nx.Step("optical_depth")])
    with pytest.raises(ValueError, match="bands need workers"):
        run_many(recipe, [tmp_path / "a.h5"], tmp_path / "out", split=2)
    assert not (tmp_path / "out").exists()


def test_bands_with_different_maps_are_not_joined() -> None:
    one, other = (nx.MapSet({name: nx.ParameterMap(np.ones((2, 3)), "1")}) for name in ("a", "b"))
    with pytest.raises(ValueError, match="different maps"):
        joined([one, other])
    labels = [nx.MapSet({"l": nx.ParameterMap(np.full((2, 3), k, np.uint8), labels={k: str(k)})}) for k in (1, 2)]
    both = joined(labels)["l"]
    assert both.data.tolist() == [[1] * 3] * 2 + [[2] * 3] * 2
    assert both.labels == {1: "1", 2: "2"}
