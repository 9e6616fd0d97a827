"""Additional results of a denoised stack: cropping, joining, and reading from a file."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_xanes import Spectrum
from napari_xanes.denoising.result import (
    DenoisingReport,
    DenoisingResult,
    NovelFeature,
    as_denoising_result,
    join_results,
)

ENERGY = np.linspace(8300.0, 8400.0, 6)


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.fixture
def result() -> DenoisingResult:
    report = DenoisingReport(["one"], new_features=1, new_places=2, unexplained_places=0, adapted=False)
    return DenoisingResult(
        names=["low", "high"],
        fractions=images(2, 8, 9),
        fraction_sigma=images(2, 8, 9),
        edge_jump=images(8, 9),
        edge_jump_sigma=images(8, 9),
        background=da.from_array(images(6, 8, 9)),
        novelty=images(8, 9),
        novel=[NovelFeature(Spectrum("new feature 1", ENERGY, np.arange(6.0)), images(8, 9))],
        report=report,
    )


@pytest.mark.parametrize("frames", [slice(1, 4), np.array([0, 3, 5])])
def test_cropping_a_result_crops_every_image(result: DenoisingResult, frames: slice | np.ndarray) -> None:
    part = result.isel(frames, (slice(2, 5), slice(0, 9, 3)))
    np.testing.assert_array_equal(part.fractions, result.fractions[:, 2:5, ::3])
    np.testing.assert_array_equal(part.edge_jump_sigma, result.edge_jump_sigma[2:5, ::3])
    np.testing.assert_array_equal(part.background, np.asarray(result.background)[frames][:, 2:5, ::3])
    np.testing.assert_array_equal(part.novel[0].map, result.novel[0].map[2:5, ::3])
    assert part.report is result.report


def test_cropping_keeps_the_result_of_a_plain_denoiser() -> None:
    plain = DenoisingResult(report=DenoisingReport(["smoothed"], components=3))
    assert dict(plain.isel(slice(0, 2), (slice(0, 3), slice(0, 3)))) == dict(plain)
    assert list(plain) == ["report"]


def test_a_mapping_becomes_a_typed_result(result: DenoisingResult) -> None:
    plain = {**result, "report": dict(result.report), "novel": [dict(feature) for feature in result.novel]}
    typed = as_denoising_result({**plain, "from a later version": 1})
    assert typed.report == result.report
    assert typed.novel[0].spectrum.name == "new feature 1"
    np.testing.assert_array_equal(typed.fraction_sigma, result.fraction_sigma)
    assert as_denoising_result(typed) is typed


def test_slices_are_joined_along_z(result: DenoisingResult) -> None:
    background = da.stack([result.background, result.background], axis=1)
    joined = join_results([result, result], background, ["one", "two"], ["two"])
    assert joined.fractions.shape == (2, 2, 8, 9)
    assert (joined.report.text, joined.report.warnings) == (["one", "two"], ["two"])
    assert joined.edge_jump.shape == (2, 8, 9)
    assert (joined.report.new_features, joined.report.new_places, joined.novel) == (2, 4, [])
    part = joined.isel(box=(1, slice(0, 4), slice(None)))
    np.testing.assert_array_equal(part.novelty, result.novelty[:4])
