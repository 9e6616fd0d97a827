"""A refill of the ring within a scan is told unasked, and little else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.chunked import Chunked

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.beam_jumps import told_about_jumps, told_about_lazy_drift
from napari_xanes.ops import correct_beam, crop, optical_depth
from napari_xanes.sample import nmc_ni_k


@pytest.fixture(scope="module")
def still() -> SpectralStack:
    return nmc_ni_k(size=64, photons=1000.0).stack


def under(stack: SpectralStack, beam: np.ndarray, **metadata: Any) -> SpectralStack:
    """Return the counts of a stack under a beam of another brightness in each frame (E,)."""
    dark = np.asarray(stack.metadata["dark"])
    return stack.with_data((dark + (stack.data - dark) * beam[:, None, None]).astype(np.float32), metadata=metadata)


def refill(stack: SpectralStack, at: int, by: float) -> np.ndarray:
    """Return a beam that decays by .1 % from frame to frame, and jumps at a frame."""
    return np.exp(-1e-3 * np.arange(stack.energy.size)) * np.where(np.arange(stack.energy.size) < at, 1, by)


def told(stack: SpectralStack, **options: Any) -> list[str]:
    warnings = optical_depth(stack, **options).metadata.get("warnings", ())
    return [line for line in warnings if "all pixels become brighter or darker at once" in line]


@pytest.mark.parametrize("at", [5, 22, 25, 40, 58])
@pytest.mark.parametrize("by", [0.95, 1.05])
def test_a_refill_is_told_with_its_energies_and_its_size(still: SpectralStack, at: int, by: float) -> None:
    (line,) = told(under(still, refill(still, at, by)))
    before, after = still.energy[at - 1 : at + 1]
    place, _, size = line.partition(f"from {before:g} to {after:g} eV (")[2].partition("%)")
    assert float(place.partition("%")[0] or 0) == pytest.approx(100 * (by - 1), abs=1.5)
    assert line.count(" to ") == 1
    assert "the beam or the flats jumped there" in size
    assert "run correct_beam before optical_depth, or drop these frames" in size


def test_correct_beam_is_the_way_out(still: SpectralStack) -> None:
    assert not told(correct_beam(under(still, refill(still, 40, 0.95))))


def test_a_dip_is_told_on_both_sides(still: SpectralStack) -> None:
    beam = np.ones(62)
    beam[30] = 0.9
    (line,) = told(under(still, beam))
    low, dip, high = still.energy[29:32]
    assert f"from {low:g} to {dip:g} eV (-" in line
    assert f"from {dip:g} to {high:g} eV (+1" in line


@pytest.mark.parametrize("photons", [30.0, 1000.0, 1e5])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_steady_beam_is_not_told(photons: float, seed: int) -> None:
    assert not told(nmc_ni_k(seed=seed, size=48, photons=photons).stack)


def test_flats_that_follow_the_beam_and_i0_of_the_image_are_no_jump(still: SpectralStack) -> None:
    beam = refill(still, 25, 0.9)
    dark = np.asarray(still.metadata["dark"])
    flat = dark + (np.asarray(still.metadata["flat"]) - dark) * beam[:, None, None]
    assert not told(under(still, beam, flat=flat))
    assert not told(under(still, beam), i0="empty")


def test_a_flickering_beam_is_no_jump(still: SpectralStack) -> None:
    beam = 1 + 0.01 * np.random.default_rng(2).standard_normal(62)
    assert not told(under(still, beam))


def film_and_grain(rng: np.random.Generator, film: float, beam: float = 1.0) -> SpectralStack:
    """Return counts of a grain on a film of another compound; the beam jumps by a factor behind frame 35."""
    energy = np.arange(8320.0, 8370.0)
    of_film, of_grain = (0.5 + np.arctan((energy - e0) / 0.5) / np.pi for e0 in (8341, 8345))
    depth = np.zeros((50, 32, 32)) + film * (0.7 + of_film)[:, None, None]
    depth[:, 8:, 8:] += of_grain[:, None, None]
    bright = 4000 * np.where(np.arange(50) > 35, beam, 1)[:, None, None]
    data = rng.poisson(bright * np.exp(-depth)).astype(np.float32)
    return SpectralStack(data, energy, metadata={"flat": np.full((32, 32), 4000.0)})


def test_an_i0_of_a_file_is_named(rng: np.random.Generator) -> None:
    stack = film_and_grain(rng, 0.0, beam=1.1)
    (line,) = told(stack, i0=Spectrum("I0", stack.energy, np.full(50, 4000.0)))
    assert "from 8355 to 8356 eV (+10" in line
    assert "the beam or I0 jumped there" in line


def test_a_thin_film_of_another_compound_is_no_jump(rng: np.random.Generator) -> None:
    assert not told(film_and_grain(rng, 0.03))


def test_the_ring_current_tells_where_no_area_is_empty(still: SpectralStack) -> None:
    inner = crop(still, region=(14, 50, 14, 50))
    beam = refill(inner, 40, 1.06)
    assert not told(under(inner, beam)), "nothing shows the beam"
    (line,) = told(under(inner, beam, ring_current=400 * beam))
    low, high = inner.energy[39:41]
    assert f"from {low:g} to {high:g} eV (+" in line
    assert "run correct_beam(by='ring current') before optical_depth" in line
    assert not told(inner.with_data(inner.data, metadata={"ring_current": 400 * beam})), "the flats follow"


def test_little_data_are_not_looked_at_and_lazy_stacks_by_what_reads_them(still: SpectralStack) -> None:
    spoiled = under(still, refill(still, 25, 0.8))
    assert not told(spoiled.isel(slice(22, 28)))
    assert not told(crop(spoiled, region=(0, 9, 0, 9)))
    assert not told(spoiled.with_data(da.from_array(spoiled.data, chunks=(10, 64, 64))))


def test_a_measured_stack_is_quiet(real_data: Path) -> None:
    folder = real_data / "als_fe_l"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    assert not told(nx.read(folder))


def drift_told(stack: SpectralStack, **options: Any) -> list[str]:
    warnings = optical_depth(stack, **options).metadata.get("warnings", ())
    return [line for line in warnings if "pixels without sample changes slowly" in line]


@pytest.mark.parametrize("by", [-0.1, 0.06])
def test_a_beam_that_drifts_is_told_with_its_size(still: SpectralStack, by: float) -> None:
    (line,) = drift_told(under(still, 1 + by * np.linspace(0, 1, still.energy.size)))
    assert float(line.partition("slowly by ")[2].partition(" from")[0]) == pytest.approx(-np.log1p(by), abs=0.02)
    assert "run correct_beam before optical_depth" in line
    assert not drift_told(correct_beam(under(still, 1 + by * np.linspace(0, 1, still.energy.size))))


@pytest.mark.parametrize("photons", [30.0, 1000.0, 1e5])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_beam_that_stays_has_no_drift(photons: float, seed: int) -> None:
    assert not drift_told(nmc_ni_k(size=64, photons=photons, seed=seed).stack)


@pytest.mark.parametrize("seed", range(4))
def test_few_photons_are_no_drift(seed: int) -> None:
    """The medians of few counts move in steps of a count."""
    rng = np.random.default_rng(seed)
    energy = np.arange(7000.0, 7200, 2)
    thick = np.zeros((48, 48))
    thick[8:40, 8:40] = 0.4
    depth = (energy > 7122)[:, None, None] * thick + 0.8 * thick
    counts = rng.poisson(50 * np.exp(-depth)).astype(np.float32)
    flat = (rng.poisson(500 * np.ones_like(depth)) / 10).astype(np.float32)
    assert not drift_told(SpectralStack(counts, energy, "counts", metadata={"flat": flat, "n_flat": 10, "gain": 1.0}))


def test_a_measured_stack_has_no_drift(real_data: Path) -> None:
    folder = real_data / "als_fe_l"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    assert not drift_told(nx.read(folder))


def lazy(stack: SpectralStack) -> SpectralStack:
    return stack.with_data(da.from_array(stack.data, chunks=(10, 64, 64)))


@pytest.mark.parametrize("method", ["normalize_edge", "fit_references", "edge_energy", "match_library"])
def test_what_reads_a_lazy_stack_tells_its_drift(still: SpectralStack, method: str) -> None:
    references = still.metadata["references"]
    options: dict[str, Any] = {}
    if method in ("fit_references", "edge_energy"):
        options["references"] = references
    if method == "match_library":
        options["library"] = references

    def drifts(stack: SpectralStack) -> list[str]:
        found = nx.run([nx.Step("optical_depth"), nx.Step(method, options)], stack).metadata["warnings"]
        return [line for line in found if "pixels without sample changes slowly" in line]

    (line,) = drifts(lazy(under(still, 1 - 0.1 * np.linspace(0, 1, 62))))
    assert float(line.partition("slowly by ")[2].partition(" from")[0]) == pytest.approx(0.105, abs=0.03)
    assert not drifts(lazy(still))


def film_told(stack: SpectralStack) -> list[str]:
    """Return what is said of a film in I0, of the stack in memory or of the same one in its file."""
    in_memory = optical_depth(stack)
    of_file = told_about_lazy_drift(lazy(in_memory))
    found = [text for text in in_memory.metadata.get("warnings", ()) if "upside down" in text]
    assert [text for text in of_file if "upside down" in text] or not found
    return found


@pytest.mark.parametrize("film", [0.03, 0.06])
def test_flats_that_hold_a_film_of_the_sample_are_told(film: float) -> None:
    """Edge jumps are too small by the film; half of the thicker pixels have true jumps below 0.19."""
    stack = nmc_ni_k(size=64, photons=5000.0).stack
    absorbed = np.exp(-film * np.mean([one.at(stack.energy) for one in stack.metadata["references"]], axis=0))
    flat = np.asarray(stack.metadata["flat"]) * np.ones((62, 1, 1))
    with_film = stack.with_data(stack.data, metadata={"flat": (flat * absorbed[:, None, None]).astype(np.float32)})
    (text,) = film_told(with_film)
    assert float(text.partition("(")[2].partition("%")[0]) == pytest.approx(100 * film / (0.19 - film), rel=0.15)
    assert not film_told(correct_beam(with_film))


@pytest.mark.parametrize("photons", [30.0, 1000.0, 1e5])
@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_drifts_and_noise_are_no_film(photons: float, drift: float) -> None:
    stack = nmc_ni_k(size=64, photons=photons, seed=3).stack
    assert not film_told(under(stack, 1 - drift * np.linspace(0, 1, 62)))


def test_few_frames_of_a_lazy_stack_are_read(still: SpectralStack) -> None:
    data = optical_depth(still).data
    source = Chunked(np.concatenate([data, data]))
    stack = SpectralStack(source.lazy(), np.linspace(8300, 8424, 124), "optical_depth")
    told_about_lazy_drift(stack)
    assert source.decoded.sum() == 16


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noise_that_sorts_pixels_is_no_film(seed: int) -> None:
    """Most pixels are empty, so noise says which are thinnest, above all that of frames that have much of it."""
    rng = np.random.default_rng(seed)
    noise = rng.choice([0.04, 0.15], (40, 1, 1)) * rng.standard_normal((40, 64, 64))
    noise[20:, :6, :6] += 0.4
    lazy_depth = da.from_array(noise.astype(np.float32), chunks=(1, 64, 64))
    assert not told_about_jumps(SpectralStack(noise, np.arange(7100.0, 7140), "counts"), None, noise)
    assert not told_about_lazy_drift(SpectralStack(lazy_depth, np.arange(7100.0, 7140), "optical_depth"))


def test_bright_fringes_around_particles_are_no_film() -> None:
    """Out of focus, pixels beside a particle are brighter than the beam, the more the more it absorbs."""
    y, x = np.indices((64, 64))
    thick = np.sqrt(np.clip(1 - ((y % 16 - 7.5) ** 2 + (x % 16 - 7.5) ** 2) / 36, 0, None))
    seen = thick + 0.2 * (thick - gaussian_filter(thick, 1.5))
    depth = np.where(np.arange(60) < 30, 0.2, 0.8)[:, None, None] * seen
    depth += 0.01 * np.random.default_rng(0).standard_normal(depth.shape)
    assert not told_about_jumps(SpectralStack(depth, np.arange(7100.0, 7160), "counts"), None, depth)
