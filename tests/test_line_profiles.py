from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage.measure import profile_line

import napari_xanes as nx
from napari_xanes import MapSet, ParameterMap, SpectralStack
from napari_xanes.line_sampling import sample_line


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(2.0, 0.5, (24, 31))


@pytest.mark.parametrize("width", [1, 2, 3, 6])
@pytest.mark.parametrize(
    "line", [((3, 4), (17, 25)), ((17.5, 25.2), (3.1, 4.9)), ((12, 3), (12, 27)), ((4, 9), (20, 9))]
)
def test_values_are_those_of_scikit_image(image: np.ndarray, line: tuple, width: int) -> None:
    expected = profile_line(image, *line, linewidth=width, order=1, mode="constant", reduce_func=np.mean)
    profile = nx.line_profile(image, line, width)
    assert profile.value == pytest.approx(expected, rel=1e-9)
    assert profile.distance[-1] == pytest.approx(np.hypot(*np.subtract(*line)))
    assert profile.distance_unit == "px"


def test_a_path_is_interpolated_at_its_places_as_scipy_does(image: np.ndarray) -> None:
    profile = nx.line_profile(image, [(2, 2), (10, 8), (10, 8), (4, 20)])
    assert profile.value == pytest.approx(map_coordinates(image, profile.places.T, order=1), rel=1e-9)
    assert profile.distance[-1] == pytest.approx(10 + np.hypot(6, 12))
    steps = np.hypot(*np.diff(profile.places, axis=0).T)
    assert steps.max() <= 1 + 1e-9
    assert profile.places[[0, -1]].tolist() == [[2, 2], [4, 20]]


def test_distances_are_lengths_on_the_sample_for_oblong_pixels() -> None:
    # A plane of 3 per µm along y and 2 per µm along x, with pixels of 0.1 x 0.04 µm.
    y, x = np.mgrid[:20, :40] * np.array([0.1, 0.04])[:, None, None]
    line = [(2, 5), (12, 30)]
    profile = nx.line_profile(3 * y + 2 * x, line, 3, pixel_size=(0.1, 0.04))
    assert profile.distance[-1] == pytest.approx(np.hypot(1.0, 1.0))
    # Width and direction do not change a plane: it rises by its slope along the line.
    slope = (3 * 1.0 + 2 * 1.0) / np.hypot(1.0, 1.0)
    assert np.diff(profile.value) / np.diff(profile.distance) == pytest.approx(slope)
    # The width is at right angles to the line on the sample, one shorter side for each pixel of it.
    across = sample_line(line, (20, 40), 3, (0.1, 0.04))
    assert np.diff(across.distance).max() <= 0.04


def test_noise_of_pixels_makes_errors_of_weighted_means() -> None:
    sigma = np.full((9, 12), 0.6)
    flat = np.ones((9, 12))
    straight = nx.line_profile(flat, [(4, 1), (4, 10)], 3, sigma=sigma)
    assert straight.sigma == pytest.approx(0.6 / np.sqrt(3))
    between = nx.line_profile(flat, [(4.5, 1), (4.5, 10)], sigma=sigma)
    assert between.sigma == pytest.approx(0.6 / np.sqrt(2))
    # Offsets of ±0.5 around a middle at 4.5 are the rows 4 and 5; around 4 they are 3 to 5 with weights 1/4, 1/2, 1/4.
    doubled = nx.line_profile(flat, [(4, 1), (4, 10)], 2, sigma=sigma)
    assert doubled.sigma == pytest.approx(0.6 * np.sqrt(1 / 16 + 1 / 4 + 1 / 16))


def test_noise_that_pixels_share_and_errors_of_the_model_do_not_average_out() -> None:
    sigma, flat = np.full((9, 12), 0.5), np.ones((9, 12))
    line = [(4, 1), (4, 10)]
    shared = nx.line_profile(flat, line, 9, sigma=sigma, length=2.0)
    assert shared.sigma == pytest.approx(0.5 * 2 / 3)
    assert nx.line_profile(flat, line, 3, sigma=sigma, length=5.0).sigma == pytest.approx(0.5)
    model = nx.line_profile(flat, line, 9, sigma=sigma, shared=np.full((9, 12), 0.3))
    assert model.sigma == pytest.approx(np.sqrt(0.4**2 / 9 + 0.3**2))


