"""`normalize`: what is 1 afterwards, its errors, and that nothing takes it for an edge jump of 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import edge

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.ops import normalize
from napari_xanes.scaling import as_scaling

AXIS = np.concatenate([np.arange(8300.0, 8340.0, 4.0), np.arange(8340.0, 8400.0, 1.0)])
BEFORE, USED = (8300.0, 8330.0), (8335.0, 8380.0)
INSIDE, BELOW = (AXIS >= 8335) & (AXIS <= 8380), AXIS <= 8330
KINDS = ["area", "maximum", "min-max", "mean", "vector"]


def pixels(curve: np.ndarray, count: int = 6, **options: Any) -> SpectralStack:
    data = np.broadcast_to(curve[:, None, None], (curve.size, 1, count))
    return SpectralStack(np.ascontiguousarray(data, dtype=np.float32), AXIS, "optical_depth", **options)


def expected(by: str, mu: np.ndarray) -> tuple[float, float]:
    """Return offset and factor of one spectrum, by numpy."""
    level = mu[BELOW].mean()
    inside = mu[INSIDE] - level
    if by == "min-max":
        return level + inside.min(), np.ptp(inside)
    factor = {
        "area": np.trapezoid(inside, AXIS[INSIDE]),
        "maximum": inside.max(),
        "mean": inside.mean(),
        "vector": np.linalg.norm(inside),
    }
    return level, float(factor[by])


@pytest.mark.parametrize("by", KINDS)
@pytest.mark.parametrize("lazy", [False, True])
def test_closed_forms(by: Any, lazy: bool) -> None:
    import dask.array as da

    mu = 0.3 + 0.7 * edge(AXIS)
    stack = pixels(mu)
    if lazy:
        stack = stack.with_data(da.from_array(stack.data, chunks=(20, 1, 2)))
    scaled = normalize(stack, by=by, energy=USED, background=BEFORE)
    offset, factor = expected(by, mu)
    assert scaled.is_lazy == lazy
    np.testing.assert_allclose(np.asarray(scaled.data)[:, 0, 2], (mu - offset) / factor, rtol=2e-5, atol=2e-6)
    scale = scaled.metadata["scale"]
    np.testing.assert_allclose(scale.data, factor, rtol=1e-5)
    assert (scale.unit, scaled.unit, scaled.quantity) == (
        ("OD eV", "1/eV", "scaled") if by == "area" else ("OD", "1", "scaled")
    )
    assert nx.ops.derivative(scaled).unit == ("1/eV^2" if by == "area" else "1/eV")
    again = nx.run([scaled.history[-1]], stack)
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(scaled.data))


@pytest.mark.parametrize("by", KINDS)
@pytest.mark.parametrize("known", [False, True])
def test_sigma_is_the_scatter_of_the_factor(by: Any, known: bool, rng: np.random.Generator) -> None:
    mu = 0.3 + 0.7 * edge(AXIS) + 1.5 * (np.abs(AXIS - 8350) < 0.1)  # one value is the highest for sure
    i0 = 4000.0
    counts = rng.poisson(i0 * np.exp(-np.broadcast_to(mu[:, None], (AXIS.size, 1500))))
    data = -np.log(counts / i0)[:, None, :].astype(np.float32)
    metadata = {"noise": PhotonNoise(np.full((AXIS.size, 1, 1), i0), np.inf)} if known else {}
    scale = normalize(SpectralStack(data, AXIS, "optical_depth", metadata=metadata), by=by, energy=USED).metadata[
        "scale"
    ]
    assert scale.mask.all()
    # Without known photons the noise is one number per pixel, although it is larger where the absorption is.
    if known or by in ("area", "mean"):
        assert np.std(scale.data) == pytest.approx(np.median(scale.sigma), rel=0.08 if known else 0.25)


def test_a_flat_that_serves_all_energies_moves_the_area() -> None:
    noise = PhotonNoise(np.full((1, 1, 6), 1e4), 1, flats=np.ones((AXIS.size, 1)))
    stack = pixels(0.3 + 0.7 * edge(AXIS), metadata={"noise": noise})
    shared, own = (
        normalize(stack, by="mean", background=background).metadata["scale"].sigma.item(0)
        for background in (None, BEFORE)
    )
    assert shared > 0.01  # that of one flat of 10,000 photons, which no mean over energies makes smaller
    assert own < 0.01


def test_errors_of_amounts() -> None:
    columns = np.stack([edge(AXIS), np.ones(AXIS.size)], axis=1)
    factors = np.zeros((2, 2, 1, 6))
    factors[0, 0], factors[1, 1] = 0.02, 0.05
    stack = pixels(0.3 + 0.7 * edge(AXIS), metadata={"noise": AmountNoise(columns, factors)})
    scaled = normalize(stack, by="mean", energy=USED, background=BEFORE)
    # The constant goes with the background, the edge remains.
    _, of_edge = expected("mean", edge(AXIS))
    np.testing.assert_allclose(scaled.metadata["scale"].sigma, 0.02 * of_edge, rtol=1e-5)
    np.testing.assert_allclose(
        scaled.noise.sigma(slice(None))[:, 0],  # type: ignore[union-attr]
        np.abs(edge(AXIS) - edge(AXIS)[BELOW].mean()) * 0.02 / (0.7 * of_edge),
        rtol=1e-4,
        atol=1e-9,
    )


@pytest.mark.parametrize("by", KINDS)
def test_pixels_of_noise_alone_are_masked(by: Any, rng: np.random.Generator) -> None:
    data = 0.02 * rng.standard_normal((AXIS.size, 20, 20))
    data[:, :2] += edge(AXIS)[:, None, None]
    stack = SpectralStack(data.astype(np.float32), AXIS, "optical_depth")
    scaled = normalize(stack, by=by)
    mask = scaled.metadata["scale"].mask
    assert mask[:2].all()
    assert mask[2:].mean() < 0.01
    assert np.isnan(scaled.data[:, ~mask]).all()
    least = 0.4 * float(np.nanmin(scaled.metadata["scale"].data[:2]))
    np.testing.assert_array_equal(normalize(stack, by=by, min_factor=least).metadata["scale"].mask[:2], True)


def test_the_noise_of_a_maximum_is_told(rng: np.random.Generator) -> None:
    data = (0.3 * edge(AXIS)[:, None, None] + 0.03 * rng.standard_normal((AXIS.size, 10, 10))).astype(np.float32)
    stack = SpectralStack(data, AXIS, "optical_depth")
    assert "noise makes the maximum of a typical pixel larger" in normalize(stack, by="maximum").metadata["warnings"][0]
    assert not normalize(stack, by="area").metadata["warnings"]


def test_valences_do_not_depend_on_the_scale(depth_stack: SpectralStack, references: list[Spectrum]) -> None:
    plain = nx.maps.fit_references(depth_stack, references=references)
    for by in KINDS:
        scaled = normalize(depth_stack, by=by, background=(8270, 8330))
        maps = nx.maps.fit_references(scaled, references=references)
        good = maps["valence"].mask & plain["valence"].mask
        assert good.mean() > 0.9
        np.testing.assert_allclose(maps["valence"].data[good], plain["valence"].data[good], atol=2e-3)
        ratio = np.median(maps["valence"].sigma[good] / plain["valence"].sigma[good])
        assert ratio == pytest.approx(1, abs=0.15)
        assert maps["edge_jump"].unit == ("1/eV" if by == "area" else "1")
        assert any("say nothing about how much there is" in text for text in maps.metadata["warnings"])


def test_references_are_scaled_as_the_stack() -> None:
    low, high = edge(AXIS, 8345, 0.8), 1.3 * edge(AXIS, 8349, 0.1)
    amounts = np.array([[0.2, 0.5, 0.9]])
    data = amounts * low[:, None, None] + (1 - amounts) * high[:, None, None] + 0.4
    stack = SpectralStack(data.astype(np.float32), AXIS, "optical_depth")
    grid = np.arange(8290.0, 8410.0, 0.5)
    references = [
        Spectrum("low", grid, edge(grid, 8345, 0.8), 2),
        Spectrum("high", grid, 1.3 * edge(grid, 8349, 0.1), 3),
    ]
    scaled = normalize(stack, by="area", energy=USED, background=BEFORE)
    maps = nx.maps.fit_references(scaled, references=references, normalize_references="as the stack", slope=False)
    areas = [expected("area", mu)[1] for mu in (low, high)]
    share = amounts * areas[0] / (amounts * areas[0] + (1 - amounts) * areas[1])
    np.testing.assert_allclose(maps["low"].data, share, atol=1e-4)
    np.testing.assert_allclose(maps["valence"].data, 3 - share, atol=1e-4)
    assert any("shares of that, not of the edge jump" in text for text in maps.metadata["warnings"])
    options = {"normalize_references": "as the stack", "sum_to_one": True, "slope": False, "constant": False}
    held = nx.maps.fit_references(scaled, references=references, **options)
    np.testing.assert_allclose(held["low"].data, share, atol=1e-3)


def test_what_needs_an_edge_jump_of_one_refuses(depth_stack: SpectralStack, references: list[Spectrum]) -> None:
    scaled = normalize(depth_stack, by="maximum")
    calls = [
        lambda: nx.ops.normalize_edge(scaled),
        lambda: nx.ops.normalize(scaled),
        lambda: nx.ops.denoise(scaled, references=references),
        lambda: nx.ops.denoise_pca(scaled),
        lambda: nx.ops.denoise_nlm(scaled),
        lambda: nx.ops.denoise_blind_spot(scaled),
        lambda: nx.maps.edge_energy(scaled),
        lambda: nx.maps.match_library(scaled),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"divided by its maximum from 8270 to 8450 eV: use the stack before"):
            call()
    with pytest.raises(ValueError, match="sum_to_one needs amounts that sum to 1"):
        nx.maps.fit_references(scaled, references=references, sum_to_one=True)
    with pytest.raises(ValueError, match="run normalize first, or choose auto"):
        nx.maps.fit_references(depth_stack, references=references, normalize_references="as the stack")
    with pytest.raises(ValueError, match="is normalized already"):
        normalize(nx.ops.normalize_edge(depth_stack))


def test_ranges_that_hold_nothing_and_references_that_end_before() -> None:
    stack = pixels(edge(AXIS))
    with pytest.raises(ValueError, match=r"energy = 8310.5 to 8311 eV holds 0 of the energies .* but 2 are needed"):
        normalize(stack, energy=(8310.5, 8311))
    with pytest.raises(ValueError, match="no pixel of 'stack' has a large enough area"):
        normalize(stack.with_data(-stack.data))
    short = Spectrum("short", AXIS[:-5], edge(AXIS)[:-5], 2)
    with pytest.raises(ValueError, match="'short' covers 8300 to 8394 eV, but the stack was divided by its area"):
        nx.maps.fit_references(normalize(stack), references=[short], normalize_references="as the stack")
    cut = nx.ops.crop(normalize(stack), energy=(8310, 8390))
    with pytest.raises(ValueError, match="crop before normalize, not after"):
        nx.maps.fit_references(cut, references=[short], normalize_references="as the stack")


def test_a_corrected_axis_takes_the_ranges_along(rng: np.random.Generator) -> None:
    """A range that stays where it was holds other frames, so references are divided by something else."""
    share = rng.uniform(0.2, 0.8, (1, 5))
    low, high = edge(AXIS, 8345, 0.8), 1.3 * edge(AXIS, 8349, 0.1)
    data = share * low[:, None, None] + (1 - share) * high[:, None, None]
    stack = SpectralStack(data.astype(np.float32), AXIS, "optical_depth")
    scaled = normalize(stack, by="area", energy=(8343, 8352), background=(8334, 8340))
    references = [Spectrum("low", AXIS, low, 2), Spectrum("high", AXIS, high, 3)]
    moved = [Spectrum(one.name, AXIS + 4, one.mu, one.valence) for one in references]
    options: dict[str, Any] = {"normalize_references": "as the stack", "slope": False}
    plain = nx.maps.fit_references(scaled, references=references, **options)
    after = nx.ops.calibrate_energy(scaled, offset=4.0)
    assert str(after.metadata["scaling"]) == "area from 8347 to 8356 eV, less the mean from 8340 to 8344 eV"
    np.testing.assert_allclose(
        nx.maps.fit_references(after, references=moved, **options)["valence"].data, plain["valence"].data, atol=1e-4
    )


def test_two_energies_tell_no_noise() -> None:
    data = np.array([0.2, 1.0], np.float32).reshape(2, 1, 1)
    stack = SpectralStack(data, [700, 710], "optical_depth")
    with pytest.raises(ValueError, match="has 2 energies, and its noise can only be estimated from 3 or more: give"):
        normalize(stack, by="maximum")
    np.testing.assert_allclose(normalize(stack, by="maximum", min_factor=0.1).data.ravel(), [0.2, 1])


@pytest.mark.parametrize(
    "value",
    [
        {"by": "area"},
        {"by": "area", "energy": "8300"},
        {"by": "area", "energy": [8300.0]},
        {"by": "area", "energy": [8300.0, 8400.0], "background": ["a", "b"]},
        {"by": "depth", "energy": [8300.0, 8400.0]},
    ],
)
def test_a_scaling_in_a_file_that_says_nothing_is_none(value: Any) -> None:
    stack = SpectralStack(np.ones((2, 1, 1)), [700, 710], "scaled", metadata={"scaling": value})
    assert (as_scaling(value), stack.unit) == (None, "1")


@pytest.mark.parametrize("suffix", ["h5", "zarr", "tif"])
def test_files_keep_what_it_was_divided_by(suffix: str, tmp_path: Any, depth_stack: SpectralStack) -> None:
    scaled = normalize(depth_stack, by="area", background=(8270, 8330))
    nx.write(scaled, tmp_path / f"scaled.{suffix}")
    read = nx.read(tmp_path / f"scaled.{suffix}")
    assert (read.quantity, read.unit) == ("scaled", "1/eV")
    assert str(as_scaling(read.metadata["scaling"])) == str(scaled.metadata["scaling"])
    np.testing.assert_array_equal(read.data, scaled.data)
    np.testing.assert_array_equal(read.metadata["scale"].data, scaled.metadata["scale"].data)
