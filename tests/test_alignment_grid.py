"""Shifts stay true where pixels change: binned, cut, of another size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.drifting import drifting

import napari_xanes as nx

PIXEL = 0.05


def stack_of(seed: int = 5, pixel_size: float | None = PIXEL) -> tuple[nx.SpectralStack, np.ndarray]:
    sample = drifting("same", seed=seed, frames=8, size=64)
    size = None if pixel_size is None else (pixel_size, pixel_size)
    stack = nx.SpectralStack(sample.stack.data, sample.stack.energy, "optical_depth", size)
    return stack, sample.shifts


def warnings(stack: nx.SpectralStack) -> list[str]:
    return [text for text in stack.metadata.get("warnings", ()) if text.startswith("align")]


@pytest.mark.parametrize("pixel_size", [PIXEL, None])
def test_shifts_of_pixels_serve_squares_of_pixels_and_back(pixel_size: float | None) -> None:
    """Whether sizes of pixels are known, or only how often they were binned."""
    stack, shifts = stack_of(pixel_size=pixel_size)
    found = nx.ops.align(stack, shifts=shifts).metadata["align"]
    of_squares = nx.ops.align(nx.ops.bin(stack, pixels=2), shifts=found)
    np.testing.assert_allclose(of_squares.metadata["align"].shifts, shifts / 2)
    assert of_squares.metadata["align"].image_shape == (32, 32)
    assert "multiplied by 0.5" in of_squares.metadata["align"].report.splitlines()[0]
    assert not warnings(of_squares)
    back = nx.ops.align(stack, shifts=of_squares.metadata["align"])
    np.testing.assert_allclose(back.metadata["align"].shifts, shifts)
    np.testing.assert_array_equal(back.data, nx.ops.align(stack, shifts=shifts).data)


def test_a_step_that_was_found_in_pixels_is_replayed_in_squares() -> None:
    stack, shifts = stack_of()
    step = nx.ops.align(stack, shifts=shifts).history[-1]
    again = nx.Recipe.from_yaml(nx.Recipe([step]).to_yaml(exact=True))
    replayed = nx.run(again, nx.ops.bin(stack, pixels=4)).metadata["align"]
    np.testing.assert_allclose(replayed.shifts, shifts / 4)
    np.testing.assert_allclose(nx.run(again, stack).metadata["align"].shifts, shifts)


def test_squares_of_an_aligned_stack_have_its_shifts_in_squares() -> None:
    """And binning first gives the same grid as binning afterwards."""
    stack, shifts = stack_of()
    given = nx.Alignment(shifts, np.full_like(shifts, 0.1), magnification=np.linspace(0.99, 1.01, 8))
    later = nx.ops.bin(nx.ops.align(stack, shifts=given), pixels=2)
    found = later.metadata["align"]
    np.testing.assert_allclose(found.shifts, shifts / 2)
    np.testing.assert_allclose(found.sigma, 0.05)
    assert [found.image_shape, found.center.tolist(), found.pixel_size] == [(32, 32), [15.5, 15.5], (0.1, 0.1)]
    first = nx.ops.align(nx.ops.bin(stack, pixels=2), shifts=found)
    both = np.isfinite(first.data) & np.isfinite(later.data)
    assert both.mean() > 0.8
    assert np.abs(first.data - later.data)[both].mean() < 0.2 * np.nanstd(later.data)


@pytest.mark.parametrize("scan_lines", ["rows", "columns"])
def test_shifts_of_lines_become_those_of_lines_that_are_binned_or_cut(scan_lines: str) -> None:
    rng = np.random.default_rng(0)
    stack, shifts = stack_of()
    stack = stack.isel(box=(slice(0, 63), slice(0, 63)))
    lines, sigma = rng.normal(0, 0.5, (8, 63)), np.full((8, 63), 0.3)
    given = nx.Alignment(shifts, line_shifts=lines, line_sigma=sigma, scan_lines=scan_lines)
    found = nx.ops.bin(nx.ops.align(stack, shifts=given), pixels=3).metadata["align"]
    np.testing.assert_allclose(found.line_shifts, lines.reshape(8, 21, 3).mean(axis=2) / 3)
    np.testing.assert_allclose(found.line_sigma, 0.3 / np.sqrt(3) / 3)
    box = (slice(4, 40, 2), slice(10, 30))
    part = given.isel(box=box)
    along, kept = (1 / 1, box[0]) if scan_lines == "rows" else (1 / 2, box[1])
    np.testing.assert_allclose(part.line_shifts, lines[:, kept] * along)
    again = nx.ops.align(stack.isel(box=box), shifts=part)
    assert again.metadata["align"].line_shifts.shape[1] == again.shape[1 if scan_lines == "rows" else 2]
    with pytest.raises(ValueError, match="align the stack with the smallest pixels"):
        nx.ops.align(
            stack_of(pixel_size=0.02)[0].isel(box=(slice(0, 60),) * 2),
            shifts=nx.ops.align(stack, shifts=given).metadata["align"],
        )


def test_a_cut_counts_in_the_same_pixels_where_their_size_is_known() -> None:
    stack, shifts = stack_of()
    found = nx.ops.align(stack, shifts=shifts).metadata["align"]
    half = nx.ops.align(stack.isel(box=(slice(0, 32), slice(16, 48))), shifts=found)
    np.testing.assert_array_equal(half.metadata["align"].shifts, shifts)
    assert not warnings(half)
    every_second = nx.ops.align(stack.isel(box=(slice(0, 64, 2), slice(0, 64))), shifts=found)
    np.testing.assert_allclose(every_second.metadata["align"].shifts, shifts * (0.5, 1))


def test_where_no_size_of_a_pixel_tells_a_cut_from_squares_it_is_refused_or_said() -> None:
    stack, shifts = stack_of(pixel_size=None)
    found = nx.ops.align(stack, shifts=shifts).metadata["align"]
    half = stack.isel(box=(slice(0, 32), slice(0, 32)))
    with pytest.raises(ValueError, match=r"64 x 64 pixels.* have 32 x 32: whether they were cut or binned by 2"):
        nx.ops.align(half, shifts=found)
    of_half = nx.ops.align(half, shifts=found.isel(box=(slice(0, 32), slice(0, 32))))
    np.testing.assert_array_equal(of_half.metadata["align"].shifts, shifts)
    part = nx.ops.align(stack.isel(box=(slice(0, 48), slice(0, 56))), shifts=found)
    assert len(warnings(part)) == 1
    assert "taken for a part" in warnings(part)[0]


def test_pixels_of_another_size_in_images_of_the_same_size_are_refused() -> None:
    """Another field of view, or a size of a pixel that was corrected: nothing tells."""
    stack, shifts = stack_of()
    found = nx.ops.align(stack, shifts=shifts).metadata["align"]
    with pytest.raises(ValueError, match="both have images of 64 x 64 pixels"):
        nx.ops.align(stack_of(pixel_size=0.06)[0], shifts=found)
    larger = nx.ops.align(stack_of(pixel_size=0.1)[0].isel(box=(slice(0, 40),) * 2), shifts=found)
    np.testing.assert_allclose(larger.metadata["align"].shifts, shifts / 2)
    assert "multiplied by 0.5" in warnings(larger)[0]


def test_shifts_along_z_count_in_slices_whatever_the_pixels() -> None:
    rng = np.random.default_rng(0)
    shifts = rng.uniform(-2, 2, (3, 3))
    data = rng.uniform(1, 2, (3, 8, 24, 24)).astype(np.float32)
    volume = nx.SpectralStack(data, [700, 701, 702], "optical_depth", (0.2, 0.1, 0.1))
    aligned = nx.ops.align(volume, shifts=shifts)
    binned = nx.ops.bin(aligned, pixels=2).metadata["align"]
    np.testing.assert_allclose(binned.shifts, shifts * (1, 0.5, 0.5))
    assert binned.pixel_size == (0.2, 0.2, 0.2)
    again = nx.ops.align(nx.ops.bin(volume, pixels=2), shifts=aligned.metadata["align"]).metadata["align"]
    np.testing.assert_allclose(again.shifts, binned.shifts)
    assert again.binning == 2


def test_energies_and_sizes_that_are_corrected_are_those_of_the_shifts(tmp_path: Path) -> None:
    stack, shifts = stack_of()
    aligned = nx.ops.align(stack, shifts=shifts)
    moved = nx.ops.calibrate_energy(aligned, offset=3.0)
    np.testing.assert_array_equal(moved.metadata["align"].energy, stack.energy + 3)
    nx.write(aligned, tmp_path / "aligned.h5")
    reread = nx.read(tmp_path / "aligned.h5")
    assert [reread.metadata["align"].pixel_size, reread.metadata["align"].image_shape] == [(PIXEL, PIXEL), (64, 64)]
    assert nx.read(tmp_path / "aligned.h5", pixel_size=0.2).metadata["align"].pixel_size == (0.2, 0.2)
