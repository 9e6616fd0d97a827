from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_xanes as nx
from napari_xanes import SpectralStack
from napari_xanes.noise import AmountNoise, PhotonNoise, as_noise, join_slices

SHAPE = (3, 4, 5)
PIXELS = slice(5, 9)
BOX = (slice(1, 3), slice(0, 5))


def photons(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(3).uniform(1000, 2000, shape)


def stack_with(noise: Any, quantity: Any = "optical_depth") -> SpectralStack:
    return SpectralStack(np.ones(SHAPE, np.float32), [8330, 8340, 8350], quantity, metadata={"noise": noise})


@pytest.mark.parametrize("shape", [SHAPE, SHAPE[:1], SHAPE[1:], (3, 1, 1), (1, 4, 5)])
def test_photons_of_every_shape_give_the_variance_of_their_pixels(shape: tuple[int, ...]) -> None:
    i0 = photons(shape)
    noise = stack_with({"kind": "poisson", "i0": i0, "n_flat": 10}).noise
    assert isinstance(noise, PhotonNoise)
    full = np.broadcast_to(i0[:, None, None] if i0.ndim == 1 else i0, SHAPE).reshape(3, -1)[:, PIXELS]
    mu = np.full((3, 4), 0.5)
    np.testing.assert_allclose(noise.variance(mu, PIXELS), (np.exp(0.5) + 0.1) / full)
    np.testing.assert_allclose(noise.bias(mu, PIXELS), (np.exp(0.5) - 0.1) / 2 / full)


def test_the_number_of_flats_may_change_from_frame_to_frame() -> None:
    noise = PhotonNoise(np.full(SHAPE, 100.0), np.array([1, 2, 4]))
    np.testing.assert_allclose(noise.variance(np.zeros((3, 4)), PIXELS)[:, 0], [0.02, 0.015, 0.0125])
    np.testing.assert_allclose(noise.isel(slice(1, 3)).variance(np.zeros((2, 4)), PIXELS)[:, 0], [0.015, 0.0125])


def test_the_variance_of_shared_flats_is_that_of_their_sources() -> None:
    noise = PhotonNoise(photons((1, 4, 5)), 4, read_noise=3.0, flats=np.array([[1, 0], [0.5, 0.5], [0, 1]]))
    counted = noise.i0.reshape(-1)[PIXELS]
    flat = (1 / counted + (3 / counted) ** 2) / 4
    np.testing.assert_allclose(noise.shared_variance(PIXELS), np.array([1, 0.5, 1])[:, None] * flat)
    parts = noise.sources(np.eye(3), PIXELS)
    np.testing.assert_allclose((parts**2).sum(axis=1), noise.shared_variance(PIXELS))
    np.testing.assert_allclose(
        noise.variance(np.zeros((3, 4)), PIXELS) - noise.shared_variance(PIXELS),
        np.broadcast_to(1 / counted + (3 / counted) ** 2, (3, 4)),
    )


def test_one_flat_for_all_energies_is_no_noise_between_energies() -> None:
    noise = PhotonNoise(photons((1, 4, 5)), flats=np.ones((3, 1)))
    np.testing.assert_allclose(noise.variance(np.zeros((3, 4)), PIXELS)[0], 1 / noise.i0.reshape(-1)[PIXELS])
    centred = np.eye(3)[:, :2] - 1 / 3
    np.testing.assert_allclose(noise.sources(centred, PIXELS), 0, atol=1e-12)


def test_errors_of_amounts_are_added_in_squares() -> None:
    columns, factors = photons((3, 2)), photons((2, 4, 4, 5))
    noise = stack_with({"kind": "amounts", "columns": columns, "factors": factors}).noise
    assert isinstance(noise, AmountNoise)
    expected = np.sqrt(np.einsum("en,nmyx->emyx", columns, factors) ** 2).reshape(3, 4, -1)[..., PIXELS]
    np.testing.assert_allclose(noise.sigma(PIXELS), np.sqrt((expected**2).sum(axis=1)))
    basis = np.eye(3)[:, :1]
    np.testing.assert_allclose(np.abs(noise.sources(basis, PIXELS)[0]), expected[0])


@pytest.mark.parametrize(
    "noise",
    [
        PhotonNoise(photons(SHAPE), 10),
        PhotonNoise(photons((3, 1, 1)), np.inf),
        PhotonNoise(photons((1, 4, 5))),
        PhotonNoise(photons((1, 4, 5)), 2, photons((3,)) / 1500, 3.0, beam=photons((3,)), flats=photons((3, 2))),
        AmountNoise(photons((3, 2)), photons((2, 3, 4, 5))),
    ],
)
def test_cropping_the_noise_gives_the_noise_of_the_part(noise: PhotonNoise | AmountNoise) -> None:
    whole = stack_with(noise)
    part = whole.isel(slice(0, 2), BOX).noise
    pixels, everything = slice(5, 15), slice(None)
    if isinstance(noise, PhotonNoise):
        mu = np.full((3, 10), 0.5)
        expected, actual = noise.variance(mu, pixels)[:2], part.variance(mu[:2], everything)
        np.testing.assert_allclose(np.broadcast_to(actual, (2, 10)), np.broadcast_to(expected, (2, 10)))
    else:
        np.testing.assert_allclose(part.sigma(everything), noise.sigma(pixels)[:2])


def test_noise_is_saved_and_read_unchanged(tmp_path: Any) -> None:
    for number, noise in enumerate(
        (
            PhotonNoise(photons(SHAPE), 10),
            PhotonNoise(photons((1, 4, 5)), 2, 0.5, 3.0, beam=photons((3,)), flats=photons((3, 2))),
            AmountNoise(photons((3, 2)), photons((2, 3, 4, 5))),
        )
    ):
        nx.write(stack_with(noise), tmp_path / f"{number}.h5")
        back = nx.read(tmp_path / f"{number}.h5").noise
        assert type(back) is type(noise)
        assert list(back) == list(noise)
        for name in noise:
            np.testing.assert_array_equal(back.get(name), noise.get(name))


def test_noise_is_kept_only_if_it_describes_the_values() -> None:
    noise = PhotonNoise(photons(SHAPE))
    assert stack_with(noise, "normalized").noise is None
    assert stack_with(None).noise is None
    assert stack_with({"kind": "of a later version"}).noise is None
    with pytest.raises(ValueError, match=r"photons of the noise have shape \(3, 2, 2\), the stack \(3, 4, 5\)"):
        as_noise(PhotonNoise(photons((3, 2, 2))), SHAPE)


def test_slices_are_joined_to_a_volume() -> None:
    parts = [PhotonNoise(photons(SHAPE) + z, 10) for z in range(2)]
    joined = join_slices(parts)
    assert isinstance(joined, PhotonNoise)
    np.testing.assert_array_equal(joined.i0[:, 1], parts[1].i0)
    amounts = AmountNoise(photons((3, 2)), photons((2, 3, 4, 5)))
    assert join_slices([amounts, amounts]).factors.shape == (2, 3, 2, 4, 5)
    assert join_slices([amounts, parts[0]]) is None
    assert join_slices([None, None]) is None
