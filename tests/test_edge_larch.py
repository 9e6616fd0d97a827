"""normalize_edge beside the numbers of Larch that `benchmarks/larch_agreement.py` keeps, on measured K edges."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.larch_agreement import AT, KEPT, POST, PRE, Measured, compared

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import find_e0

NAMES = [
    "ref_NiO.txt 0 ref_NiO",
    "FeO_rt_01.xdi 0 FeO powder Room Temperature",
    "co_metal_rt.xdi 0 Co foil Room Temperature",
]


def measured(real_data: Path, name: str) -> Measured:
    (path,) = (real_data / "references").rglob(name.split()[0])
    spectrum = nx.read_spectra(path)[0]
    return Measured(name, spectrum.energy, spectrum.mu)


@pytest.mark.parametrize("name", NAMES)
def test_jumps_and_normalized_values_are_those_of_larch(real_data: Path, name: str) -> None:
    kept, spectrum = json.loads(KEPT.read_text())[name], measured(real_data, name)
    assert set(kept["forms"]) == {"default", *(f"{pre}, {post}" for pre in PRE for post in POST)}
    for form, larch in kept["forms"].items():
        found = compared(spectrum, kept["e0"], form, larch, points=True)
        if found is None:  # Larch takes the absolute value of a negative jump
            continue
        assert abs(found.jump) < 1e-5, form
        assert found.normalized < 1e-5, form
    # Larch's E0 is one of the energies.
    step = float(np.diff(spectrum.energy)[np.abs(spectrum.energy - kept["e0"]).argmin()])
    assert abs(find_e0(spectrum.energy, spectrum.mu) - kept["e0"]) < step / 2


@pytest.mark.parametrize("name", NAMES[:1])
def test_the_default_of_larch_through_normalize_edge(real_data: Path, name: str) -> None:
    kept, (_, energy, mu) = json.loads(KEPT.read_text())[name], measured(real_data, name)
    larch = kept["forms"]["default"]
    stack = SpectralStack(np.tile(mu[:, None, None], (1, 2, 2)).astype(np.float32), energy, "optical_depth")
    # The ranges in eV, not the points: Larch takes one more before a range, and leaves its last one out.
    options = {"e0": kept["e0"], "pre": larch["pre"][2:], "post": larch["post"][2:], "left_out": []}
    normalized = nx.ops.normalize_edge(stack, pre_form="line", post_form=POST[larch["order"]], **options)
    np.testing.assert_allclose(normalized.metadata["edge_jump"].data, larch["jump"], rtol=0.005)
    found = np.interp(kept["e0"] + np.array(AT), energy, normalized.data[:, 0, 0])
    np.testing.assert_allclose(found, np.array(larch["norm"], float), atol=0.005)
