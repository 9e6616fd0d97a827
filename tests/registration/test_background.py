"""The smooth part of a frame inside a window, against local linear regression pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from napari_xanes.registration.background import SmoothPart
from napari_xanes.registration.fourier import band_of, coefficients, common_window


def transformed(frame: np.ndarray, rows: np.ndarray, columns: np.ndarray, lowest: float = 0.02) -> np.ndarray:
    """Return the coefficients of the smooth part of a frame, 0 where it does not reach, times weights."""
    band = band_of(frame.shape, lowest)  # type: ignore[arg-type]
    smooth = SmoothPart.of(band.shape, band.ky, band.kx)
    found = np.zeros(band.row.size, np.complex64)
    found[smooth.some] = smooth.transformed(smooth.sampled(frame.astype(np.float32)), rows, columns)
    return found


@pytest.mark.parametrize(("shape", "tolerance"), [((96, 121), 0.003), ((131, 64), 0.02)])
def test_the_smooth_part_is_the_height_of_planes_through_what_the_window_shows(
    shape: tuple[int, int], tolerance: float, rng: np.random.Generator
) -> None:
    """Least squares pixel by pixel; a disk that the window cuts, and weights that the window has."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    frame = 1 / (1 + np.exp((np.hypot(y - 50, x - 10) - 25) / 1.5)) + 0.02 * rng.standard_normal(shape)
    rows, columns = common_window(shape, np.array([[0.0, 0.0], [1.5, -3.0]]), None).at(np.zeros(2), shape)
    # Sampling at every second pixel blurs a little more.
    width = np.hypot(8.0, 1.0)
    smooth = frame
    for axis, weights in enumerate((rows, columns)):
        n = np.arange(weights.size)
        away = n - n[:, None]
        near = np.exp(-0.5 * (away / width) ** 2) * weights
        design = np.stack([np.ones_like(away), away], axis=-1).astype(float)
        normal = np.einsum("ij,ijk,ijl->ikl", near, design, design) + 1e-9 * np.eye(2)
        of_values = np.linalg.solve(normal, np.einsum("ij,ijk->ikj", near, design))[:, 0]
        smooth = np.moveaxis(np.tensordot(of_values, smooth, (1, axis)), 0, axis)
    band = band_of(shape, 0.02)
    expected = fft.rfft2(smooth * rows[:, None] * columns)[band.row, band.column]
    found = transformed(frame, rows, columns)
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(96, 120), (300, 280)])
def test_nothing_is_left_of_a_slope(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    frame = (1 + 0.01 * y - 0.02 * x + 1e-4 * y * x).astype(np.float32)
    window, shift = common_window(shape, np.array([[0.0, 0.0], [1.5, -3.0]]), None), np.array([[1.3, -2.0]])
    found, _ = coefficients(iter([frame]), 1, band_of(shape), window, shift)
    rows, columns = window.at(shift[0], shape)
    whole = fft.rfft2((frame - frame.mean()) * rows[:, None] * columns) / np.linalg.norm(np.outer(rows, columns))
    assert np.abs(found).max() < 3e-3 * np.abs(whole[1:3, 1:3]).max()


def test_what_a_window_shows_gives_the_same_wherever_both_lie(rng: np.random.Generator) -> None:
    """A grain that the border cuts: only what the window shows counts, so nothing stays with the detector."""
    y, x = np.mgrid[:96, :120]
    wide = 1 / (1 + np.exp((np.hypot(y - 50, x - 4) - 40) / 3)) + 0.02 * rng.standard_normal(y.shape)
    shifts = np.array([[0.0, 0.0], [4.0, -6.0]])
    frames = [wide[8:80, 8:104], wide[4:76, 14:110]]
    band, window = band_of((72, 96)), common_window((72, 96), shifts, None)
    found, _ = coefficients(iter(np.array(frames, np.float32)), 2, band, window, shifts)
    np.testing.assert_allclose(*(found * band.phases(shifts)), atol=2e-3 * np.abs(found).max())


def test_smooth_parts_of_an_earlier_call_are_used_again(rng: np.random.Generator) -> None:
    """Elsewhere in the same frames, they give the coefficients that they give anew."""
    frames = rng.normal(3.0, 0.1, (3, 40, 48)).astype(np.float32)
    band, shifts = band_of((40, 48)), np.array([[0.0, 0.0], [1.5, -2.0], [0.3, 0.7]])
    blurs: dict[int, np.ndarray] = {}
    window = common_window((40, 48), 0 * shifts, None)
    coefficients(iter(frames), 3, band, window, 0 * shifts, blurs=blurs)
    assert sorted(blurs) == [0, 1, 2]
    window = common_window((40, 48), shifts, None)
    again, _ = coefficients(iter(frames), 3, band, window, shifts, blurs=blurs)
    anew, _ = coefficients(iter(frames), 3, band, window, shifts)
    np.testing.assert_array_equal(again, anew)
    # Those of the second frame instead of the first give something else.
    other, _ = coefficients(iter(frames), 3, band, window, shifts, blurs={0: blurs[1]})
    assert np.abs(other[0] - anew[0]).max() > 1e-3 * np.abs(anew[0]).max()
