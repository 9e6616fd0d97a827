"""Fits that grow frame by frame are those of `fit_references` on the same frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.live.running.fit import NotYet, RunningFit
from napari_xanes.maps import ESTIMATORS
from napari_xanes.sample import nmc_ni_k


@pytest.fixture(scope="module")
def depth() -> nx.SpectralStack:
    stack = nx.run([nx.Step("optical_depth")], nmc_ni_k(size=24).stack)
    assert isinstance(stack, nx.SpectralStack)
    return stack


def running(depth: nx.SpectralStack, **options: Any) -> RunningFit:
    checked = {"references": depth.metadata["references"], **options}
    parameters = ESTIMATORS["fit_references"].validated(checked)
    return RunningFit(parameters, "optical_depth", "OD", depth.shape[1:])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"fractions": True, "slope": False},
        {"nonnegative": False},
        {"constant": False, "slope": True},
        {"constant": False, "slope": False, "min_jump": 0.05},
        {"energy": (8320.0, 8420.0)},
    ],
)
@pytest.mark.parametrize("n_frames", [35, 62])
def test_any_order_of_frames_gives_the_fit_of_all(
    depth: nx.SpectralStack, options: dict[str, Any], n_frames: int
) -> None:
    part = depth.isel(np.arange(n_frames))
    fit = running(depth, **options)
    assert fit.announce(part.energy)
    for i in np.random.default_rng(n_frames).permutation(n_frames):
        fit.add(float(part.energy[i]), part.data[i])
    maps, direct = fit.maps(), nx.maps.fit_references(part, references=depth.metadata["references"], **options)
    assert list(maps) == [name for name in direct if name not in ("valence_model", "chi_square")]
    for name in maps:
        if name == "dominant":
            continue
        # A misfit counts as noise in the errors so far, so that their mask can be smaller.
        known = maps[name].mask & direct[name].mask if name == "valence" else np.ones(depth.shape[1:], dtype=bool)
        assert known.any()
        np.testing.assert_allclose(maps[name].data[known], direct[name].data[known], rtol=1e-5, atol=1e-6)


def test_frames_that_come_while_the_axis_grows(depth: nx.SpectralStack) -> None:
    fit = running(depth)
    for i, energy in enumerate(depth.energy):
        assert fit.announce(depth.energy[: i + 1])
        fit.add(float(energy), depth.data[i])
    direct = nx.maps.fit_references(depth, references=depth.metadata["references"])
    np.testing.assert_allclose(fit.maps()["edge_jump"].data, direct["edge_jump"].data, rtol=1e-5, atol=1e-6)


def test_errors_are_those_that_noise_makes() -> None:
    """Many pixels of one spectrum with white noise: their amounts scatter by sigma."""
    energy = np.linspace(8320, 8400, 60)
    known = [
        nx.Spectrum(n, energy, np.arctan(energy - e0) / np.pi + 0.5, v) for n, e0, v in (("a", 8343, 2), ("b", 8346, 3))
    ]
    mu = 0.7 * known[0].mu + 0.5 * known[1].mu
    data = mu[:, None, None] + 0.01 * np.random.default_rng(3).standard_normal((60, 40, 40))
    parameters = ESTIMATORS["fit_references"].validated({"references": known, "normalize_references": "never"})
    fit = RunningFit(parameters, "optical_depth", "OD", (40, 40))
    fit.announce(energy)
    for e, frame in zip(energy, data, strict=True):
        fit.add(float(e), frame)
    maps = fit.maps()
    for name in ("a", "b", "edge_jump", "valence"):
        assert np.median(maps[name].sigma) == pytest.approx(maps[name].data.std(), rel=0.08), name


def test_what_cannot_be_known_is_said(depth: nx.SpectralStack) -> None:
    fit = running(depth)
    fit.announce(depth.energy)
    for i in range(4):
        fit.add(float(depth.energy[i]), depth.data[i])
    with pytest.raises(NotYet, match="needs at least 5 energies .* there are 4"):
        fit.maps()
    fit.add(float(depth.energy[4]), depth.data[4])
    with pytest.raises(NotYet, match="below the edge of the references"):
        fit.maps()


def test_a_pixel_without_a_value_has_none(depth: nx.SpectralStack) -> None:
    fit = running(depth)
    fit.announce(depth.energy)
    for i, energy in enumerate(depth.energy):
        frame = np.array(depth.data[i])
        if i == 20:
            frame[3, 4] = np.nan
        fit.add(float(energy), frame)
    maps = fit.maps()
    assert np.isnan(maps["edge_jump"].data[3, 4])
    assert not maps["edge_jump"].mask[3, 4]
    assert np.isfinite(maps["edge_jump"].data).sum() == maps["edge_jump"].data.size - 1


def test_a_frame_is_added_once(depth: nx.SpectralStack) -> None:
    fit = running(depth)
    fit.announce(depth.energy)
    fit.add(float(depth.energy[0]), depth.data[0])
    with pytest.raises(ValueError, match="added before"):
        fit.add(float(depth.energy[0]), depth.data[0])


def test_a_denser_axis_needs_all_frames_anew() -> None:
    """References on coarse steps are interpolated smoothly once the stack's own steps are finer."""
    coarse = np.arange(8300.0, 8421, 2)
    known = [nx.Spectrum("a", coarse, np.arctan(coarse - 8343) / np.pi + 0.5)]
    parameters = ESTIMATORS["fit_references"].validated({"references": known, "normalize_references": "never"})
    fit = RunningFit(parameters, "optical_depth", "OD", (1, 1))
    assert fit.announce([8330.5, 8333.5, 8336.5])
    for energy in (8330.5, 8333.5, 8336.5):
        fit.add(energy, np.ones((1, 1)))
    assert not fit.announce(np.arange(8330.5, 8360.5, 0.5))
