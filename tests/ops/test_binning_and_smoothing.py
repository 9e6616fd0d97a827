from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import savgol_filter

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.noise import AmountNoise, PhotonNoise


def counted(photons: float, n_energies: int, size: int, rng: np.random.Generator, gain: float = 3.0) -> SpectralStack:
    """Return counts of a flat sample of optical depth 0.7, with ten flats."""
    shape = (n_energies, size, size)
    counts = gain * rng.poisson(photons * np.exp(-0.7), shape)
    flat = gain * rng.poisson(photons * 10, shape) / 10
    metadata = {"flat": flat, "n_flat": 10, "gain": gain, "dark": np.zeros(shape[1:])}
    return SpectralStack(counts, 700.0 + np.arange(n_energies), "counts", 0.05, metadata=metadata)


def spread(stack: SpectralStack) -> float:
    """Return the scatter of values over the standard error that the stack knows."""
    noise = stack.noise
    assert noise is not None
    flat = stack.data.reshape(len(stack.data), -1)
    sigma = np.sqrt(noise.variance(flat, slice(0, flat.shape[1])))  # type: ignore[union-attr]
    return float(np.std((flat - flat.mean()) / sigma))


@pytest.mark.parametrize("first", ["bin", "optical_depth"])
def test_errors_of_binned_pixels_are_those_of_their_scatter(first: str, rng: np.random.Generator) -> None:
    stack = counted(800, 8, 96, rng)
    binned = (
        nx.ops.optical_depth(nx.ops.bin(stack, pixels=3))
        if first == "bin"
        else nx.ops.bin(nx.ops.optical_depth(stack), pixels=3)
    )
    assert binned.shape == (8, 32, 32)
    assert binned.pixel_size == pytest.approx((0.15, 0.15))
    assert spread(binned) == pytest.approx(1, abs=0.04)


def test_errors_of_binned_energies_are_those_of_their_scatter(rng: np.random.Generator) -> None:
    binned = nx.ops.bin(nx.ops.optical_depth(counted(800, 32, 40, rng)), pixels=1, energies=4)
    assert binned.energy.tolist() == [701.5 + 4 * i for i in range(8)]
    assert spread(binned) == pytest.approx(1, abs=0.04)


def test_binned_energies_of_an_i0_spectrum_have_the_right_errors(rng: np.random.Generator) -> None:
    photons = np.linspace(400, 1200, 32)
    counts = rng.poisson(photons[:, None, None] * np.exp(-0.7) * np.ones((1, 40, 40))).astype(float)
    stack = SpectralStack(counts, 700.0 + np.arange(32), "counts", metadata={"i0": photons, "gain": 1.0})
    assert spread(nx.ops.bin(nx.ops.optical_depth(stack), pixels=1, energies=4)) == pytest.approx(1, abs=0.04)


def test_what_fills_no_square_is_left_out_and_said() -> None:
    binned = nx.ops.bin(SpectralStack(np.ones((2, 7, 9)), [700, 710], "optical_depth"), pixels=4)
    assert binned.shape == (2, 1, 2)
    assert binned.metadata["warnings"] == ["3 rows and 1 column at the border fill no square of 4 and are left out"]


def test_energies_of_counts_and_too_large_squares_are_refused(rng: np.random.Generator) -> None:
    stack = counted(100, 4, 6, rng)
    with pytest.raises(ValueError, match="each energy has its own I0: run optical_depth first"):
        nx.ops.bin(stack, pixels=1, energies=2)
    with pytest.raises(ValueError, match="an image of 6 x 6 pixels holds no square of 7"):
        nx.ops.bin(stack, pixels=7)


def test_lazy_binning_reads_frames_on_demand(depth_stack: SpectralStack) -> None:
    import dask.array as da

    lazy = depth_stack.with_data(da.from_array(depth_stack.data, chunks=(1, 6, 7)))
    binned = nx.ops.bin(lazy, pixels=2, energies=3)
    assert binned.is_lazy
    np.testing.assert_allclose(binned.data, nx.ops.bin(depth_stack, pixels=2, energies=3).data, rtol=1e-5)


