"""Light beside the sample and lost counts are told by the bend that they give to the signal of thick pixels."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_xanes as nx
from napari_xanes import SpectralStack, blocks
from napari_xanes.edge.stray_light import find_lost_counts
from napari_xanes.sample import k_edge_curve

AXIS = np.concatenate([np.arange(8245, 8335, 8.0), np.arange(8335, 8375, 1.0), np.arange(8375, 8590, 5.0)])
GRID = np.arange(8100, 8800, 0.25)
OXIDES = [
    nx.Spectrum(name, GRID, k_edge_curve(GRID, e0, white, 0.08), valence, metadata={"normalized": True})
    for name, e0, white, valence in (("two", 8345, 0.65, 2.0), ("three", 8347.2, 0.42, 3.0))
]
WORDS = "thick pixels have smaller edge jumps"
LOST = "bright pixels have smaller edge jumps"


def counts(beside: float = 0.0, photons: float = 20000.0, other: float = 0.0, seed: int = 0) -> SpectralStack:
    """Return counts of a round particle of two oxides; some light passes beside it, and another element varies."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices((48, 48)) - 23.5) / 20
    thick = np.sqrt(np.clip(1 - y**2 - x**2, 0, None))
    share, matrix = (gaussian_filter(rng.standard_normal((48, 48)), 4.0) for _ in range(2))
    share = np.clip(0.5 + 0.2 * share / share.std(), 0, 1)
    low, high = (k_edge_curve(AXIS, e0, white, 0.08)[:, None, None] for e0, white in ((8345, 0.65), (8347.2, 0.42)))
    fall = ((AXIS / AXIS[0]) ** -3)[:, None, None]
    depth = thick * (0.4 * (share * low + (1 - share) * high) + fall * (0.3 + other * matrix / matrix.std()))
    light = (1 - beside) * np.exp(-depth) + beside
    metadata = {"flat": np.full((48, 48), photons, np.float32), "n_flat": 1000, "gain": 1.0}
    return SpectralStack(rng.poisson(photons * light).astype(np.float32), AXIS, "counts", metadata=metadata)


def told(stack: SpectralStack, method: str = "normalize_edge", **options: Any) -> list[str]:
    result = nx.run([nx.Step("optical_depth"), nx.Step(method, options)], stack)
    return [text for text in result.metadata.get("warnings", ()) if WORDS in text]


@pytest.mark.parametrize("beside", [0.1, 0.3])
@pytest.mark.parametrize("method", ["normalize_edge", "edge_energy", "fit_references"])
def test_light_beside_the_sample_is_told_with_its_share(method: str, beside: float) -> None:
    stack = counts(beside)
    (text,) = told(stack, method, **({"references": OXIDES} if method == "fit_references" else {}))
    assert float(text.partition("as if ")[2].partition("%")[0]) == pytest.approx(100 * beside, abs=4)
    jump = nx.ops.normalize_edge(nx.ops.optical_depth(stack)).metadata["edge_jump"].data[24, 24]
    assert float(text.partition("would be ")[2].partition("%")[0]) == pytest.approx(100 * (1 - jump / 0.4), abs=8)


def test_a_lazy_stack_tells_it_too() -> None:
    stack = counts(0.3)
    lazy = stack.with_data(da.from_array(stack.data, chunks=(10, 48, 48)))
    assert len(told(lazy)) == 1


