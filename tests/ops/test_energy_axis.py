from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum, Step
from napari_xanes.denoising.result import DenoisingResult
from napari_xanes.edge.alignment import align_spectra, feature_energy, shift_between

AXIS = np.concatenate([np.arange(8280, 8335, 3.0), np.arange(8335, 8365, 0.5), np.arange(8366, 8450, 4.0)])


def edge(energy: np.ndarray, e0: float, white_line: float = 0.8) -> np.ndarray:
    x = energy - e0
    return 0.5 + np.arctan(x / 0.8) / np.pi + white_line * np.exp(-(((x - 5) / 2.5) ** 2))


def noisy(e0: float, sigma: float, seed: int) -> Spectrum:
    mu = edge(AXIS, e0) + sigma * np.random.default_rng(seed).standard_normal(AXIS.size)
    return Spectrum("noisy", AXIS, 0.2 + 1.3 * mu + 1e-3 * (AXIS - 8340))


@pytest.mark.parametrize("feature", ["edge", "white line", "shape"])
def test_shifts_are_found_within_their_error(feature: str) -> None:
    target = Spectrum("target", AXIS, edge(AXIS, 8345.0))
    pulls = []
    for seed in range(30):
        shift = shift_between(noisy(8343.7, 0.01, seed), target, feature)  # type: ignore[arg-type]
        assert shift.value == pytest.approx(1.3, abs=0.35)
        pulls.append((shift.value - 1.3) / max(shift.sigma, 0.03))
    assert np.sqrt(np.mean(np.square(pulls))) < 2.0


@pytest.mark.parametrize(("below", "above"), [(10, 20), (6, 12)])
@pytest.mark.parametrize("target_noise", [0.0, 0.02])
def test_a_short_reference_gives_no_other_shift(below: float, above: float, target_noise: float) -> None:
    """Beyond the ends of the reference its shape is not known; it was taken for constant, which moved by 0.35 eV."""
    axis = np.arange(8345.0 - below, 8345.0 + above + 0.1, 0.4)
    errors = []
    for seed in range(3):
        noise = target_noise * np.random.default_rng(100 + seed).standard_normal(axis.size)
        shift = shift_between(noisy(8343.7, 0.01, seed), Spectrum("short", axis, edge(axis, 8345.0) + noise), "shape")
        errors.append((shift.value - 1.3, shift.sigma))
    error, sigma = np.array(errors).T
    assert np.sqrt(np.mean(np.square(error))) < 2 * max(np.median(sigma), 0.01)


@pytest.mark.parametrize(("below", "above"), [(5, 8), (3, 30), (30, 6)])
def test_a_reference_without_the_shape_of_the_edge_is_refused(below: float, above: float) -> None:
    axis = np.arange(8345.0 - below, 8345.0 + above + 0.1, 0.4)
    with pytest.raises(ValueError, match=r"share too little of the shape of the edge at 8345\..*feature=\"edge\""):
        shift_between(noisy(8343.7, 0.01, 0), Spectrum("short", axis, edge(axis, 8345.0)), "shape")


def test_a_shape_is_found_to_hundredths_of_an_electronvolt() -> None:
    target = Spectrum("target", AXIS, edge(AXIS, 8345.0))
    shifts = [shift_between(noisy(8343.7, 0.01, seed), target, "shape").value for seed in range(10)]
    np.testing.assert_allclose(shifts, 1.3, atol=0.04)