def test_smoothing_is_a_gaussian_and_a_parabola_fit(rng: np.random.Generator) -> None:
    data = rng.standard_normal((20, 30, 40)).astype(np.float32)
    stack = SpectralStack(data, 700.0 + np.arange(20), "optical_depth")
    blurred = nx.ops.smooth(stack, pixels=1.5)
    expected = gaussian_filter(data.astype(float), (0, 1.5, 1.5), mode="constant")
    np.testing.assert_allclose(blurred.data[:, 8:-8, 8:-8], expected[:, 8:-8, 8:-8], atol=1e-5)
    spectra = nx.ops.smooth(stack, pixels=0, energies=3.0).data
    np.testing.assert_allclose(spectra[3:-3], savgol_filter(data, 7, 2, axis=0)[3:-3], atol=1e-5)


def test_smoothing_keeps_a_constant_up_to_the_border_and_around_missing_pixels() -> None:
    data = np.full((2, 9, 9), 0.7, np.float32)
    data[:, 4, 4] = np.nan
    smoothed = nx.ops.smooth(SpectralStack(data, [700, 710], "optical_depth"), pixels=2.0).data
    assert np.isnan(smoothed[:, 4, 4]).all()
    np.testing.assert_allclose(smoothed[np.isfinite(smoothed)], 0.7, rtol=1e-5)


def test_means_of_a_smoothed_stack_know_what_pixels_share(rng: np.random.Generator) -> None:
    stack = SpectralStack(rng.standard_normal((1, 400, 400)), [700], "optical_depth")
    smoothed = nx.ops.smooth(stack, pixels=1.5)
    length = smoothed.metadata["covariance_length_pixels"]
    means = smoothed.data.reshape(10, 40, 10, 40).mean(axis=(1, 3)).ravel()
    expected = smoothed.data.std() * length / 40
    assert means.std() == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("half_width", [0.0, 2.5])
def test_slopes_of_a_parabola_are_exact_on_any_axis(half_width: float, rng: np.random.Generator) -> None:
    energy = np.sort(rng.uniform(700, 720, 25))
    x = energy - 710
    stack = SpectralStack((0.3 + 0.2 * x - 0.01 * x**2).reshape(-1, 1, 1), energy, "optical_depth")
    slope = nx.ops.derivative(stack, half_width=half_width)
    assert slope.quantity == "derivative"
    assert slope.unit == "1/eV"
    np.testing.assert_allclose(slope.data.ravel(), 0.2 - 0.02 * x, atol=2e-4)


def test_a_derivative_is_no_absorption(depth_stack: SpectralStack) -> None:
    slope = nx.ops.derivative(depth_stack)
    for call in (nx.maps.edge_energy, nx.ops.normalize_edge, nx.ops.denoise):
        with pytest.raises(ValueError, match="use the stack before derivative"):
            call(slope)
    with pytest.raises(ValueError, match="is a derivative already"):
        nx.ops.derivative(slope)


def test_a_derivative_keeps_its_quantity_in_files(depth_stack: SpectralStack, tmp_path) -> None:
    slope = nx.ops.derivative(depth_stack)
    for suffix in ("h5", "zarr", "tif"):
        nx.write(slope, tmp_path / f"slope.{suffix}")
        assert nx.read(tmp_path / f"slope.{suffix}").quantity == "derivative", suffix


@pytest.mark.parametrize("n_energies", [1, 2])
def test_spectra_of_fewer_than_three_energies_are_not_smoothed(n_energies: int) -> None:
    stack = SpectralStack(np.ones((n_energies, 4, 4), np.float32), 700.0 + np.arange(n_energies), "optical_depth")
    with pytest.raises(ValueError, match="a parabola needs at least 3: set energies to 0"):
        nx.ops.smooth(stack, energies=2.0)
    assert nx.ops.smooth(stack, pixels=1.0).shape == stack.shape


