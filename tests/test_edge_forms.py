"""Curves of chosen form below and above an edge, beside Larch's numbers for the same points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import EdgeLines
from napari_xanes.edge.forms import fit_curves
from napari_xanes.ops import normalize_edge

ENERGY = np.arange(8100.0, 9000.0, 2.0)
E0 = 8340.0
AT = np.searchsorted(ENERGY, E0 + np.array([-100.0, 20, 100, 400]))

LARCH = {  # xraylarch 2026.3.1, by tools/larch_normalization.py: jump, four normalized values, three flattened
    ("constant", "constant"): [1.018746, -5.9e-05, 1.270087, 1.171557, 0.983598, 1.270087, 1.171557, 0.983598],
    ("constant", "line"): [1.236782, -4.8e-05, 1.04618, 0.965021, 0.810197, 1.055608, 1.012158, 0.998745],
    ("constant", "quadratic"): [1.245023, -4.8e-05, 1.039255, 0.958632, 0.804833, 1.049404, 1.008945, 0.999625],
    ("line", "constant"): [1.095771, -0.001415, 1.197589, 1.118078, 0.988681, 1.197589, 1.118078, 0.988681],
    ("line", "line"): [1.251855, -0.001239, 1.048271, 0.978674, 0.86541, 1.054938, 1.012011, 0.99876],
    ("line", "quadratic"): [1.260097, -0.001231, 1.041414, 0.972273, 0.859749, 1.048813, 1.008838, 0.999629],
    ("Victoreen", "constant"): [1.091789, -0.001398, 1.201726, 1.121531, 0.988514, 1.201726, 1.121531, 0.988514],
    ("Victoreen", "line"): [1.253669, -0.001218, 1.046553, 0.976713, 0.860872, 1.053458, 1.011239, 0.998973],
    ("Victoreen", "quadratic"): [1.259898, -0.001212, 1.041379, 0.971885, 0.856616, 1.048835, 1.008844, 0.99963],
}  # fmt: skip


def model(energy: np.ndarray) -> np.ndarray:
    """Return the spectrum of tools/larch_normalization.py."""
    x = energy - E0
    background = 0.4 * (energy / E0) ** -3 + 0.3 * (energy / E0) ** -4
    step = (0.5 + np.arctan(x / 2) / np.pi) * (energy / E0) ** -2.7
    return background + 1.3 * step * (1 + 0.1 * np.sin(x / 15) * np.exp(-np.abs(x) / 60))


def stack_of(mu: np.ndarray) -> SpectralStack:
    thick = np.array([[1.0, 0.5, 2.0]])
    return SpectralStack((mu[:, None, None] * thick).astype(np.float32), ENERGY, "optical_depth")


@pytest.mark.parametrize("forms", LARCH, ids=" ".join)
def test_forms_agree_with_larch(forms: Any) -> None:
    jump, *values = LARCH[forms]
    error = 2e-5
    parameters = {"e0": E0, "pre": (-150, -32), "post": (150, 598), "pre_form": forms[0], "post_form": forms[1]}
    normalized = normalize_edge(stack_of(model(ENERGY)), **parameters)
    flattened = normalize_edge(stack_of(model(ENERGY)), **parameters, flatten=True)
    np.testing.assert_allclose(normalized.metadata["edge_jump"].data[0], np.array([1, 0.5, 2]) * jump, rtol=error)
    for pixel in range(3):
        np.testing.assert_allclose(normalized.data[AT, 0, pixel], values[:4], atol=error)
        np.testing.assert_allclose(flattened.data[AT[1:], 0, pixel], values[4:], atol=error)
    assert normalized.metadata["edge_lines"]["pre"] == forms[0]
    assert normalized.metadata["edge_lines"]["post"] == forms[1]


@pytest.mark.parametrize("flatten", [False, True])
def test_lazy_stacks_and_replays_give_the_same(flatten: bool) -> None:
    import dask.array as da

    stack = stack_of(model(ENERGY))
    first = normalize_edge(stack, pre_form="Victoreen", post_form="quadratic", flatten=flatten)
    lazy = stack.with_data(da.from_array(stack.data, chunks=(50, 1, 2)))
    again = nx.run([first.history[-1]], lazy)
    np.testing.assert_allclose(np.asarray(again.data), first.data, atol=1e-5)


def test_lines_that_are_asked_for_are_those_of_whole_ranges() -> None:
    mu = model(ENERGY)[:, None]
    ranges = E0, (-200, -30), (50, 400)
    automatic, asked = EdgeLines(ENERGY, *ranges), EdgeLines(ENERGY, *ranges, forms=("line", "line"))
    a, b = automatic.measure(mu), asked.measure(mu)
    for name in ("low", "low_slope", "high_slope", "jump", "sigma"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, err_msg=name)
    for flatten in (False, True):
        np.testing.assert_allclose(
            automatic.normalize(mu, a, flatten=flatten), asked.normalize(mu, b, flatten=flatten), atol=1e-6
        )


def test_the_error_of_the_jump_is_the_scatter_of_its_noise(rng: np.random.Generator) -> None:
    edge = EdgeLines(ENERGY, E0, (-200, -30), (50, 600), forms=("quadratic", "quadratic"))
    lines = edge.measure(model(ENERGY)[:, None] + 0.01 * rng.standard_normal((ENERGY.size, 2000)))
    assert lines.jump.std() == pytest.approx(np.median(lines.sigma), rel=0.08)


def test_a_parabola_is_followed_exactly() -> None:
    x = ENERGY - E0
    mu = 0.5 - 2e-4 * x + 1e-7 * x**2 + (x > 0) * (0.8 - 3e-4 * x + 2e-7 * x**2)
    normalized = normalize_edge(stack_of(mu), e0=E0, pre_form="quadratic", post_form="quadratic", flatten=True)
    np.testing.assert_allclose(normalized.data[x < 0], 0, atol=2e-5)
    np.testing.assert_allclose(normalized.data[x > 0], 1, atol=2e-5)


def test_too_few_energies_for_a_form_are_refused() -> None:
    with pytest.raises(
        ValueError, match="the post-edge range holds 2 energies, but a quadratic curve needs at least 3"
    ):
        fit_curves(np.arange(-50.0, -20), np.array([30.0, 40]), E0, "line", "quadratic")
    with pytest.raises(ValueError, match="pre_form = 'Victoreen' and post_form = 'automatic' are forms of lines"):
        normalize_edge(stack_of(model(ENERGY)), method="mback", pre_form="Victoreen", absorber="Ni K")