def test_aligned_spectra_lie_on_the_target_and_samples_follow_their_foils() -> None:
    target = Spectrum("target", AXIS, edge(AXIS, 8345.0))
    foils = [Spectrum(f"foil {d}", AXIS, edge(AXIS, 8345.0 + d)) for d in (-2.0, 0.6)]
    aligned = align_spectra(foils, target, feature="shape")
    for spectrum, moved in zip(aligned, (2.0, -0.6), strict=True):
        assert spectrum.metadata["shift"] == pytest.approx(moved, abs=0.03)
        np.testing.assert_allclose(spectrum.at([8345.0]), target.at([8345.0]), atol=0.02)
    samples = [Spectrum("sample", AXIS, edge(AXIS, 8348.0))] * 2
    followed = align_spectra(samples, target, shifts=[s.metadata["shift"] for s in aligned])
    assert followed[0].energy[0] - AXIS[0] == pytest.approx(2.0, abs=0.03)
    with pytest.raises(ValueError, match="1 shifts for 2 spectra"):
        align_spectra(samples, target, shifts=[1.0])


def test_spectra_of_other_edges_are_refused() -> None:
    far = Spectrum("far", AXIS + 40, edge(AXIS, 8345.0))
    with pytest.raises(ValueError, match="more than 15 eV apart, or are unlike"):
        shift_between(far, Spectrum("target", AXIS, edge(AXIS, 8345.0)), "shape")
    with pytest.raises(ValueError, match="no maximum lies within 40 eV"):
        feature_energy(AXIS, edge(AXIS, 8345, white_line=0.0), "white line")


def stack_of(spectrum: Spectrum) -> SpectralStack:
    return SpectralStack(np.tile(spectrum.mu[:, None, None], (1, 3, 4)), spectrum.energy, "optical_depth")


def test_an_axis_is_shifted_and_stretched(depth_stack: SpectralStack) -> None:
    moved = nx.ops.calibrate_energy(depth_stack, offset=-0.8, slope=1.001)
    np.testing.assert_allclose(moved.energy, 1.001 * depth_stack.energy - 0.8)
    assert np.shares_memory(moved.data, depth_stack.data)
    assert moved.metadata["calibrate_energy"] == {"offset": -0.8, "offset_sigma": 0.0, "slope": 1.001}


def test_a_foil_calibrates_the_stack_that_was_measured_with_it() -> None:
    stack, foil = stack_of(Spectrum("sample", AXIS, edge(AXIS, 8350.0))), Spectrum("foil", AXIS, edge(AXIS, 8341.5))
    moved = nx.ops.calibrate_energy(stack, value=8333.0, foil=foil)
    assert moved.metadata["calibrate_energy"]["offset"] == pytest.approx(-8.5, abs=0.2)


def test_a_reference_of_the_same_compound_calibrates_by_its_shape_and_the_offset_is_replayed() -> None:
    stack = stack_of(noisy(8343.7, 0.01, 1))
    moved = nx.ops.calibrate_energy(stack, reference=Spectrum("true", AXIS, edge(AXIS, 8345.0)), feature="shape")
    known = moved.metadata["calibrate_energy"]
    assert known["offset"] == pytest.approx(1.3, abs=0.05)
    assert 0 < known["offset_sigma"] < 0.05
    step = moved.history[-1]
    replayed = nx.run([Step(step.name, step.parameters, step.state)], stack)
    np.testing.assert_array_equal(replayed.energy, moved.energy)


def test_a_given_error_of_the_offset_is_kept() -> None:
    moved = nx.ops.calibrate_energy(stack_of(noisy(8345.0, 0.01, 0)), value=8345.5, offset_sigma=0.4)
    assert moved.metadata["calibrate_energy"]["offset_sigma"] == 0.4


