"""Robust lines: values that are off do not pull them, their errors are those of what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import EdgeLines
from napari_xanes.edge.cross_sections import tabulated_step
from napari_xanes.edge.robust import fitted_values, measure_robust
from napari_xanes.ops import normalize_edge

ENERGY = np.arange(8200.0, 8500.0, 3.0)
E0 = 8343.0
X = ENERGY - E0
MU = 0.5 - 1e-3 * X + (X > 0) * (1 - 5e-4 * X)
RANGES = E0, (-140.0, -20.0), (30.0, 150.0)

FORMS = {
    "lines": {},
    "step": {"post": (30.0, 90.0)},
    "curves": {"forms": ("Victoreen", "quadratic")},
    "tables": {"step": tabulated_step(ENERGY, E0, "Ni", "K")},
}


def lines(form: str) -> EdgeLines:
    e0, pre, post = RANGES
    return EdgeLines(ENERGY, e0, pre, **{"post": post, **FORMS[form]})  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_is_off_is_as_if_it_were_left_out(form: str, rng: np.random.Generator) -> None:
    edge = lines(form)
    clean = MU[:, None] + 0.01 * rng.standard_normal((ENERGY.size, 50))
    dirty = clean.copy()
    dirty[[5, 70]] += 40.0
    np.testing.assert_allclose(measure_robust(edge, dirty).jump, measure_robust(edge, clean).jump, atol=0.02)
    assert np.abs(edge.measure(dirty).jump - edge.measure(clean).jump).min() > 0.3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.0, 0.05])
def test_errors_are_the_scatter(form: str, share: float, rng: np.random.Generator) -> None:
    edge = lines(form)
    spectra = MU[:, None] + 0.02 * rng.standard_normal((ENERGY.size, 1500))
    hit = rng.random(spectra.shape) < share
    spectra[hit] += rng.uniform(0.2, 0.7, hit.sum())
    found, exact = measure_robust(edge, spectra), float(edge.measure(MU[:, None]).jump[0])
    error = found.jump - exact
    assert np.median(found.sigma) == pytest.approx(error.std(), rel=0.12)
    assert abs(error.mean()) < 0.1 * error.std()
    # Of normal noise 5 % of the information is lost, and of the values that are off all.
    assert error.std() < 1.15 * edge.measure(MU[:, None] + 0.02 * rng.standard_normal(spectra.shape)).jump.std()


def test_a_diffraction_peak_over_several_energies() -> None:
    rng = np.random.default_rng(3)
    edge, clean = lines("lines"), MU[:, None] + 0.01 * rng.standard_normal((ENERGY.size, 200))
    peak = 0.4 * np.exp(-(((X - 80) / 5) ** 2))[:, None]
    exact = float(edge.measure(MU[:, None]).jump[0])
    pulled = np.sqrt(np.mean((edge.measure(clean + peak).jump - exact) ** 2))
    robust = np.sqrt(np.mean((measure_robust(edge, clean + peak).jump - exact) ** 2))
    free = np.sqrt(np.mean((edge.measure(clean).jump - exact) ** 2))
    assert pulled > 2 * free
    assert robust < 1.3 * free


@pytest.mark.parametrize("form", FORMS)
def test_the_fitted_values_of_an_exact_fit(form: str) -> None:
    edge = lines(form)
    mu = MU if edge.step is None else 0.5 - 1e-3 * X + (X > 0) * edge.step
    if form == "step":
        mu = 0.5 - 1e-3 * X + (X > 0) * (1 - edge.decay * X)
    if form == "curves":
        mu = 0.4 * (ENERGY / E0) ** -3 + 0.1 * (ENERGY / E0) ** -4 + (X > 0) * (1 + 1e-3 * X - 1e-6 * X**2)
    found = edge.measure(mu[:, None])
    for frames in edge.frames:
        np.testing.assert_allclose(fitted_values(edge, found, frames)[:, 0], mu[frames], atol=1e-9)


@pytest.mark.parametrize("lazy", [False, True])
def test_normalize_edge_with_robust_lines(lazy: bool, rng: np.random.Generator) -> None:
    import dask.array as da

    data = (MU[:, None, None] * np.array([[1.0, 0.5, 2.0, 1.0]])).astype(np.float32)
    data += 0.002 * rng.standard_normal(data.shape, dtype=np.float32)
    data[20, 0, 0], data[80, 0, 1], data[10, 0, 3] = 5, -3, np.nan
    stack: Any = SpectralStack(data, ENERGY, "optical_depth")
    if lazy:
        stack = stack.with_data(da.from_array(data, chunks=(50, 1, 2)))
    options = {"e0": E0, "pre": RANGES[1], "post": RANGES[2], "left_out": []}
    robust, plain = (normalize_edge(stack, robust=robust, **options) for robust in (True, False))
    np.testing.assert_allclose(robust.metadata["edge_jump"].data[0, :3], [1, 0.5, 2], rtol=0.01)
    assert np.abs(plain.metadata["edge_jump"].data[0, :2] / [1, 0.5] - 1).min() > 0.05
    assert np.isnan(np.asarray(robust.data)[:, 0, 3]).all()
    assert robust.metadata["edge_lines"]["robust"] is True
    again = nx.run([robust.history[-1]], stack)
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(robust.data))
