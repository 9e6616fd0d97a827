"""Alignment of volumes: as a whole in three dimensions, in the plane, and slice by slice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_xanes as nx
from napari_xanes.ops.alignment_volumes import _combined

COUNT, DEPTH, SIZE = 10, 32, 40


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def centered(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - values.mean(axis=0)


def volume(shifts: NDArray[np.float64], seed: int = 0, noise: float = 0.1) -> nx.SpectralStack:
    """Return a stack (E, Z, Y, X) of Gaussian blobs, each rendered at its place, that moves by shifts (E, 3)."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(8300.0, 8400.0, COUNT)
    edge = 0.5 + 1 / (1 + np.exp(-(energy - 8345) / 3))
    shape = np.array([DEPTH, SIZE, SIZE])
    places, widths = rng.uniform(-4, shape + 4, (300, 3)), rng.uniform(1.3, 2.5, 300)
    data = np.empty((COUNT, *shape), np.float32)
    for i in range(COUNT):
        along = [
            np.exp(-((np.arange(n)[:, None] - shifts[i, a] - places[:, a]) ** 2) / (2 * widths**2))
            for a, n in enumerate(shape)
        ]
        data[i] = edge[i] * np.einsum("zb,yb,xb->zyx", *along, optimize=True) + rng.normal(0, noise, shape)
    return nx.SpectralStack(data, energy, "optical_depth")


def walk(seed: int, step: float = 0.3) -> NDArray[np.float64]:
    return centered(np.cumsum(np.random.default_rng(seed).normal(0, step, (COUNT, 3)), axis=0))


def test_a_volume_is_found_in_three_dimensions() -> None:
    shifts = walk(1)
    aligned = nx.ops.align(volume(shifts))
    found = aligned.metadata["align"]
    assert found.shifts.shape == found.sigma.shape == (COUNT, 3)
    assert rms(found.shifts - shifts) < 0.04
    assert (np.abs(found.shifts - shifts) < 2 * found.sigma).mean() > 0.85
    assert "pixels in z" in found.report.splitlines()[0]
    still = volume(np.zeros((COUNT, 3)), noise=0.0).data
    inner = np.s_[:, 4:-4, 4:-4, 4:-4]
    assert rms(aligned.data[inner] - still[inner]) < 0.1
    for i, dz in enumerate(shifts[:, 0]):
        gone = np.isnan(aligned.data[i]).all(axis=(1, 2))
        assert (gone[0], gone[-1]) == (dz < 0, dz > 0)


def test_two_views_that_share_errors_tell_less_than_two_that_do_not(rng: np.random.Generator) -> None:
    errors, sigma = rng.normal(0, 0.1, (3, 4000)), np.full(4000, 0.1)
    for first, second, expected in ((0, 1, 0.1 / np.sqrt(2)), (0, 0, 0.1)):
        mean, told = _combined([errors[first], errors[second]], [sigma, sigma])
        np.testing.assert_allclose(told, expected, rtol=0.05)
        np.testing.assert_allclose(mean.std(), expected, rtol=0.05)
    mean, told = _combined([3 * errors[0], 3 * errors[1]], [sigma, sigma])
    np.testing.assert_allclose(told, mean.std(), rtol=0.05)


@pytest.mark.parametrize("noise", [0.03, 0.001])
def test_errors_are_true_where_the_noise_is_very_low(noise: float) -> None:
    """What the windows cut is no noise: it must not be left in the shifts, nor in what their errors do not say."""
    shifts = walk(0)
    found = nx.ops.align(volume(shifts, seed=100, noise=noise)).metadata["align"]
    errors = centered(found.shifts - shifts)
    assert (np.abs(errors) < 2 * found.sigma).mean() >= 0.85
    assert rms(errors / found.sigma) < 1.4
    assert rms(errors) < max(0.2 * noise, 0.001)


def test_a_volume_that_does_not_move_along_z_loses_no_slice() -> None:
    shifts = walk(2) * [0, 1, 1]
    aligned = nx.ops.align(volume(shifts))
    found = aligned.metadata["align"]
    assert found.shifts.shape == (COUNT, 2)
    assert rms(found.shifts - shifts[:, 1:]) < 0.03
    assert "do not move along z" in found.report
    assert np.isfinite(aligned.data).any(axis=(2, 3)).all()


def test_slices_move_by_themselves_where_each_drifts_its_own_way() -> None:
    """Also where a slice is empty: it moves as those beside it, and is marked."""
    drift = np.stack([walk(z)[:, 1:] for z in range(3)], axis=1)
    one = [volume(np.column_stack([np.zeros(COUNT), drift[:, z]]), seed=5).data[:, 14] for z in range(3)]
    data = np.stack([*one, np.full_like(one[0], 0.3)], axis=1)
    stack = nx.SpectralStack(data, np.linspace(8300.0, 8400.0, COUNT), "optical_depth")
    aligned = nx.ops.align(stack, volume="slice by slice")
    found = aligned.metadata["align"]
    assert found.shifts.shape == (COUNT, 4, 2)
    assert rms(found.shifts[:, :3] - drift) < 0.1
    np.testing.assert_array_equal(found.shifts[:, 3], found.shifts[:, 2])
    assert np.isnan(found.sigma[:, 3]).all()
    assert found.outliers[:, 3].all()
    assert any("slices 3 (1 of 4) show no shifts" in text for text in aligned.metadata["warnings"])
    again = nx.ops.align(stack, shifts=found)
    np.testing.assert_array_equal(again.data, aligned.data)
    plane = aligned.isel(box=(1, slice(None), slice(None)))
    np.testing.assert_array_equal(plane.metadata["align"].shifts, found.shifts[:, 1])


def test_in_the_plane_slices_move_together() -> None:
    shifts = walk(3)
    found = nx.ops.align(volume(shifts), volume="in the plane").metadata["align"]
    assert found.shifts.shape == (COUNT, 2)
    assert rms(found.shifts - shifts[:, 1:]) < 0.05


@pytest.mark.parametrize(
    ("shifts", "shape", "words"),
    [
        (np.zeros((3, 3)), (3, 20, 20), "are those of a volume"),
        (np.zeros((3, 5, 2)), (3, 20, 20), "are those of a volume"),
        (np.zeros((3, 5, 2)), (3, 4, 20, 20), "needs shifts of 4 slices, not of 5"),
        (np.full((3, 3), [4.0, 0, 0]), (3, 4, 20, 20), r"frame 0 is \(4, 0, 0\) pixels, more than"),
    ],
)
def test_shifts_of_another_kind_of_stack_are_refused(shifts: NDArray, shape: tuple, words: str) -> None:
    stack = nx.SpectralStack(np.ones(shape), [700, 701, 702], "optical_depth")
    with pytest.raises(ValueError, match=words):
        nx.ops.align(stack, shifts=shifts)


def test_slice_by_slice_takes_shifts_only() -> None:
    with pytest.raises(ValueError, match="slice by slice"):
        nx.ops.align(volume(walk(1)), volume="slice by slice", model="affine")
