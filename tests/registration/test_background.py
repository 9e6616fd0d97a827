"""The smooth part of a frame inside a window, against the blur of the whole frame."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage

from napari_xanes.registration.background import SmoothPart
from napari_xanes.registration.fourier import band_of, coefficients, common_window


@pytest.mark.parametrize(("shape", "tolerance"), [((96, 121), 0.01), ((131, 64), 0.06)])
def test_the_smooth_part_is_a_blur(shape: tuple[int, int], tolerance: float, rng: np.random.Generator) -> None:
    """A window of 64 pixels that fades out over 4 is followed less closely where the disk touches its border."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    disk = 1 / (1 + np.exp((np.hypot(y - 50, x - 40) - 25) / 1.5))
    frame = (disk + 0.02 * rng.standard_normal(shape)).astype(np.float32)
    band = band_of(shape, 0.02)
    rows, columns = common_window(shape, np.array([[0.0, 0.0], [1.5, -3.0]]), None).at(np.zeros(2), shape)
    smooth = SmoothPart.of(shape, band.ky, band.kx)
    found = np.zeros(band.row.size, np.complex64)
    found[smooth.some] = smooth.transformed(smooth.blurred(frame), rows, columns)
    # Sampling at every second pixel blurs a little more.
    blurred = ndimage.gaussian_filter(frame, np.hypot(8.0, 1.0), mode="reflect")
    expected = fft.rfft2(blurred * rows[:, None] * columns)[band.row, band.column]
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


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
