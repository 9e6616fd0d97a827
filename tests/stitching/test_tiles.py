"""Tiles become a mosaic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from tests.mosaics import Sample, sample

import napari_xanes as nx
from napari_xanes.noise import AmountNoise

SAMPLE = sample(seed=3)
PLACES = ((0.0, 0.0), (1.4, 44.3), (45.2, -1.6), (43.7, 46.5))


def tiles(places: Any = PLACES, of: Sample = SAMPLE, **changes: Any) -> list[nx.SpectralStack]:
    return [of.stack(f"T{k}", place, seed=k, **changes) for k, place in enumerate(places)]


def truth_of(joined: nx.SpectralStack, of: Sample = SAMPLE) -> np.ndarray:
    """Return the truth on the grid of a mosaic whose first tile lies at (0, 0)."""
    origin = joined.metadata["stitch"].position[0]
    return of.at((-origin[0], -origin[1]), joined.shape[-2:])


@pytest.fixture(scope="module")
def mosaic() -> nx.SpectralStack:
    return nx.stitch(tiles())


@pytest.mark.parametrize("contrast", ["same", "inverts"])
def test_tiles_find_their_places(contrast: str, mosaic: nx.SpectralStack) -> None:
    of = SAMPLE if contrast == "same" else sample(seed=3, contrast=contrast)
    joined = mosaic if contrast == "same" else nx.stitch(tiles(of=of))
    found = joined.metadata["stitch"]
    assert found.kind == "tiles"
    places = found.position - found.position[0]
    np.testing.assert_allclose(places, PLACES, atol=0.05)
    assert joined.shape == (11, 109, 113)
    known = np.isfinite(joined.data)
    error = np.where(known, joined.data - truth_of(joined, of), 0)
    claimed = joined.noise.variance(joined.data.reshape(11, -1), slice(0, known[0].size)).reshape(joined.shape)
    # Where tiles overlap, feathered means have the errors that they claim, too.
    for where in (known[0], known[0] & (np.arange(113) > 48) & (np.arange(113) < 62)):
        assert (error[:, where] ** 2).mean() == pytest.approx(claimed[:, where].mean(), rel=0.1)
    assert np.isnan(joined.data[:, 0, -1]).all()
    assert "warnings" not in joined.metadata


def test_the_first_tile_is_not_resampled(mosaic: nx.SpectralStack) -> None:
    joined, first = mosaic, tiles(PLACES[:1])[0]
    y, x = joined.metadata["stitch"].position[0].astype(int)
    assert (y, x) == (0, 2)
    np.testing.assert_array_equal(joined.data[:, 5:40, 2 + 5 : 40], first.data[:, 5:40, 5:38])


def test_the_errors_of_positions_hold() -> None:
    pulls = []
    for seed in range(8):
        of = sample(seed=10 + seed, frames=3)
        stacks = [of.stack(f"T{k}", place, photons=400, seed=50 * seed + k) for k, place in enumerate(PLACES)]
        found = nx.stitch(stacks).metadata["stitch"]
        pulls.append(((found.position - found.position[0] - PLACES) / np.where(found.sigma > 0, found.sigma, 1))[1:])
    share = np.mean(np.abs(pulls) < 2)
    assert 0.88 <= share <= 1.0
    assert np.sqrt(np.mean(np.square(pulls))) > 0.3


def test_a_grid_tells_where_tiles_lie_that_show_nothing() -> None:
    stacks = tiles()
    empty = np.random.default_rng(0).normal(0.3, 0.03, stacks[3].shape).astype(np.float32)
    stacks[3] = stacks[3].with_data(empty)
    with pytest.raises(ValueError, match=r"nothing says where T3 lies.*positions=.*grid="):
        nx.stitch(stacks)
    joined = nx.stitch(stacks, grid=[2, 2, 0.3])
    found = joined.metadata["stitch"]
    assert found.placed_by == ("registration",) * 3 + ("grid",)
    np.testing.assert_allclose(found.position[3] - found.position[0], [44.8, 44.8])
    assert np.isnan(found.sigma[3]).all()
    assert any("lies where the grid says" in text for text in joined.metadata["warnings"])


def repeating(kind: str) -> Sample:
    """Return a sample that looks the same when it is moved: a lattice, or stripes along y."""
    y, x = np.indices((160, 160)) * 2 * np.pi / 160
    stripes = np.random.default_rng(0).normal(size=160)
    image = {
        "lattice": np.cos(16 * x) * np.cos(16 * y),
        "stripes": np.tile(gaussian_filter1d(stripes, 2.0, mode="wrap") * 3, (160, 1)),
    }[kind]
    return Sample(SAMPLE.energy, np.linspace(0.5, 1.5, 11)[:, None, None] * (0.5 + 0.12 * image))


@pytest.mark.parametrize("kind", ["lattice", "stripes"])
def test_tiles_that_fit_at_many_places_lie_where_they_are_said_to_lie(kind: str) -> None:
    """They were moved by a whole period, or along the stripes, with errors of some hundredths of a pixel."""
    stacks = tiles(of=repeating(kind))
    with pytest.raises(ValueError, match=r"T1, T2, T3 lie: .*positions="):
        nx.stitch(stacks)
    joined = nx.stitch(stacks, positions=[(0, 0), (0, 44), (44, 0), (44, 44)])
    found = joined.metadata["stitch"]
    np.testing.assert_allclose(found.position - found.position[0], [(0, 0), (0, 44), (44, 0), (44, 44)])
    assert np.isnan(found.sigma[1:]).all()
    assert sum("repeats itself" in text for text in joined.metadata["warnings"]) == 3


def test_a_lattice_with_something_else_has_one_place() -> None:
    lattice = repeating("lattice")
    of = Sample(lattice.energy, lattice.depth + 0.4 * sample(seed=3).depth)
    found = nx.stitch(tiles(of=of)).metadata["stitch"]
    np.testing.assert_allclose(found.position - found.position[0], PLACES, atol=0.1)


@pytest.mark.parametrize("given", [{}, {"grid": [2, 2, 0.0]}])
def test_tiles_that_share_a_narrow_strip_find_their_places(given: dict[str, Any]) -> None:
    """Overlaps of 5 to 7 pixels, also where the grid says that there is none."""
    narrow = ((0.0, 0.0), (1.4, 58.3), (57.2, -1.6), (58.7, 57.5))
    stacks = [sample(seed=3, frames=4).stack(f"T{k}", place, photons=1000, seed=k) for k, place in enumerate(narrow)]
    found = nx.stitch(stacks, **given).metadata["stitch"]
    error = (found.position - found.position[0] - narrow)[1:]
    assert np.abs(error).max() < 0.25
    assert (np.abs(error) < 4 * found.sigma[1:]).all()
    assert found.placed_by == ("registration",) * 4


def test_positions_are_taken_as_given_or_refined(mosaic: nx.SpectralStack) -> None:
    about = [(y + 2, x - 3) for y, x in PLACES]
    about[0] = (0.0, 0.0)
    found = nx.stitch(tiles(), positions=about).metadata["stitch"]
    np.testing.assert_allclose(found.position - found.position[0], PLACES, atol=0.05)
    kept = nx.stitch(tiles(), positions=about, place="as given")
    np.testing.assert_allclose(kept.metadata["stitch"].position - kept.metadata["stitch"].position[0], about)
    assert any("disagree where both have values" in text for text in kept.metadata["warnings"])
    again = nx.stitch(tiles(), positions=mosaic, place="as given")
    np.testing.assert_allclose(again.data, mosaic.data, atol=1e-5)


def test_a_pair_that_contradicts_the_others_is_left_out() -> None:
    """Two tiles show the same speck of dust on the detector, which pulls this pair only."""
    from napari_xanes.registration.placement import placed

    pairs = np.array([(0, 1), (0, 2), (1, 3), (2, 3)])
    offset = np.array([(0, 40.0), (40.0, 0), (40.0, 0), (0, 47.0)])
    result = placed(4, pairs, offset, np.full((4, 2), 0.01), np.array([30.0, 30, 30, 12]))
    assert result.agrees.tolist() == [True, True, True, False]
    np.testing.assert_allclose(result.position[3], (40, 40), atol=1e-6)
    assert (result.sigma[1:] > 0.009).all()


def test_a_step_between_tiles_is_told_and_removed_if_asked() -> None:
    stacks = [SAMPLE.stack(f"T{k}", p, seed=k, offset=0.04 * (k == 1)) for k, p in enumerate(PLACES)]
    kept = nx.stitch(stacks)
    assert any("at the seam of T0 and T1 the values step by" in text for text in kept.metadata["warnings"])
    joined = nx.stitch(stacks, match="offset")
    np.testing.assert_allclose(joined.metadata["stitch"].offset, [0, 0.04, 0, 0], atol=0.003)
    error = joined.data - truth_of(joined)
    assert abs(np.nanmean(error[:, 10:40, 75:105])) < 0.003


def test_energies_of_tiles_must_agree() -> None:
    first, second, *_ = tiles()
    other = nx.SpectralStack(second.data, second.energy + 2.0, "optical_depth", 0.04, metadata={"name": "T1"})
    with pytest.raises(ValueError, match=r"differ \(by up to 2 eV\).*interpolate_energy"):
        nx.stitch([first, other], kind="tiles")
    with pytest.raises(ValueError, match="say kind='segments'; if they are tiles"):
        nx.stitch([first, other])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"grid": [2, 3, 0.1]}, "needs 6 stacks, there are 4"),
        ({"grid": [2, 2]}, "rows, columns and the overlap"),
        ({"grid": [2, 2, 0.3], "positions": PLACES}, "not both"),
        ({"positions": [(0, 0)]}, "one pair .* for each of 4 stacks"),
        ({"positions": [(0, "a")] * 4}, "pair .y, x. in pixels"),
        ({"place": "as given"}, "needs positions or grid"),
        ({"positions": [(0, 0)] * 3 + [(0, 1e6)], "place": "as given"}, "most of them empty; positions are in pixels"),
    ],
)
def test_what_is_said_of_places_must_fit(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        nx.stitch(tiles(), **given)


def test_slices_of_volumes_lie_together() -> None:
    stacks = tiles(PLACES[:2])
    volumes = [
        nx.SpectralStack(np.stack([s.data, s.data[:, ::-1]], axis=1), s.energy, s.quantity, metadata={"name": s.name})
        for s in stacks
    ]
    positions = nx.stitch(stacks)
    joined = nx.stitch(volumes, positions=positions, place="as given", overlap="first")
    assert joined.shape == (11, 2, *positions.shape[1:])
    flat = [nx.SpectralStack(s.data, s.energy, s.quantity, metadata={"name": s.name}) for s in stacks]
    alone = nx.stitch(flat, positions=positions, place="as given", overlap="first")
    np.testing.assert_allclose(joined.data[:, 0], alone.data, atol=1e-6)
    tall = volumes[1].isel(box=(slice(0, 1), slice(None), slice(None)))
    with pytest.raises(ValueError, match="number of slices differs: 2 in 'T0', 1 in 'T1'"):
        nx.stitch([volumes[0], tall], grid=[1, 2, 0.3])


def test_lazy_tiles_give_a_lazy_mosaic() -> None:
    import dask.array as da

    stacks = tiles(PLACES[:2], sample(seed=3, frames=4))
    lazy = [stack.with_data(da.from_array(stack.data, chunks=(4, 32, 64))) for stack in stacks]
    joined, expected = nx.stitch(lazy), nx.stitch(stacks)
    assert joined.is_lazy
    np.testing.assert_array_equal(np.asarray(joined.data), expected.data)
    assert joined.noise.i0.shape == (1, *expected.shape[1:])


def test_pixels_without_a_value_are_filled_from_the_other_tile() -> None:
    stacks = tiles(PLACES[:2])
    data = stacks[0].data.copy()
    data[:, 20:24, 50:54] = np.nan
    joined = nx.stitch([stacks[0].with_data(data), stacks[1]])
    assert np.isfinite(joined.data[:, 20:24, 50:54]).all()


def amounts(stack: nx.SpectralStack, columns: np.ndarray) -> nx.SpectralStack:
    factors = np.full((2, 2, 64, 64), 0.1, np.float32) * np.eye(2, dtype=np.float32)[:, :, None, None]
    return stack.with_data(stack.data, metadata={"noise": AmountNoise(columns, factors)})


def test_errors_of_amounts_are_joined() -> None:
    columns = np.stack([np.ones(11), np.linspace(0, 1, 11)], axis=1)
    stacks = [amounts(stack, columns) for stack in tiles(PLACES[:2])]
    joined = nx.stitch(stacks)
    sigma = joined.noise.sigma(slice(0, joined.data[0].size)).reshape(joined.shape)
    alone = stacks[0].noise.sigma(slice(0, 1))[:, 0]
    np.testing.assert_allclose(sigma[:, 30, 5], alone, rtol=1e-6)
    assert (sigma[:, 30, 50:58] < 0.95 * alone[:, None]).all()
    other = [stacks[0], amounts(stacks[1], 2 * columns)]
    told = nx.stitch(other)
    assert told.noise is None
    assert any("cleaned with other spectra" in text for text in told.metadata["warnings"])
    halves = [stacks[0].isel(slice(0, 6)), stacks[0].isel(slice(5, 11))]
    mixed = nx.stitch(halves, kind="segments").noise.sigma(slice(0, 1))[:, 0]
    np.testing.assert_allclose(mixed / alone, [1] * 5 + [np.sqrt(0.5)] + [1] * 5, rtol=0.02)
