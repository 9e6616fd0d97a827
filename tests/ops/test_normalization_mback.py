"""normalize_edge by tabulated cross sections: exact results, absorbers, real spectra."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from tests.ops.edge_images import E0, LONG, arctan_step, image_of

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import normalize_mu
from napari_xanes.edge.cross_sections import tabulated_step
from napari_xanes.ops import normalize_edge


@pytest.mark.parametrize(
    ("absorber", "axis", "e0"),
    [("Ni K", LONG, 8333.0), ("V K", LONG - 2860.0, 5480.0), ("Fe L3", np.arange(680.0, 780.0, 0.5), 708.0)],
)
def test_mback_gives_back_the_scale_of_the_tables(absorber: str, axis: np.ndarray, e0: float) -> None:
    element, edge = absorber.split()
    tables = tabulated_step(axis, e0, element, edge)
    rng = np.random.default_rng(5)
    scale, low, slope = rng.uniform(0.3, 1, (1, 8)), rng.uniform(0, 2, (1, 8)), rng.uniform(-1e-3, 1e-3, (1, 8))
    mu = scale * tables[:, None] + low + slope * (axis - e0)[:, None]
    data = (mu + 0.002 * rng.standard_normal(mu.shape))[:, None].astype(np.float32)
    stack = SpectralStack(data, axis, "fluorescence")
    for flatten in (False, True):
        made = normalize_edge(stack, e0=e0, method="mback", absorber=absorber, flatten=flatten)
        jump = made.metadata["edge_jump"]
        np.testing.assert_allclose(jump.data, scale, atol=0.005)
        assert (np.abs(jump.data - scale) < 4 * jump.sigma).all()
        after = axis > e0 + 30
        expected = np.ones(after.sum()) if flatten else tables[after]
        np.testing.assert_allclose(made.data[after, 0].mean(axis=1), expected, atol=0.01)
    assert made.history[-1].state["absorber"] == absorber
    assert made.metadata["edge_lines"]["post"] == "cross section"


def test_mback_takes_the_absorber_from_e0_or_asks_for_it() -> None:
    mu = arctan_step(LONG, E0)
    made = normalize_edge(image_of(mu, LONG), method="mback")
    assert made.history[-1].state["absorber"] == "Ni K"
    assert np.median(made.metadata["edge_jump"].data[0, 10:]) == pytest.approx(0.8, rel=0.04)
    vanadium = image_of(mu, LONG - 2863.0)
    with pytest.raises(ValueError, match="may belong to V K or La L3: give the absorber"):
        normalize_edge(vanadium, method="mback")
    named = normalize_edge(vanadium.with_data(vanadium.data, metadata={"element": "V", "edge": "K"}), method="mback")
    assert named.history[-1].state["absorber"] == "V K"
    with pytest.raises(ValueError, match="absorber = 'Xx K' is no tabulated edge"):
        normalize_edge(vanadium, method="mback", absorber="Xx K")


def test_mback_of_a_lazy_stack_agrees_and_replays() -> None:
    stack = image_of(arctan_step(LONG, E0), LONG)
    whole = normalize_edge(stack, method="mback", flatten=True)
    lazy = normalize_edge(stack.with_data(da.from_array(stack.data, chunks=(10, 1, 7))), method="mback", flatten=True)
    np.testing.assert_allclose(np.asarray(lazy.data), whole.data, rtol=1e-4, atol=1e-5)
    part = normalize_edge.apply(stack.isel(box=(slice(None), slice(12, 15))), whole.history[-1])
    np.testing.assert_allclose(part.data, whole.data[:, :, 12:15], rtol=1e-5)


@pytest.mark.parametrize("path", ["ni_k/Ni2O3_rt_01.xdi", "fe_k/Fe2O3_rt_01.xdi", "co_k/co_metal_rt.xdi"])
@pytest.mark.parametrize(("low", "high"), [(-140, 500), (-60, 140), (-30, 60)])
def test_mback_of_measured_spectra_agrees_with_lines(real_data: Any, path: str, low: int, high: int) -> None:
    spectrum = nx.read_spectra(real_data / "references" / path)[0]
    whole = normalize_mu(spectrum.energy, spectrum.mu, pre=(-140, -20), post=(50, 500))
    axis = np.arange(whole.e0 + low, whole.e0 + high)
    stack = SpectralStack(np.interp(axis, spectrum.energy, spectrum.mu)[:, None, None], axis, "optical_depth")
    jump = normalize_edge(stack, method="mback", min_jump=0.0).metadata["edge_jump"]
    assert abs(jump.data[0, 0] - whole.jump) < max(2 * jump.sigma[0, 0], 0.05 * whole.jump)
