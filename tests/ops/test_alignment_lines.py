"""Scan lines that jitter: they come back, errors are true, and lines that are straight stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from tests.drifting import drifting

import napari_xanes as nx
from napari_xanes.registration.line_resampling import lines_moved_back, noise_gain_of_lines, straightened
from napari_xanes.registration.resampling import moved_back, noise_gain


def jittering(
    jitter: float, *, size: int = 64, frames: int = 16, photons: float = 10_000.0, seed: int = 1
) -> tuple[nx.SpectralStack, np.ndarray]:
    """Return a stack whose lines jitter, and where each line (E, Y) lies along itself."""
    still = drifting("same", seed=seed, size=size, frames=frames, photons=1e12)
    rng = np.random.default_rng(seed + 100)
    lines = jitter * rng.standard_normal((frames, size))
    data = np.empty_like(still.stack.data)
    for i, frame in enumerate(still.stack.data):
        for y, line in enumerate(frame.astype(float)):
            depth = ndimage.shift(line, lines[i, y], order=5, mode="nearest")
            data[i, y] = -np.log(rng.poisson(photons * np.exp(-depth)) / photons)
    return still.stack.with_data(data), lines + still.shifts[:, 1:]


def errors_of(found: nx.Alignment, truth: np.ndarray) -> np.ndarray:
    """Return the errors of the places of all lines, NaN for those that not all frames show."""
    lines = 0 if found.line_shifts is None else found.line_shifts
    error = found.shifts[:, 1:] + lines - truth
    if found.line_sigma is not None:
        error = np.where(np.isfinite(found.line_sigma), error, np.nan)
    return error - np.nanmean(error)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


def test_jitter_of_half_a_pixel_is_halved_and_more_with_true_errors(tmp_path: Path) -> None:
    stack, truth = jittering(0.5)
    aligned = nx.ops.align(stack, method="lines")
    found = aligned.metadata["align"]
    # The shifts of frames alone leave .5 pixels.
    after = errors_of(found, truth)
    assert rms(after) < 0.25
    known = np.isfinite(found.line_sigma)
    assert known.mean() > 0.8
    assert 0.88 < np.mean((np.abs(after) < 2 * found.line_sigma)[known]) < 0.99
    assert "lines jitter by 0.4" in found.report or "lines jitter by 0.5" in found.report
    step = aligned.history[-1]
    again = nx.run([nx.Recipe.from_yaml(nx.Recipe([step]).to_yaml(exact=True))[0]], stack)
    np.testing.assert_array_equal(again.data, aligned.data)
    from_file = nx.ops.align(stack, shifts=nx.write_shifts(tmp_path / "shifts.csv", aligned))
    np.testing.assert_array_equal(from_file.data, aligned.data)


def test_lines_without_jitter_stay_where_they_are() -> None:
    stack, _ = jittering(0.0, size=48, frames=12)
    found, joint = (nx.ops.align(stack, method=method) for method in ("lines", "joint"))
    assert found.metadata["align"].line_shifts is None
    assert "no jitter of lines is seen: it is at most 0.0" in found.metadata["align"].report
    np.testing.assert_array_equal(found.data, joint.data)


def test_columns_are_found_as_rows_are() -> None:
    stack, _ = jittering(0.4, size=40, frames=10)
    turned = stack.with_data(np.ascontiguousarray(stack.data.swapaxes(1, 2)))
    of_rows = nx.ops.align(stack, method="lines")
    of_columns = nx.ops.align(turned, method="lines", scan_lines="columns")
    rows, columns = of_rows.metadata["align"], of_columns.metadata["align"]
    np.testing.assert_allclose(columns.line_shifts, rows.line_shifts, atol=1e-3)
    np.testing.assert_allclose(columns.shifts[:, ::-1], rows.shifts, atol=1e-3)
    np.testing.assert_allclose(of_columns.data.swapaxes(1, 2), of_rows.data, atol=1e-3)


def test_a_line_is_moved_as_a_frame_is_and_does_not_reach_farther() -> None:
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.standard_normal((30, 40)), 1.0).astype(np.float32)
    alike = lines_moved_back(image, np.array([0.7, 1.0]), np.full(30, 0.6), columns=False)
    np.testing.assert_allclose(alike, moved_back(image, np.array([0.7, 1.6])), atol=2e-4)
    image[12, 20] = np.nan
    spoiled = lines_moved_back(image, np.array([0.7, 1.0]), np.full(30, 0.6), columns=False)
    assert np.isnan(spoiled[11:13, 18:20]).all()
    assert np.isfinite(spoiled[:9, :38]).all()
    lines = np.zeros(30)
    lines[5], lines[9] = 2.5, -3.0
    out = straightened(image, lines)
    assert np.isnan(out[5, -3:]).all()
    assert np.isnan(out[9, :3]).all()
    assert np.isfinite(out[[5, 9], 3:37]).all()
    np.testing.assert_allclose(out[9, 3:], image[9, :-3], atol=1e-6)
    assert noise_gain_of_lines(np.array([0.0, 0.5]), np.full(8, 0.5), columns=True) == pytest.approx(
        noise_gain(np.array([0.5, 0.5]))
    )


def test_lazy_stacks_and_volumes_are_moved_by_lines(tmp_path: Path) -> None:
    import dask.array as da

    rng = np.random.default_rng(0)
    data = rng.uniform(0.1, 1, (3, 20, 24)).astype(np.float32)
    stack = nx.SpectralStack(data, [700, 701, 702], "optical_depth")
    lines = nx.Alignment(np.zeros((3, 2)), line_shifts=rng.normal(0, 1, (3, 20)), scan_lines="rows")
    moved = nx.ops.align(stack, shifts=lines)
    lazy = nx.ops.align(stack.with_data(da.from_array(data, chunks=(2, 7, 24))), shifts=lines)
    assert lazy.is_lazy
    np.testing.assert_array_equal(np.asarray(lazy.data), moved.data)
    volume = nx.SpectralStack(np.stack([data, data], axis=1), stack.energy, "optical_depth")
    np.testing.assert_array_equal(nx.ops.align(volume, shifts=lines).data[:, 1], moved.data)
    nx.write(moved, tmp_path / "moved.h5")
    part = nx.read(tmp_path / "moved.h5").isel(slice(1, 3)).metadata["align"]
    np.testing.assert_array_equal(part.line_shifts, lines.line_shifts[1:])


@pytest.mark.parametrize(
    ("shape", "most", "words"),
    [((3, 18), 1.0, "shifts of 18 scan lines, but the images have 20"), ((3, 20), 30.0, "more than its 24 pixels")],
)
def test_lines_of_other_images_are_refused(shape: tuple, most: float, words: str) -> None:
    stack = nx.SpectralStack(np.ones((3, 20, 24)), [700, 701, 702], "optical_depth")
    with pytest.raises(ValueError, match=words):
        nx.ops.align(stack, shifts=nx.Alignment(np.zeros((3, 2)), line_shifts=np.full(shape, most)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dy,dx,line 0,line 2\n0,0,1,1\n", "'line 1' is missing"),
        ("dy,dx,line 0\n0,0,\n", "line 0 of frame 0 has no shift"),
        ("# scan lines are circles\ndy,dx,line 0\n0,0,1\n", "'rows' or 'columns', not 'circles'"),
    ],
)
def test_damaged_tables_of_lines_are_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "shifts.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        nx.read_shifts(tmp_path / "shifts.csv")
