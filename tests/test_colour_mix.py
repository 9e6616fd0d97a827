from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.colour_mix import common_gain, mix_colours


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
        ([np.ones((1, 2))], {"palette": "HSV"}, "palette = 'HSV' is neither"),
    ],
)
def test_what_can_not_be_mixed_is_refused(parts: list[np.ndarray], keywords: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mix_colours(parts, **keywords)