def test_errors_hold_in_simulated_noise(rng: np.random.Generator) -> None:
    sigma = rng.uniform(0.1, 0.5, (12, 15))
    line = [(2.3, 1.2), (8.4, 12.1)]
    pulls = []
    for _ in range(400):
        profile = nx.line_profile(rng.normal(0, sigma), line, 3, sigma=sigma)
        pulls.append(profile.value / profile.sigma)
    assert np.std(pulls, axis=0) == pytest.approx(1.0, abs=0.15)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.03)


def test_masked_pixels_are_left_out_and_leave_gaps() -> None:
    image = np.tile(np.arange(10.0), (5, 1))
    image[2, 4] = 1e9  # masked: must not be seen
    image[2, 5] = np.nan
    mask = np.ones((5, 10), bool)
    mask[2, 4] = False
    alone = nx.line_profile(image, [(2, 0), (2, 9)], mask=mask, sigma=np.where(mask, 0.3, np.nan))
    assert np.flatnonzero(np.isnan(alone.value)).tolist() == [4, 5]
    assert np.flatnonzero(np.isnan(alone.sigma)).tolist() == [4, 5]
    assert alone.value[[3, 6]].tolist() == [3, 6]
    wide = nx.line_profile(image, [(2, 0), (2, 9)], 3, mask=mask, sigma=np.full((5, 10), 0.3))
    assert wide.value == pytest.approx(np.arange(10))
    assert wide.sigma[[3, 4]] == pytest.approx([0.3 / np.sqrt(3), 0.3 / np.sqrt(2)])


def test_a_line_that_leaves_the_image_has_a_gap_there() -> None:
    profile = nx.line_profile(np.ones((4, 6)), [(1, -3), (1, 8)])
    assert np.isfinite(profile.value).tolist() == [False] * 3 + [True] * 6 + [False] * 3
    outside = nx.line_profile(np.ones((4, 6)), [(9, 9), (20, 20)])
    assert np.isnan(outside.value).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 15)), min_size=2, max_size=5),
    st.integers(1, 6),
    st.sampled_from([None, 0.3, (0.2, 0.7)]),
)
def test_weights_of_any_line_make_means(line: list, width: int, size: object) -> None:
    corners = np.array(line) * (1.0 if size is None else size)
    if np.hypot(*np.diff(corners, axis=0).T).sum() < 1e-6:
        return
    samples = sample_line(line, (9, 12), width, size)
    share = samples.weights.sum(axis=1)
    assert (share <= 1 + 1e-9).all()
    profile = nx.line_profile(np.full((9, 12), 3.5), line, width, pixel_size=size)
    assert profile.value[np.isfinite(profile.value)] == pytest.approx(3.5)
    back = nx.line_profile(np.full((9, 12), 3.5), line[::-1], width, pixel_size=size)
    assert back.distance[-1] == pytest.approx(profile.distance[-1])


def test_profiles_of_maps_know_their_mask_errors_and_model(rng: np.random.Generator) -> None:
    values, mask = rng.normal(2.5, 0.1, (9, 12)), np.ones((9, 12), bool)
    mask[4, 6] = False
    maps = MapSet(
        {
            "valence": ParameterMap(values, "1", np.full((9, 12), 0.5), mask),
            "valence_model": ParameterMap(np.where(mask, 0.3, np.nan), companion="valence"),
            "phase": ParameterMap(mask.astype(np.uint8), labels={1: "a"}),
        },
        pixel_size=0.05,
    )
    profile = nx.map_profile(maps, "valence", [(4, 1), (4, 10)], 3)
    rows = np.where(mask, values.astype(np.float32), np.nan)[3:6, 1:11]
    assert profile.value == pytest.approx(np.nanmean(rows, axis=0))
    assert profile.sigma[0] == pytest.approx(np.sqrt(0.4**2 / 3 + 0.3**2))
    assert (profile.unit, profile.distance_unit, profile.name) == ("1", "µm", "valence")
    assert profile.distance[-1] == pytest.approx(0.45)
    with pytest.raises(ValueError, match="labels, which have no values between them"):
        nx.map_profile(maps, "phase", [(4, 1), (4, 10)])
    with pytest.raises(KeyError, match="no map 'ten_dq'"):
        nx.map_profile(maps, "ten_dq", [(4, 1), (4, 10)])