def test_a_large_correction_is_said() -> None:
    moved = nx.ops.calibrate_energy(stack_of(Spectrum("s", AXIS, edge(AXIS, 8345.0))), value=8320.0)
    assert "moved by up to 25" in moved.metadata["warnings"][0]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "needs an offset, or either a value or a reference"),
        ({"value": 8333.0, "feature": "shape"}, "a shape needs a reference"),
        ({"offset": -9000.0}, "no photon energy"),
        ({"offset": 1.0, "value": 8333.0}, "the offset 1 eV and a value .* leave one of them out"),
        ({"offset": 1.0, "reference": noisy(8345.0, 0.01, 0)}, "the offset 1 eV and a reference"),
        ({"offset": 1.0, "foil": noisy(8345.0, 0.01, 0)}, "the offset 1 eV and a foil"),
    ],
)
def test_a_calibration_without_what_it_needs_is_refused(parameters: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        nx.ops.calibrate_energy(stack_of(noisy(8345.0, 0.01, 0)), **parameters)


def test_counts_are_calibrated_by_a_foil_only(count_stack: SpectralStack) -> None:
    with pytest.raises(ValueError, match="run optical_depth first, or give a foil"):
        nx.ops.calibrate_energy(count_stack, value=8333.0)
    assert nx.ops.calibrate_energy(count_stack, offset=1.0).energy[0] == count_stack.energy[0] + 1


def test_interpolation_is_linear_onto_any_energies(depth_stack: SpectralStack) -> None:
    onto = Spectrum("grid", np.arange(8300.0, 8470.0, 7.3), np.zeros(24))
    for parameters, axis in (
        ({"step": 2.5}, 8270 + 2.5 * np.arange(73)),
        ({"energies": [8271.0, 8340.2]}, np.array([8271.0, 8340.2])),
        ({"onto": onto}, onto.energy[onto.energy <= depth_stack.energy[-1]]),
    ):
        result = nx.ops.interpolate_energy(depth_stack, **parameters)
        np.testing.assert_allclose(result.energy, axis)
        expected = np.interp(axis, depth_stack.energy, depth_stack.data[:, 2, 3])
        np.testing.assert_allclose(result.data[:, 2, 3], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "one of energies, step and onto"),
        ({"step": 1.0, "energies": [8300.0]}, "one of energies, step and onto"),
        ({"energies": [8000.0]}, "8000 eV lies outside the stack's 8270 to 8450 eV"),
        ({"step": 1e-6}, "do not give 2 to 100000 energies"),
        ({"onto": Spectrum("far", [1000, 1001], [0, 1])}, "choose one that overlaps"),
    ],
)
def test_energies_outside_the_stack_are_refused(depth_stack: SpectralStack, parameters: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        nx.ops.interpolate_energy(depth_stack, **parameters)


def test_errors_of_a_denoised_stack_are_carried_along(depth_stack: SpectralStack) -> None:
    columns = np.stack([np.ones(50), depth_stack.energy - 8345], axis=1)
    noise = {"kind": "amounts", "columns": columns, "factors": np.full((2, 1, 6, 7), 0.01)}
    stack = depth_stack.with_data(depth_stack.data, metadata={"noise": noise})
    result = nx.ops.interpolate_energy(stack, energies=[8341.3])
    np.testing.assert_allclose(result.noise.columns, [[1.0, 8341.3 - 8345]])  # type: ignore[union-attr]


def test_pixels_that_miss_in_some_frames_do_not_move_the_edge() -> None:
    data = edge(AXIS, 8345.0)[:, None, None] * np.ones((1, 6, 6))
    data[:, :3] += 3.0
    data[AXIS < 8338, :3] = np.nan
    data[4] = np.nan  # an empty frame says nothing of pixels
    stack = SpectralStack(data.astype(np.float32), AXIS, "optical_depth")
    calibrated = nx.ops.calibrate_energy(stack, value=8345.0)
    assert calibrated.metadata["calibrate_energy"]["offset"] == pytest.approx(0, abs=0.3)


def test_results_beside_a_stack_do_not_outlive_its_frames(depth_stack: SpectralStack) -> None:
    beside = DenoisingResult(background=np.zeros(depth_stack.shape, np.float32))
    stack = depth_stack.with_data(depth_stack.data, metadata={"denoise": beside})
    finer = nx.ops.interpolate_energy(stack, step=0.5)
    assert nx.ops.drop_frames(finer, frames=[-2]).energy.size == finer.energy.size - 1
    assert nx.ops.smooth(stack, pixels=0, energies=3).metadata["denoise"] is beside
