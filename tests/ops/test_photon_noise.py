from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.noise import PhotonNoise
from napari_xanes.ops.detector_gain import detector_gain
from napari_xanes.ops.photon_noise import photon_noise

ENERGY = np.concatenate([np.arange(8285, 8335, 8.0), np.arange(8335, 8365, 1.0), np.arange(8365, 8445, 5.0)])
SIZE = 40


def in_the_limits(covered: tuple[float, float]) -> bool:
    return 0.64 <= covered[0] <= 0.72 and 0.92 <= covered[1] <= 0.98


class Microscope:
    """Counts of a mixture of two references, and flats of any exposure."""

    def __init__(self, references: list[Spectrum], photons: float = 3000.0, gain: float = 1.0, seed: int = 7) -> None:
        self.rng, self.references, self.gain = np.random.default_rng(seed), references, gain
        self.share = self.rng.uniform(0.2, 0.8, (SIZE, SIZE))
        mu = [reference.at(ENERGY)[:, None, None] for reference in references]
        self.depth = 0.3 * ((1 - self.share) * mu[0] + self.share * mu[1]) + 0.3
        self.depth[:, :, : SIZE // 4] = 0
        beam = 1 + 0.2 * (ENERGY - ENERGY[0]) / np.ptp(ENERGY)  # linear, so that it can be interpolated
        self.lit = np.full(self.depth.shape, photons) * beam[:, None, None]
        self.counts = gain * self.rng.poisson(self.lit * np.exp(-self.depth)).astype(np.float32)

    def flats(self, frames: Any = slice(None), exposure: float = 1.0, n_flat: int = 1) -> np.ndarray:
        return (self.gain * self.rng.poisson(n_flat * exposure * self.lit[frames]) / n_flat).astype(np.float32)

    def coverage(self, i0: Any = "auto", **metadata: Any) -> tuple[float, float]:
        """Share of the sample's pixels whose valence is right within one and two sigma."""
        stack = SpectralStack(self.counts, ENERGY, "counts", metadata={"gain": self.gain} | metadata)
        maps = nx.maps.fit_references(nx.ops.optical_depth(stack, i0=i0), references=self.references)
        valence = maps["valence"]
        assert valence.sigma is not None
        inside = valence.mask & (np.arange(SIZE) >= SIZE // 4)
        z = np.abs((valence.data - 2 - self.share) / valence.sigma)[inside]
        chi_square = float(np.mean(maps["chi_square"].data[inside]))
        assert chi_square == pytest.approx(1, abs=0.06)
        return float(np.mean(z < 1)), float(np.mean(z < 2))


@pytest.mark.parametrize("exposure", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("n_flat", [1, 10])
def test_errors_cover_with_flats_of_any_exposure(references: list[Spectrum], exposure: float, n_flat: int) -> None:
    bench = Microscope(references, gain=2.0)
    seconds = np.full(ENERGY.size, exposure)
    metadata = {"flat": bench.flats(exposure=exposure, n_flat=n_flat), "n_flat": n_flat}
    assert in_the_limits(bench.coverage(**metadata, exposure=np.ones(ENERGY.size), flat_exposure=seconds))


@pytest.mark.parametrize("exposure", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("step", [1, 4])
def test_errors_cover_with_flats_of_another_file(references: list[Spectrum], exposure: float, step: int) -> None:
    bench = Microscope(references, photons=12000)
    frames = np.unique([*np.arange(0, ENERGY.size, step), ENERGY.size - 1])
    flats = SpectralStack(
        bench.flats(frames, exposure), ENERGY[frames], metadata={"exposure": exposure}, source=nx.Source("flats.h5")
    )
    assert in_the_limits(bench.coverage(flats, exposure=1.0))


@pytest.mark.parametrize("exposure", [0.1, 10.0])
def test_errors_cover_with_one_flat_for_all_energies(references: list[Spectrum], exposure: float) -> None:
    bench = Microscope(references)
    bench.lit[:] = bench.lit[0]
    bench.counts = bench.rng.poisson(bench.lit * np.exp(-bench.depth)).astype(np.float32)
    flat = bench.flats(0, exposure)
    assert in_the_limits(bench.coverage(flat=flat, exposure=1.0, flat_exposure=exposure))


@pytest.mark.parametrize("i0", ["empty", (0, 40, 0, 10), "spectrum"])
def test_errors_cover_with_an_i0_spectrum(references: list[Spectrum], i0: Any) -> None:
    bench = Microscope(references, gain=3.0)
    spectrum = Spectrum("I0", ENERGY, 3.0 * bench.lit[:, 0, 0])
    assert in_the_limits(bench.coverage(spectrum if i0 == "spectrum" else i0))


def test_one_flat_is_an_error_of_the_constant_alone(references: list[Spectrum]) -> None:
    """Without a constant in the fit, the noise of the flat moves the amounts."""
    bench = Microscope(references)
    bench.depth -= 0.3
    bench.lit[:] = bench.lit[0]
    flats = bench.flats(np.zeros(50, int), 0.3)
    depth = np.exp(-bench.depth[:, 20, 20])[:, None, None]
    counts = bench.rng.poisson(bench.lit[:, :5, :10] * depth).astype(np.float32)
    flat = flats[:, 0, 0].reshape(5, 10)
    metadata = {"gain": 1.0, "flat": flat, "exposure": 1.0, "flat_exposure": 0.3}
    stack = nx.ops.optical_depth(SpectralStack(counts, ENERGY, "counts", metadata=metadata))
    jump = nx.maps.fit_references(stack, references=references, constant=False, slope=False)["edge_jump"]
    assert jump.sigma is not None
    scatter = np.std(jump.data, ddof=1)
    assert np.mean(jump.sigma) == pytest.approx(scatter, rel=3 / np.sqrt(2 * 49))
    held = nx.maps.fit_references(stack, references=references, slope=False)["edge_jump"]
    assert held.sigma is not None
    assert np.mean(jump.sigma) != pytest.approx(np.mean(held.sigma), rel=0.05)


def test_denoise_takes_one_flat_with_a_gain(references: list[Spectrum]) -> None:
    bench = Microscope(references)
    bench.lit[:] = bench.lit[0]
    metadata = {"gain": 1.0, "flat": bench.flats(0), "n_flat": 1}
    stack = nx.ops.optical_depth(SpectralStack(bench.counts, ENERGY, "counts", metadata=metadata))
    clean = nx.ops.denoise(stack, references=references, noise="tv")
    assert clean.metadata["denoise"]["report"]["photons_known"]


def test_variance_is_that_of_the_photons_really_counted() -> None:
    stack = SpectralStack(np.full((3, 2, 2), 500.0), [8330, 8340, 8350], "counts", metadata={"gain": 2.0})
    flats = SpectralStack(np.full((3, 2, 2), 100.0), stack.energy, metadata={"exposure": 0.1, "n_flat": 4})
    sample = stack.with_data(stack.data, metadata={"exposure": 1.0})
    noise = photon_noise(sample, flats, 2.0)
    mu = np.full((3, 4), np.log(2.0))
    np.testing.assert_allclose(noise.variance(mu, slice(None)), 1 / 250 + 1 / (4 * 50), rtol=1e-6)
    np.testing.assert_allclose(noise.bias(mu, slice(None)), (1 / 250 - 1 / (4 * 50)) / 2, rtol=1e-6)


def test_read_noise_counts_in_sample_and_flat() -> None:
    flat = np.full((3, 2, 2), 1000.0)
    stack = SpectralStack(flat / 2, [8330, 8340, 8350], "counts", metadata={"flat": flat, "n_flat": 4})
    noise = photon_noise(stack, "flat", 2.0, 6.0)
    expected = 1 / 250 + (3 / 250) ** 2 + (1 / 500 + (3 / 500) ** 2) / 4
    np.testing.assert_allclose(noise.variance(np.full((3, 4), np.log(2.0)), slice(None)), expected, rtol=1e-6)


def test_the_noise_of_a_mean_i0_is_small_and_counted() -> None:
    rng = np.random.default_rng(1)
    beam = rng.uniform(0.5, 1.5, (20, 20))
    counts = rng.poisson(400 * beam + np.zeros((30, 1, 1))).astype(np.float32)
    stack = SpectralStack(counts, np.arange(8330.0, 8360), "counts")
    state = nx.ops.optical_depth(stack, i0=(0, 20, 0, 20)).history[-1].state
    assert state is not None
    i0 = nx.Spectrum.from_plain(state["i0"])
    assert i0.sigma is not None
    np.testing.assert_allclose(np.mean(i0.sigma), np.sqrt(400 / 400), rtol=0.05)
    noise = photon_noise(stack, i0, 1.0)
    share = noise.variance(np.zeros((30, 1)), slice(0, 1))[:, 0] * i0.mu - 1
    np.testing.assert_allclose(share.mean(), 1 / 400, rtol=0.1)


def test_flats_of_a_file_are_not_all_read() -> None:
    import dask.array as da

    asked = []

    def frame(block_info: Any = None) -> np.ndarray:
        at = block_info[None]["chunk-location"][0]
        asked.append(at)
        return np.full((1, 4, 5), 100.0 + at) * np.linspace(0.5, 1.5, 5)

    shape = (300, 4, 5)
    flats = da.map_blocks(frame, chunks=((1,) * 300, (4,), (5,)), dtype=float, meta=np.empty((0, 0, 0)))
    counts = da.ones(shape, chunks=(1, 4, 5))
    stack = SpectralStack(counts, np.arange(8300.0, 8600.0), "counts", metadata={"flat": flats})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_xanes.ops.photon_noise._MOST_BYTES", 0)
        noise = photon_noise(stack, "flat", 1.0)
    assert len(asked) <= 16
    assert isinstance(noise, PhotonNoise)
    exact = PhotonNoise((100.0 + np.arange(300))[:, None, None] * np.linspace(0.5, 1.5, 5) * np.ones((300, 4, 5)))
    mu, pixels = np.zeros((300, 20)), slice(None)
    np.testing.assert_allclose(noise.variance(mu, pixels), exact.variance(mu, pixels), rtol=1e-5)


@pytest.mark.parametrize("gain", [0.3, 5.0])
@pytest.mark.parametrize("read_noise", [0.0, 5.0])
@pytest.mark.parametrize("n_flat", [1, 10])
def test_errors_cover_with_a_gain_from_the_counts(
    references: list[Spectrum], gain: float, read_noise: float, n_flat: int
) -> None:
    bench = Microscope(references, photons=2000, gain=gain)
    bench.counts += read_noise * bench.rng.standard_normal(bench.counts.shape).astype(np.float32)
    flat = bench.flats(n_flat=n_flat)
    flat += read_noise / np.sqrt(n_flat) * bench.rng.standard_normal(flat.shape).astype(np.float32)
    stack = SpectralStack(bench.counts, ENERGY, "counts", metadata={"flat": flat, "n_flat": n_flat})
    depth = nx.ops.optical_depth(stack)
    state = depth.history[-1].state
    assert state is not None
    assert state["gain"] == pytest.approx(gain, rel=0.05)
    assert any("counts per photon" in note for note in depth.metadata["notes"])
    assert in_the_limits(bench.coverage(flat=flat, n_flat=n_flat, gain=None))


def test_a_measured_gain_is_replayed_exactly(references: list[Spectrum]) -> None:
    bench = Microscope(references)
    stack = SpectralStack(bench.counts, ENERGY, "counts", metadata={"flat": bench.flats(), "n_flat": 1})
    whole = nx.ops.optical_depth(stack)
    tile = nx.run(list(whole.history), nx.ops.crop(stack, region=(0, 8, 0, 8)).with_data(stack.data[:, :8, :8]))
    mu = np.zeros((ENERGY.size, 64))
    assert isinstance(tile.noise, PhotonNoise)
    expected = whole.isel(box=(slice(0, 8), slice(0, 8))).noise
    np.testing.assert_array_equal(tile.noise.variance(mu, slice(None)), expected.variance(mu, slice(None)))


def test_a_gain_is_not_measured_where_photons_do_not_explain_the_noise(references: list[Spectrum]) -> None:
    bench = Microscope(references)
    stack = SpectralStack(bench.counts, ENERGY, "counts", metadata={"flat": bench.flats(n_flat=4), "n_flat": 1})
    assert "noise" not in nx.ops.optical_depth(stack).metadata
    assert "noise" in nx.ops.optical_depth(stack, gain=1.0).metadata
    right = stack.with_data(stack.data, metadata={"n_flat": 4})
    assert "noise" in nx.ops.optical_depth(right).metadata
    assert "noise" not in nx.ops.optical_depth(right, gain=0).metadata


def test_flats_may_have_a_number_of_frames_per_energy(references: list[Spectrum]) -> None:
    bench = Microscope(references)
    stack = SpectralStack(bench.counts, ENERGY, "counts", metadata={"flat": bench.flats(n_flat=4), "n_flat": 4})
    per_energy = stack.with_data(stack.data, metadata={"n_flat": np.full(ENERGY.size, 4)})
    one, each = nx.ops.optical_depth(stack).noise, nx.ops.optical_depth(per_energy).noise
    mu = np.zeros((ENERGY.size, SIZE * SIZE))
    assert isinstance(one, PhotonNoise)
    assert isinstance(each, PhotonNoise)
    np.testing.assert_allclose(each.variance(mu, slice(None)), one.variance(mu, slice(None)), rtol=1e-6)


def test_flats_of_another_file_without_a_dark_have_that_of_the_stack(references: list[Spectrum]) -> None:
    bench = Microscope(references, photons=2000)
    dark = np.full(bench.counts.shape[1:], 300.0, np.float32)
    given, missing = (
        SpectralStack(bench.flats() + 300, ENERGY, "counts", metadata={"dark": dark} if known else {})
        for known in (True, False)
    )
    stack = SpectralStack(bench.counts + 300, ENERGY, "counts", metadata={"dark": dark})
    found = [detector_gain(stack, flats) for flats in (given, missing)]
    assert found[0].gain == pytest.approx(1.0, rel=0.05)
    assert found[1] == found[0]