def test_profiles_of_volumes_need_a_slice() -> None:
    volume = np.arange(3 * 4 * 5, dtype=float).reshape(3, 4, 5)
    maps = MapSet({"v": ParameterMap(volume, "1", np.ones((3, 4, 5)))}, pixel_size=(0.5, 0.1, 0.1))
    line = [(1, 0), (1, 4)]
    profile = nx.map_profile(maps, "v", line, plane=2)
    assert profile.value == pytest.approx(volume[2, 1])
    assert profile.distance[-1] == pytest.approx(0.4)
    with pytest.raises(ValueError, match="a volume: say which of its 3 slices"):
        nx.map_profile(maps, "v", line)
    stack = SpectralStack(np.stack([volume, volume + 1]), [700, 710], "optical_depth")
    assert nx.frame_profile(stack, 709, line, plane=2).value == pytest.approx(volume[2, 1] + 1)
    with pytest.raises(ValueError, match="which of its 3 slices"):
        nx.frame_profile(stack, 709, line)


def test_profiles_of_frames_have_errors_where_the_noise_is_known(rng: np.random.Generator) -> None:
    photons = np.full((2, 6, 8), 400.0)
    depth = np.full((2, 6, 8), np.log(4.0))
    stack = SpectralStack(
        depth, [700, 710], "optical_depth", 0.1, metadata={"noise": {"kind": "poisson", "i0": photons, "n_flat": 4}}
    )
    profile = nx.frame_profile(stack, 708.0, [(2, 1), (2, 6)], 2)
    # 100 photons in the sample, four flats of 400; weights 1/4, 1/2, 1/4 across.
    assert profile.sigma == pytest.approx(np.sqrt((1 / 100 + 1 / 1600) * 3 / 8), rel=1e-5)
    assert profile.name == "710 eV"
    assert nx.frame_profile(SpectralStack(depth, [700, 710], "optical_depth"), 700, [(2, 1), (2, 6)]).sigma is None
    with pytest.raises(ValueError, match="800 eV lies outside 700 to 710 eV"):
        nx.frame_profile(stack, 800, [(2, 1), (2, 6)])


def test_a_lazy_stack_gives_the_same_profile(rng: np.random.Generator) -> None:
    import dask.array as da

    data = rng.random((3, 6, 8))
    line = [(1, 1), (4, 6.5)]
    lazy = nx.frame_profile(SpectralStack(da.from_array(data, chunks=(1, 3, 4)), [1000, 1001, 1002]), 1001, line, 2)
    assert lazy.value == pytest.approx(nx.frame_profile(SpectralStack(data, [1000, 1001, 1002]), 1001, line, 2).value)


def test_what_is_no_line_is_refused() -> None:
    flat = np.ones((4, 5))
    for line in ([(1, 1), (1, 1)], [(1, 1)]):
        with pytest.raises(ValueError, match="two points that lie apart"):
            nx.line_profile(flat, line)
    for line in ([1, 2, 3], [(1, 2, 3), (4, 5, 6)], [(np.nan, 1), (1, 2)]):
        with pytest.raises(ValueError, match=r"list of points \(y, x\)"):
            nx.line_profile(flat, line)
    for width in (0, 1.5):
        with pytest.raises(ValueError, match="whole number from 1"):
            nx.line_profile(flat, [(0, 0), (1, 1)], width)
    with pytest.raises(ValueError, match="its sigma"):
        nx.line_profile(flat, [(0, 0), (1, 1)], sigma=np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"needs an image \(Y, X\)"):
        nx.line_profile(np.ones((2, 4, 5)), [(0, 0), (1, 1)])


def test_a_table_holds_units_places_errors_and_empty_gaps(tmp_path: Path) -> None:
    mask = np.ones((3, 4), bool)
    mask[1, 2] = False
    profile = nx.line_profile(
        np.full((3, 4), 8343.5), [(1, 0), (1, 3)], sigma=np.full((3, 4), 0.2), mask=mask, pixel_size=0.1, unit="eV",
        name="edge energy",
    )  # fmt: skip
    nx.write_profiles([profile], tmp_path / "line.csv", "edge energy of particle\nline 1")
    text = (tmp_path / "line.csv").read_text("utf-8-sig").splitlines()
    assert text[:2] == ["# edge energy of particle", "# line 1"]
    rows = list(csv.DictReader(text[2:]))
    assert list(rows[0]) == ["profile", "distance (µm)", "y (px)", "x (px)", "value (eV)", "standard error (eV)"]
    assert [row["value (eV)"] for row in rows] == ["8343.5", "8343.5", "", "8343.5"]
    assert [row["standard error (eV)"] for row in rows] == ["0.2", "0.2", "", "0.2"]
    assert [row["distance (µm)"] for row in rows] == ["0", "0.1", "0.2", "0.3"]
