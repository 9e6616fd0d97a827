"""Errors of maps so far count what is no noise, as the final ones do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes.live.running.fit import ONLY_NOISE, RunningFit
from napari_xanes.live.running.model_errors import FROM_SAMPLE
from napari_xanes.live.running.spectra import RunningMoments
from napari_xanes.maps import ESTIMATORS
from napari_xanes.sample import nmc_ni_k


@pytest.fixture(scope="module")
def depth() -> nx.SpectralStack:
    """Return an optical depth of which nothing says the noise."""
    stack = nx.ops.optical_depth(nmc_ni_k(size=96).stack)
    return replace(stack, metadata={name: value for name, value in stack.metadata.items() if name != "noise"})


def bent(references: list[nx.Spectrum]) -> list[nx.Spectrum]:
    """Return references on an axis that is off by .4 eV, of which one has a feature that the stack has not."""
    first, *others = (nx.Spectrum(one.name, one.energy + 0.4, one.mu, one.valence) for one in references)
    feature = 0.05 * np.exp(-(((first.energy - 8352) / 3) ** 2))
    return [nx.Spectrum(first.name, first.energy, first.mu + feature, first.valence), *others]


def followed(stack: nx.SpectralStack, references: list[nx.Spectrum], **options: object) -> tuple[nx.MapSet, nx.MapSet]:
    """Return the maps of all frames with errors of noise, and with all errors."""
    parameters = ESTIMATORS["fit_references"].validated({"references": references, **options})
    fit, sample = RunningFit(parameters, "optical_depth", "OD", stack.shape[1:]), RunningMoments(stack.data[0].size)
    fit.announce(stack.energy)
    for energy, frame in zip(stack.energy, stack.data, strict=True):
        fit.add(float(energy), frame)
        sample.add(float(energy), frame)
    return fit.maps(), fit.maps_with_model_errors(sample)


@pytest.mark.parametrize("options", [{}, {"fractions": True}])
def test_errors_with_misfit_are_those_of_the_final_maps(depth: nx.SpectralStack, options: dict[str, bool]) -> None:
    references = bent(depth.metadata["references"])
    noise, all_errors = followed(depth, references, **options)
    final = nx.maps.fit_references(depth, references=references, **options)
    assert ONLY_NOISE in noise.metadata["warnings"]
    assert FROM_SAMPLE in all_errors.metadata["warnings"]
    assert ONLY_NOISE not in all_errors.metadata["warnings"]
    for name in ("valence", references[0].name, references[1].name):
        known = noise[name].mask & final[name].mask
        before, now, then = (float(np.median(maps[name].sigma[known])) for maps in (noise, all_errors, final))
        assert before < 0.75 * then, name
        assert now == pytest.approx(then, rel=0.15), name
        np.testing.assert_array_equal(all_errors[name].data, noise[name].data)


def test_without_misfit_they_stay(depth: nx.SpectralStack) -> None:
    noise, all_errors = followed(depth, depth.metadata["references"])
    for name in ("valence", "edge_jump"):
        known = noise[name].mask
        assert np.median(all_errors[name].sigma[known]) == pytest.approx(np.median(noise[name].sigma[known]), rel=0.1)
        assert (all_errors[name].sigma[known] >= noise[name].sigma[known]).all()


def test_a_mask_by_the_error_follows_the_larger_error(depth: nx.SpectralStack) -> None:
    noise, all_errors = followed(depth, bent(depth.metadata["references"]))
    jump = all_errors["edge_jump"]
    assert (jump.data[jump.mask] > 5 * jump.sigma[jump.mask]).all()
    assert not (jump.mask & ~noise["edge_jump"].mask).any()
    _, kept = followed(depth, depth.metadata["references"], min_jump=0.05)
    assert (kept["edge_jump"].data[kept["edge_jump"].mask] > 0.05).all()


def test_a_sample_without_signal_says_nothing(depth: nx.SpectralStack) -> None:
    noise = np.random.default_rng(1).standard_normal(depth.shape)[:, :20, :20].astype(np.float32)
    _, maps = followed(depth.isel(box=(slice(20), slice(20))).with_data(noise), depth.metadata["references"])
    assert ONLY_NOISE in maps.metadata["warnings"]
