from __future__ import annotations

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack

SIGNAL, BACKGROUND = (8350.0, 8380.0), (8300.0, 8330.0)


def sample(photons: float, rng: np.random.Generator, *, known: bool) -> tuple[SpectralStack, np.ndarray]:
    """Return an optical depth with a step, and the step."""
    energy = np.arange(8290.0, 8400.0, 2.0)
    step = rng.uniform(0.2, 1.0, (60, 60))
    depth = 0.4 + step * (energy > 8340)[:, None, None]
    counts = rng.poisson(photons * np.exp(-depth)).astype(float)
    metadata = {"i0": np.full(energy.size, photons), "gain": 1.0} if known else {"i0": np.full(energy.size, photons)}
    stack = nx.ops.optical_depth(SpectralStack(counts, energy, "counts", metadata=metadata))
    return stack if known else stack.with_data(stack.data, metadata={"noise": None}), step


@pytest.mark.parametrize("known", [True, False])
def test_errors_cover_with_photons_and_from_residuals(known: bool, rng: np.random.Generator) -> None:
    stack, step = sample(2000, rng, known=known)
    maps = nx.maps.difference_map(stack, signal=SIGNAL, background=BACKGROUND)
    pulls = (maps["difference"].data - step) / maps["difference"].sigma
    assert np.mean(np.abs(pulls) < 2) == pytest.approx(0.95, abs=0.02)
    ratio = (0.4 + step) / 0.4
    assert np.mean(np.abs(maps["ratio"].data - ratio) < 2 * maps["ratio"].sigma) == pytest.approx(0.95, abs=0.02)
    assert maps["difference"].unit == "OD"


def test_a_flat_that_all_energies_share_leaves_the_difference_alone(rng: np.random.Generator) -> None:
    energy = np.arange(8290.0, 8400.0, 2.0)
    depth = 0.4 + 0.6 * (energy > 8340)[:, None, None] * np.ones((1, 60, 60))
    flat = rng.poisson(1000.0, (60, 60)).astype(float)
    counts = rng.poisson(1000 * np.exp(-depth)).astype(float)
    stack = SpectralStack(counts, energy, "counts", metadata={"flat": flat, "gain": 1.0, "n_flat": 1})
    maps = nx.maps.difference_map(nx.ops.optical_depth(stack), signal=SIGNAL, background=BACKGROUND)
    pulls = (maps["difference"].data - 0.6) / maps["difference"].sigma
    assert pulls.std() == pytest.approx(1, abs=0.08)


def test_a_ratio_over_no_background_is_masked(rng: np.random.Generator) -> None:
    energy = np.arange(8290.0, 8400.0, 2.0)
    data = 0.5 * (energy > 8340)[:, None, None] + 0.02 * rng.standard_normal((energy.size, 20, 20))
    maps = nx.maps.difference_map(SpectralStack(data, energy, "optical_depth"), signal=SIGNAL, background=BACKGROUND)
    assert maps["difference"].mask.all()
    assert maps["ratio"].mask.mean() < 0.06


