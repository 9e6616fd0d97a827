from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.colour_mix import ColourMix, common_gain, mix_colours
from napari_xanes.parameter_map import MapSet, ParameterMap


def test_light_adds_and_inks_subtract() -> None:
    parts = [np.array([[1.0, 0.0, 0.25, 0.5]]), np.array([[0.0, 0.0, 0.5, 0.5]]), np.array([[0.0, 0.0, 0.75, 0.5]])]
    light, ink = mix_colours(parts), mix_colours(parts, palette="CMY")
    assert light.dtype == ink.dtype == np.float32
    assert light.shape == (1, 4, 4)
    np.testing.assert_allclose(light[0, :, :3], [[1, 0, 0], [0, 0, 0], [0.25, 0.5, 0.75], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(ink[0, :, :3], 1 - light[0, :, :3])
    assert (light[..., 3] == 1).all()


def test_gains_scale_and_are_cut_at_full_colour() -> None:
    mixed = mix_colours([[[0.2, 0.6, -0.3]], [[0.1, 0.1, 0.1]]], (2.0, 0.0))
    np.testing.assert_allclose(mixed[0], [[0.4, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1]], rtol=1e-6)


@pytest.mark.parametrize("palette", ["RGB", "CMY"])
def test_masked_pixels_and_those_without_a_value_are_transparent(palette: str) -> None:
    parts = [np.array([[0.5, np.nan, 0.5]]), np.array([[0.5, 0.5, np.inf]])]
    mixed = mix_colours(parts, palette=palette, mask=[[True, True, True]])
    np.testing.assert_array_equal(mixed[0, :, 3], [1, 0, 0])
    assert (mixed[0, 1:] == 0).all()
    assert (mix_colours(parts, palette=palette, mask=np.zeros((1, 3), bool)) == 0).all()


def test_a_volume_has_colours_too() -> None:
    assert mix_colours([np.ones((2, 3, 4))]).shape == (2, 3, 4, 4)


def test_the_mask_of_the_caller_stays() -> None:
    mask = np.ones((1, 2), bool)
    mix_colours([[[0.5, np.nan]]], mask=mask)
    assert mask.all()


def test_one_gain_for_all_keeps_their_proportion(rng: np.random.Generator) -> None:
    first, second = rng.random((40, 40)), 3 * rng.random((40, 40))
    mask = np.ones((40, 40), bool)
    mask[:5] = False
    second[:5] = 1e6
    gain = common_gain([first, second], mask)
    assert np.percentile(second[mask], 99) * gain == pytest.approx(1)
    assert common_gain([np.zeros((2, 2))]) == common_gain([np.full((2, 2), np.nan)]) == 1


@pytest.mark.parametrize(
    ("parts", "keywords", "reason"),
    [
        ([], {}, "0 maps can't be mixed: choose one to three"),
        ([np.ones((1, 1))] * 4, {}, "4 maps can't be mixed"),
        ([np.ones((1, 2)), np.ones((2, 1))], {}, r"one shape, not \[\(1, 2\), \(2, 1\)\]"),
        ([np.ones((1, 2))], {"mask": [[True]]}, "the mask has shape"),
        ([np.ones((1, 2))], {"gains": (1, 2)}, "2 gains for 1 maps"),
        ([np.ones((1, 2))], {"gains": (-1,)}, "a gain must be a number of 0 or more, not -1"),
        ([np.ones((1, 2))], {"gains": (np.nan,)}, "not nan"),
        ([np.ones((1, 2))], {"gamma": 0}, "gamma must be above 0, not 0"),
        ([np.ones((1, 2))], {"palette": "HSV"}, "palette = 'HSV' is neither"),
    ],
)
def test_what_can_not_be_mixed_is_refused(parts: list[np.ndarray], keywords: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mix_colours(parts, **keywords)


def test_gamma_is_that_of_napari() -> None:
    """napari's layers show (value - low) / (high - low) to the power of gamma."""
    np.testing.assert_allclose(mix_colours([[[0.25, 1.0]]], gamma=0.5)[0, :, 0], [0.5, 1.0])


def three_maps() -> MapSet:
    value = np.linspace(0, 2, 12, dtype=np.float32).reshape(3, 4)
    mask = np.ones((3, 4), bool)
    mask[0, 0] = False
    return MapSet(
        {"a": ParameterMap(value, "OD", mask=mask), "b": ParameterMap(2 - value), "edge_jump": ParameterMap(value)}
    )


def test_a_mix_takes_the_masks_of_its_maps_and_leaves_colours_out() -> None:
    maps = three_maps()
    image = ColourMix(("b", None, "a"), (0.5, 1.0, 0.25), gamma=2.0).image(maps)
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    a, b = maps["a"].data, maps["b"].data
    expected = np.stack([(b / 2) ** 2, np.zeros_like(a), (a / 4) ** 2, np.ones_like(a)], axis=-1)
    np.testing.assert_allclose(image.reshape(-1, 4)[1:], expected.reshape(-1, 4)[1:], rtol=1e-6)


@pytest.mark.parametrize("palette", ["RGB", "CMY"])
def test_the_triangle_shows_the_colours_of_the_image(palette: str) -> None:
    """A pixel that has shares of the full values has the colour that the legend has at these shares."""
    mix = ColourMix(("a", "b", "edge_jump"), (0.5, 0.25, 2.0), 0.7, palette)  # type: ignore[arg-type]
    triangle = mix.triangle(301)
    rows, columns = triangle.shape[:2]
    assert rows == pytest.approx(columns * np.sqrt(3) / 2, abs=1)
    assert triangle[-1, 0, 3] == 1
    assert triangle[0, 0, 3] == triangle[0, -1, 3] == 0
    assert 0.49 < triangle[..., 3].mean() < 0.51
    for shares in ((1 / 3, 1 / 3, 1 / 3), (0.6, 0.1, 0.3), (0.2, 0.7, 0.1)):
        values = [share / gain for share, gain in zip(shares, mix.gains, strict=True)]
        maps = MapSet(
            {name: ParameterMap(np.full((1, 1), v, np.float32)) for name, v in zip(mix.names, values, strict=True)}
        )
        y, x = (1 - shares[0]) * rows, (shares[2] + shares[0] / 2) * columns
        np.testing.assert_allclose(triangle[int(y), int(x)], mix.image(maps)[0, 0], atol=0.02)


def test_corners_have_names_values_and_units() -> None:
    mix = ColourMix(("a", None, "edge_jump"), (0.5, 1.0, 0.0))
    assert mix.corners(three_maps()) == ["a\n2 OD", "", "edge jump\nnot shown"]
    top, left, right = (0, 150), (-1, 1), (-1, -2)
    triangle = mix.triangle(301)
    assert triangle[top][0] > 0.98
    assert triangle[left].tolist()[:3] == pytest.approx([0, 0, 0], abs=0.01)  # no map
    assert triangle[right].tolist()[:3] == pytest.approx([0, 0, 0], abs=0.01)  # not shown


@pytest.mark.parametrize(
    ("names", "gains", "reason"),
    [((None,), (1.0,), "at least one"), (("a",) * 4, (1.0,) * 4, "at most three"), (("a",), (), "0 gains for 1")],
)
def test_mixes_that_say_nothing_are_refused(names: tuple, gains: tuple, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ColourMix(names, gains)
