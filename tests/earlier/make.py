"""Write what this version writes into a folder of its own; run once before each release, never for an old version.

Run: python -m tests.earlier.make 0.1.0
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import napari_xanes as nx
from napari_xanes.io.project_file import write_project
from napari_xanes.maps import ESTIMATORS
from napari_xanes.ops import OPERATIONS
from napari_xanes.project import Picture, Places, Project, ProjectLayer
from napari_xanes.sample import nmc_ni_k


def names() -> dict[str, list[str]]:
    """Return the public names: those of the package, and each step with its parameters."""
    steps = {**OPERATIONS, **ESTIMATORS}
    return {"napari_xanes": sorted(nx.__all__)} | {name: sorted(step.parameters) for name, step in steps.items()}


def make(folder: Path) -> None:
    """Write stacks, maps, spectra, recipes and a project of a small sample, and the public names."""
    (folder / "names.json").write_text(json.dumps(names(), indent=1) + "\n", encoding="utf-8")
    stack = nmc_ni_k(size=40).stack.isel(slice(None, None, 2), (slice(14, 22), slice(14, 23)))
    references = list(stack.metadata["references"])
    for name in ("counts.h5", "counts.tif", "counts.zarr"):
        nx.write(stack, folder / name)
    for name in ("references.csv", "references.prj"):
        nx.write(references, folder / name)
    fit = nx.Step("fit_references", {"references": [str(folder / "references.csv")]})
    nx.Recipe([nx.Step("optical_depth"), fit]).save(folder / "fit.yaml")
    nx.Recipe([nx.Step("optical_depth"), nx.Step("normalize_edge"), nx.Step("edge_energy")]).save(folder / "edge.yaml")
    counts = nx.read(folder / "counts.h5")
    maps = nx.run(nx.Recipe.load(folder / "fit.yaml"), counts)
    assert isinstance(maps, nx.MapSet)
    nx.write(maps, folder / "maps.h5")
    nx.write(maps, folder / "maps.tif")
    nx.Recipe(maps.history).save(folder / "exact.yaml", exact=True)
    layers = [
        ProjectLayer("particle", counts, {"visible": False}),
        ProjectLayer("valence", maps, {"shown": "valence"}),
        ProjectLayer("regions", np.eye(8, 9, dtype=np.int32)),
        ProjectLayer("lines", [np.array([[0.0, 0.0], [5.0, 4.0]])], {"shape_type": ["line"]}),
        ProjectLayer("photo", Picture(np.arange(6.0).reshape(2, 3))),
        ProjectLayer("pins", Places(np.array([[1.0, 2.0]]))),
    ]
    write_project(Project(layers, references, {"chosen": 0}), folder / "project.h5")


if __name__ == "__main__":
    with (
        TemporaryDirectory() as made
    ):  # files keep the paths of their sources; those of a temporary folder tell nothing
        make(Path(made))
        shutil.copytree(made, Path(__file__).parent / sys.argv[1])
