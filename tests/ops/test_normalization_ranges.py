"""normalize_edge on short ranges, beside other edges, with spoiled frames: right, or told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.edge_images import AXIS, E0, LONG, arctan_step, image_of

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.edge import normalize_mu
from napari_xanes.edge.spoiled import spoiled_frames
from napari_xanes.ops import normalize_edge


def test_clean_whole_windows_have_no_warning_and_a_small_error_of_lines() -> None:
    made = normalize_edge(image_of(arctan_step(LONG, E0), LONG))
    assert made.metadata["warnings"] == []
    lines = made.metadata["edge_lines"]
    assert (lines["pre"], lines["post"]) == ("line", "line")
    assert lines["line_error"] == pytest.approx(0.035, abs=1e-4)
    jump = made.metadata["edge_jump"]
    noise = np.sqrt(jump.sigma**2 - (lines["line_error"] * jump.data) ** 2)
    assert np.median(noise[0, 10:]) < 0.004


@pytest.mark.parametrize(("low", "high"), [(-60, 120), (-40, 100), (-30, 60), (-20, 40)])
def test_short_windows_have_a_wider_error_that_counting_does_not_reduce(low: float, high: float) -> None:
    axis = np.arange(E0 + low, E0 + high)
    made = normalize_edge(image_of(arctan_step(axis, E0), axis))
    jump = made.metadata["edge_jump"]
    error = made.metadata["edge_lines"]["line_error"]
    assert 0.05 < error < 0.25
    assert (jump.sigma[0, 10:] >= error * jump.data[0, 10:] * 0.999).all()
    assert jump.mask[0, 10:].all()  # what lines can't know is no reason to leave pixels out
    assert not jump.mask[0, :10].any()
    assert (np.abs(jump.data - 0.8) < 2 * jump.sigma)[0, 10:].all()
    told = [text for text in made.metadata["warnings"] if "uncertain by" in text]
    assert len(told) == (error > 0.12)


@pytest.mark.parametrize("path", ["ni_k/Ni2O3_rt_01.xdi", "ni_k/NiOH2_rt_01.xdi", "fe_k/Fe2O3_rt_01.xdi",
                                  "fe_k/FeO_rt_01.xdi", "ni_k/ref_LiNiO2.txt", "co_k/co_metal_rt.xdi"])  # fmt: skip
@pytest.mark.parametrize(("low", "high"), [(-60, 140), (-40, 100), (-30, 60), (-20, 40)])
def test_measured_jumps_on_short_windows_are_those_of_the_whole(real_data: Any, path: str, low: int, high: int) -> None:
    spectrum = nx.read_spectra(real_data / "references" / path)[0]
    whole = normalize_mu(spectrum.energy, spectrum.mu, pre=(-140, -20), post=(50, 500))
    axis = np.arange(whole.e0 + low, whole.e0 + high)
    stack = SpectralStack(np.interp(axis, spectrum.energy, spectrum.mu)[:, None, None], axis, "optical_depth")
    jump = normalize_edge(stack, min_jump=0.0).metadata["edge_jump"]
    assert abs(jump.data[0, 0] - whole.jump) < 2 * jump.sigma[0, 0]
    assert jump.sigma[0, 0] < 0.25 * whole.jump


def test_a_pre_edge_that_is_too_short_is_told() -> None:
    axis = np.arange(E0 - 2, E0 + 150)
    made = normalize_edge(image_of(arctan_step(axis, E0), axis), e0=E0)
    jump = made.metadata["edge_jump"]
    assert any("begins 2 eV below E0" in text for text in made.metadata["warnings"])
    assert (np.abs(jump.data - 0.8) < 2 * jump.sigma)[0, 10:].all()


def test_a_second_edge_ends_the_range_and_is_told_once() -> None:
    axis = np.concatenate([np.arange(7050, 7105, 5.0), np.arange(7105, 7140, 0.5), np.arange(7140, 7340, 4.0)])
    mu = 0.3 + 0.5 * arctan_step(axis, 7120) + 0.5 * arctan_step(axis, 7243)
    made = normalize_edge(image_of(mu, axis))
    step = made.history[-1].state["post"]
    assert step[1] < 115
    told = [text for text in made.metadata["warnings"] if "another edge at 724" in text]
    assert len(told) == 1
    assert np.median(made.metadata["edge_jump"].data[0, 10:]) == pytest.approx(0.4, rel=0.08)
    forced = normalize_edge(image_of(mu, axis), post=(30, 200))
    assert any("so the edge jump is wrong: shorten post" in text for text in forced.metadata["warnings"])


def test_the_line_lies_behind_l2_or_says_that_it_can_not() -> None:
    axis = np.arange(685.0, 745.0, 0.25)
    peaks = 1.2 / (1 + ((axis - 709.5) / 0.4) ** 2) + 0.5 / (1 + ((axis - 722.5) / 0.6) ** 2)
    mu = 0.1 * arctan_step(axis, 709) + 0.05 * arctan_step(axis, 722) + peaks
    long, short = (normalize_edge(image_of(mu[part], axis[part])) for part in (axis < 745, axis < 725))
    assert long.history[-1].state["post"][0] > 18
    assert long.metadata["warnings"] == []
    assert any("does not lie behind Fe L2" in text for text in short.metadata["warnings"])
    jump = short.metadata["edge_jump"]
    assert (np.abs(jump.data - 0.12) < 2 * jump.sigma)[0, 10:].all()


@pytest.mark.parametrize(("at", "by"), [(7, -1.5), (3, 0.8), (22, -1.2), (55, 0.6), (70, -0.5)])
def test_a_spoiled_frame_is_left_out_and_told(at: int, by: float) -> None:
    clean = image_of(arctan_step(AXIS, E0), AXIS)
    data = clean.data.copy()
    data[at] += by  # in all pixels, as a flat that was taken in a dip of the beam
    made, right = normalize_edge(clean.with_data(data)), normalize_edge(clean)
    assert made.history[-1].state["left_out"] == [AXIS[at]]
    assert made.history[-1].state["e0"] == pytest.approx(right.history[-1].state["e0"], abs=0.5)
    jumps = [one.metadata["edge_jump"].data[0, 10:] for one in (made, right)]
    np.testing.assert_allclose(*jumps, rtol=0.02)
    assert any(f"({AXIS[at]:.1f} eV)" in text for text in made.metadata["warnings"])
    assert right.history[-1].state["left_out"] == []


def test_warnings_of_a_step_reach_the_maps_of_a_recipe(references: list[nx.Spectrum]) -> None:
    axis = np.arange(8325.0, 8386.0)
    stack = image_of(references[0].at(axis), axis)
    maps = nx.run([nx.Step("normalize_edge"), nx.Step("fit_references", {"references": references})], stack)
    assert any("the edge jump is uncertain" in text for text in maps.metadata["warnings"])


def test_energies_that_were_meant_to_be_one_are_told() -> None:
    axis = np.sort(np.append(LONG, 8342.0002))
    made = normalize_edge(image_of(arctan_step(axis, E0), axis))
    assert len(made.metadata["warnings"]) == 1
    assert "first 8342.0000 and 8342.0002 eV" in made.metadata["warnings"][0]
    assert made.history[-1].state["e0"] == pytest.approx(E0, abs=0.3)


def test_fine_structure_between_distant_energies_is_no_spoiled_frame() -> None:
    near, far = np.arange(8265.0, 8405, 0.5), np.array([8406.9, 8407.1, 8418.0, 8434.5, 8437.2, 8438.0, 8450.0])
    axis = np.concatenate([near, far])
    mu = 0.5 + np.arctan((axis - 8343) / 1.5) / np.pi
    mu[near.size :] += [0, 0, -0.07, 0, 0, 0, 0]  # the trough of a wave, between neighbours that are 27 eV apart
    assert not spoiled_frames(axis, mu, None, 8343.0).any()
    mu[near.size + 2] -= 0.6
    assert np.flatnonzero(spoiled_frames(axis, mu, None, 8343.0)).tolist() == [near.size + 2]


def test_energies_that_are_left_out_may_be_rounded() -> None:
    axis = LONG + 4e-7
    mu = arctan_step(axis, E0)
    mu[30] -= 3.0
    exact, rounded = (
        normalize_edge(image_of(mu, axis), left_out=[energy]) for energy in (float(axis[30]), float(LONG[30]))
    )
    np.testing.assert_array_equal(rounded.data, exact.data)
    assert rounded.metadata["warnings"] == exact.metadata["warnings"]