@pytest.mark.parametrize("volume", [False, True])
def test_errors_of_a_denoised_stack_survive_binning_and_smoothing(volume: bool, rng: np.random.Generator) -> None:
    image = (2, 6, 7) if volume else (6, 7)
    noise = AmountNoise(rng.standard_normal((5, 2)), rng.standard_normal((2, 3, *image)))
    metadata = {"noise": noise, "covariance_length_pixels": 9.0}
    stack = SpectralStack(np.ones((5, *image), np.float32), 700.0 + np.arange(5), "optical_depth", metadata=metadata)
    variance = noise.sigma(slice(None)).reshape(5, *image) ** 2
    binned = nx.ops.bin(stack, pixels=2)
    expected = variance[..., :6].reshape(5, *image[:-2], 3, 2, 3, 2).mean(axis=(-3, -1))
    assert isinstance(binned.noise, AmountNoise)
    np.testing.assert_allclose(binned.noise.sigma(slice(None)) ** 2, expected.reshape(5, -1), rtol=1e-6)
    alone = nx.ops.bin(stack.with_data(stack.data, metadata={"covariance_length_pixels": 1.0}), pixels=2)
    assert isinstance(alone.noise, AmountNoise)
    np.testing.assert_allclose(alone.noise.sigma(slice(None)) ** 2, expected.reshape(5, -1) / 4, rtol=1e-6)
    smoothed = nx.ops.smooth(stack, pixels=1.0)
    assert isinstance(smoothed.noise, AmountNoise)
    np.testing.assert_allclose(smoothed.noise.sigma(slice(None)), noise.sigma(slice(None)))


def test_groups_of_energies_know_flats_of_different_numbers_and_exposures(rng: np.random.Generator) -> None:
    n_flat, exposure = np.tile([1, 40], 16), np.tile([0.5, 2.0], 16)
    shape = (32, 50, 50)
    counts = rng.poisson(2000 * np.exp(-0.7), shape).astype(float)
    per_flat = (n_flat * exposure)[:, None, None]
    flat = rng.poisson(2000 * per_flat, shape) / n_flat[:, None, None]
    metadata = {"flat": flat, "n_flat": n_flat, "gain": 1.0, "exposure": 1.0, "flat_exposure": exposure}
    stack = SpectralStack(counts, 700.0 + np.arange(32), "counts", metadata=metadata)
    depth = nx.ops.optical_depth(stack)
    assert spread(depth) == pytest.approx(1, abs=0.05)
    assert spread(nx.ops.bin(depth, pixels=1, energies=4)) == pytest.approx(1, abs=0.04)


def test_no_mean_makes_the_noise_of_one_flat_smaller(rng: np.random.Generator) -> None:
    metadata = {"flat": np.full((6, 6), 520.0), "dark": np.full((8, 6, 6), 20.0), "gain": 1.0}
    metadata["dark"] += rng.uniform(-1, 1, (8, 1, 1))
    stack = SpectralStack(np.full((8, 6, 6), 270.0), 700.0 + np.arange(8), "counts", metadata=metadata)
    depth = nx.ops.optical_depth(stack)
    binned = nx.ops.bin(depth, pixels=1, energies=4)
    assert isinstance(depth.noise, PhotonNoise)
    assert isinstance(binned.noise, PhotonNoise)
    pixels = slice(0, 36)
    before, after = (n.sources(np.ones((e, 1)) / e, pixels) for n, e in ((depth.noise, 8), (binned.noise, 2)))
    np.testing.assert_allclose(after, before, rtol=0.01)


def test_no_mean_over_pixels_makes_the_noise_of_an_i0_spectrum_smaller() -> None:
    i0 = Spectrum("I0", 700.0 + np.arange(4), np.full(4, 500.0), sigma=np.full(4, 5.0))
    stack = SpectralStack(np.full((4, 6, 6), 250.0), i0.energy, "counts", metadata={"gain": 1.0})
    depth = nx.ops.optical_depth(stack, i0=i0)
    variances = [
        nx_stack.noise.variance(nx_stack.data.reshape(4, -1), slice(None))[0, 0]  # type: ignore[union-attr]
        for nx_stack in (depth, nx.ops.bin(depth, pixels=3))
    ]
    np.testing.assert_allclose(variances, [1 / 250 + 1e-4, 1 / 250 / 9 + 1e-4], rtol=1e-3)
