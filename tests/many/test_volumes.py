"""Volumes (E, Z, Y, X) in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_xanes as nx
from napari_xanes.many.running import run_many
from napari_xanes.sample import nmc_ni_k


def test_volumes_run_as_images_do(tmp_path: Path) -> None:
    image = nmc_ni_k(size=16).stack
    per_slice = {key: np.asarray(image.metadata[key]) for key in ("flat", "dark")}
    slices = [np.roll(np.asarray(image.data), k, axis=2) for k in range(3)]
    volume = nx.SpectralStack(
        np.stack(slices, axis=1),
        image.energy,
        image.quantity,
        (0.1, 0.04, 0.04),
        metadata={
            **image.metadata,
            "flat": np.stack([np.roll(per_slice["flat"], k, axis=2) for k in range(3)], axis=1),
            "dark": np.stack([np.roll(per_slice["dark"], k, axis=1) for k in range(3)]),
        },
    )
    for name in ("first", "second"):
        nx.write(volume, tmp_path / f"{name}.h5")
    references = image.metadata["references"]
    recipe = nx.Recipe([nx.Step("optical_depth"), nx.Step("fit_references", {"references": references})])
    outcomes = run_many(recipe, [tmp_path / "first.h5", tmp_path / "second.h5"], tmp_path / "out")
    assert [one.state for one in outcomes] == ["done", "done"]
    saved = nx.read_maps(tmp_path / "out" / "second" / "maps.h5")["valence"]
    direct = nx.run(recipe, image)["valence"]
    assert saved.data.shape == (3, 16, 16)
    assert saved.sigma is not None
    for k in range(3):
        np.testing.assert_allclose(saved.data[k], np.roll(direct.data, k, axis=1), rtol=1e-4)
        np.testing.assert_allclose(saved.sigma[k], np.roll(direct.sigma, k, axis=1), rtol=0.1)