def test_few_energies_without_photons_give_no_error_and_say_so() -> None:
    stack = SpectralStack(np.ones((4, 1, 1)), [700, 701, 710, 711], "optical_depth")
    maps = nx.maps.difference_map(stack, signal=(709, 712), background=(699, 702))
    assert np.isnan(maps["difference"].sigma).all()
    assert "the errors are not known" in maps.metadata["warnings"][0]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"signal": (9000, 9100)}, "signal = 9000 to 9100 eV holds none of the energies"),
        ({"signal": (8300, 8340), "background": (8330, 8350)}, "share energies"),
    ],
)
def test_wrong_ranges_are_refused(depth_stack: SpectralStack, parameters: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        nx.maps.difference_map(depth_stack, **parameters)


def test_scatter_of_energies_that_share_noise_is_no_error(rng: np.random.Generator) -> None:
    stack = SpectralStack(1 + 0.05 * rng.standard_normal((60, 8, 8)), 700.0 + np.arange(60), "optical_depth")
    for shared in (nx.ops.smooth(stack, pixels=0, energies=3.0), nx.ops.interpolate_energy(stack, step=0.25)):
        maps = nx.maps.difference_map(shared)
        assert np.isnan(maps["difference"].sigma).all()
        assert np.isfinite(maps["difference"].data).all()
        assert "neighbouring energies share noise" in maps.metadata["warnings"][0]
    for alone in (stack, nx.ops.bin(stack, pixels=1, energies=1), nx.ops.smooth(stack, pixels=1.0)):
        maps = nx.maps.difference_map(alone)
        assert np.isfinite(maps["difference"].sigma).all()
        assert not maps.metadata["warnings"]


def test_a_single_energy_has_no_difference() -> None:
    stack = SpectralStack(np.ones((1, 2, 2)), [8340], "optical_depth", metadata={"name": "look"})
    with pytest.raises(ValueError, match="'look' has a single energy; a difference needs at least two"):
        nx.maps.difference_map(stack)


def with_air(photons: float = 4000.0) -> tuple[SpectralStack, np.ndarray]:
    """Return a stack of which a quarter shows air, and the step of its edge."""
    rng = np.random.default_rng(7)
    step = rng.uniform(0.2, 0.6, (40, 40))
    step[:20, :20] = 0
    energy = np.arange(8290.0, 8400.0, 2.0)
    depth = step * (0.5 + (energy > 8340))[:, None, None]
    data = -np.log(rng.poisson(photons * np.exp(-depth)) / photons).astype(np.float32)
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    return SpectralStack(data, energy, "optical_depth", metadata={"noise": noise}), step


@pytest.mark.parametrize("known", [True, False])
def test_a_beam_that_changes_between_both_ranges_is_told(known: bool) -> None:
    """The map was off by seven times its errors in all pixels, without a word."""
    stack, _ = with_air()
    if not known:
        stack = stack.with_data(stack.data, metadata={"noise": None})
    ranges = {"signal": SIGNAL, "background": BACKGROUND}
    assert not nx.maps.difference_map(stack, **ranges).metadata["warnings"]
    drifting = stack.with_data(stack.data + np.linspace(0, 0.2, stack.energy.size, dtype=np.float32)[:, None, None])
    (told,) = nx.maps.difference_map(drifting, **ranges).metadata["warnings"]
    assert "all have a difference of 0.09" in told


def test_a_spoiled_frame_in_a_range_is_told() -> None:
    stack, _ = with_air()
    data = stack.data.copy()
    data[8] += 0.3
    maps = nx.maps.difference_map(stack.with_data(data), signal=SIGNAL, background=BACKGROUND)
    assert any("the frame at 8306 eV is brighter or darker" in text for text in maps.metadata["warnings"])


def test_dead_pixels_have_no_value_and_missing_values_elsewhere_do_not_matter() -> None:
    stack, step = with_air()
    data = stack.data.copy()
    data[:, 30, 30] = 0
    data[0] = np.where(np.indices((40, 40)).sum(axis=0) % 2, np.nan, data[0])  # in neither range
    found = nx.maps.difference_map(stack.with_data(data), signal=SIGNAL, background=BACKGROUND)["difference"]
    assert np.argwhere(~found.mask).tolist() == [[30, 30]]
    pulls = ((found.data - step) / found.sigma)[found.mask]
    assert pulls.std() == pytest.approx(1, abs=0.08)


def test_a_background_without_absorption_and_noise_tells_no_beam(rng: np.random.Generator) -> None:
    energy = np.arange(8290.0, 8400.0, 2.0)
    data = (rng.uniform(0.2, 1.0, (20, 20)) + 0.01 * rng.standard_normal((energy.size, 20, 20))).astype(np.float32)
    data[energy < 8340] = 0
    maps = nx.maps.difference_map(SpectralStack(data, energy, "optical_depth"), signal=SIGNAL, background=BACKGROUND)
    assert not maps.metadata.get("warnings")
