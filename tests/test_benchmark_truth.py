"""The benchmark of truth calls a wrong map wrong, whatever its error bar says."""

import numpy as np
import pytest
from benchmarks.truthfulness.estimators import ESTIMATORS, Estimate
from benchmarks.truthfulness.judgement import judge
from benchmarks.truthfulness.specimens import CASES, SIZE, Measurement, measure
from benchmarks.truthfulness.spectra import cobalt

import napari_xanes as nx
from napari_xanes.parameter_map import ParameterMap


def _measurement() -> Measurement:
    ones = np.ones((SIZE, SIZE))
    stack = nx.SpectralStack(np.ones((2, SIZE, SIZE)), np.array([8000.0, 8001.0]), "counts")
    return Measurement(stack, ones[None], ones, ones, ones > 0)


@pytest.mark.parametrize(
    ("bias", "claimed", "masked", "warnings", "verdict"),
    [
        (0.0, 1.0, False, [], "right"),
        (0.0, 3.0, False, [], "wide"),
        (0.0, 0.5, False, [], "WRONG"),
        (2.0, 1.0, False, [], "WRONG"),
        (2.0, 1.0, False, ["a phase is missing"], "told"),
        (2.0, 1.0, True, [], "masked"),
    ],
)
def test_verdict(bias: float, claimed: float, masked: bool, warnings: list[str], verdict: str) -> None:
    error = bias + np.random.default_rng(0).standard_normal((SIZE, SIZE))
    sigma = np.full((SIZE, SIZE), claimed)
    estimate = Estimate(
        "any", "map", ParameterMap(1 + error, "1", sigma, ~np.full(sigma.shape, masked)), np.ones_like(sigma), warnings
    )
    assert judge("Ni K", "base", estimate, _measurement(), control=True).verdict == verdict


def test_reference_fit_of_a_right_measurement_is_right() -> None:
    edge, case = cobalt(), CASES["base"]
    truth = measure(edge, case, seed=1)
    depth = nx.ops.optical_depth(truth.stack)
    for estimate in ESTIMATORS["fit_references"](edge, case, truth, depth):
        judgement = judge(edge.name, case.name, estimate, truth, control=True)
        assert judgement.verdict == "right", judgement
        assert not judgement.warnings