@pytest.mark.parametrize("photons", [200.0, 2000.0, 20000.0, 200000.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_light_that_met_the_sample_is_not_doubted(photons: float, seed: int) -> None:
    assert not told(counts(photons=photons, seed=seed))
    assert not told(counts(photons=photons, seed=seed), "fit_references", references=OXIDES)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pixels_may_differ_in_more_than_thickness(seed: int) -> None:
    assert not told(counts(other=0.1, seed=seed))
    (text,) = told(counts(0.3, other=0.1, seed=seed))
    assert float(text.partition("as if ")[2].partition("%")[0]) == pytest.approx(30, abs=6)


def test_a_tenth_of_the_light_is_told_before_noise_is_removed() -> None:
    options = {"references": OXIDES, "noise": "tv"}
    assert len(told(counts(0.1), "denoise", **options)) == 1
    assert not told(counts(), "denoise", **options)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = nx.ops.optical_depth(counts(0.2))
    whole = nx.maps.fit_references(stack, references=OXIDES).metadata["warnings"]
    monkeypatch.setattr(blocks, "CACHE_BYTES", 1 << 15)
    assert nx.maps.fit_references(stack, references=OXIDES).metadata["warnings"] == whole
    assert any(WORDS in text for text in whole)


def test_pixels_of_one_spectrum_tell_nothing() -> None:
    """All are sums of one spectrum, whatever bends it."""
    one = OXIDES[0].at(AXIS) + 0.01 * np.random.default_rng(0).standard_normal(AXIS.size)
    data = np.repeat(one, 24 * 24).reshape(-1, 24, 24).astype(np.float32)
    normalized = nx.ops.normalize_edge(SpectralStack(data, AXIS, "optical_depth"))
    assert not any(WORDS in text for text in normalized.metadata["warnings"])


def fluorescence(lost: float = 0.0, photons: float = 20000.0, seed: int = 0) -> SpectralStack:
    """Return fluorescence of a round particle of two oxides; the detector loses a share of the counts at the step."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices((48, 48)) - 23.5) / 20
    thick = np.sqrt(np.clip(1 - y**2 - x**2, 0, None))
    share = np.clip(0.5 + 5 * gaussian_filter(rng.standard_normal((48, 48)), 4.0), 0, 1)
    low, high = (k_edge_curve(AXIS, e0, white, 0.08)[:, None, None] for e0, white in ((8345, 0.65), (8347.2, 0.42)))
    rate = thick * (share * low + (1 - share) * high) + 0.05
    data = rng.poisson(photons * rate / (1 + lost * rate)) / photons
    return SpectralStack(data.astype(np.float32), AXIS, "fluorescence")


@pytest.mark.parametrize("method", ["normalize_edge", "edge_energy", "fit_references"])
def test_counts_that_a_busy_detector_lost_are_told_with_their_share(method: str) -> None:
    options = {"references": OXIDES} if method == "fit_references" else {}
    found = nx.run([nx.Step(method, options)], fluorescence(0.1))
    (text,) = [text for text in found.metadata["warnings"] if LOST in text]
    jump = nx.ops.normalize_edge(fluorescence(0.1)).metadata["edge_jump"].data[24, 24]
    assert jump < 0.92
    assert float(text.partition("would be ")[2].partition("%")[0]) == pytest.approx(100 * (1 - jump), abs=4)
    assert "correct_dead_time" in text


@pytest.mark.parametrize("photons", [100.0, 2000.0, 50000.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_detector_that_loses_nothing_is_not_doubted(photons: float, seed: int) -> None:
    found = nx.ops.normalize_edge(fluorescence(photons=photons, seed=seed), min_jump=0.1)
    assert not any(LOST in text for text in found.metadata["warnings"])


@pytest.mark.parametrize("seed", [0, 1, 29])
def test_a_core_of_another_compound_is_not_a_busy_detector(seed: int) -> None:
    """Spectra of two compounds whose shares follow the thickness look bent, as one spectrum of a busy detector does."""
    rng = np.random.default_rng(seed)
    axis = np.arange(700.0, 732, 0.4)
    shell, core = (
        sum(high / (1 + ((axis - place) / width) ** 2) for place, width, high in zip(*lines, strict=True))
        for lines in (rng.uniform((705, 0.5, 0.3), (712, 1.1, 1.5), (4, 3)).T for _ in range(2))
    )
    y, x = (np.indices((40, 40)) - 19.5) / 18
    thick = np.sqrt(np.clip(1 - y**2 - x**2, 0, None))
    inner = np.clip(thick ** rng.uniform(0.5, 2) + 0.03 * gaussian_filter(rng.standard_normal((40, 40)), 2.0), 0, 1)
    rate = thick * (inner * core[:, None, None] + (1 - inner) * shell[:, None, None]) + 0.05
    found = find_lost_counts(rng.poisson(rng.uniform(1000, 20000) * rate).reshape(axis.size, -1))
    assert found is None
