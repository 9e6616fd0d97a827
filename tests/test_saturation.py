from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.saturation import saturated_share


@pytest.mark.parametrize("mean", [0.05, 0.5, 2.0, 20.0, 3000.0])
@pytest.mark.parametrize("frames", [1, 10])
def test_photons_alone_do_not_saturate(mean: float, frames: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert saturated_share(rng.poisson(mean * frames, (64, 64)) / frames) <= 1 / 64**2
        assert saturated_share(rng.poisson(mean * frames, (64, 64)) / frames - rng.normal(0, 1, (64, 64))) == 0


@pytest.mark.parametrize("top", [255, 4095, 16383, 65535])
def test_a_frame_at_the_end_of_the_converter_is_saturated(top: int) -> None:
    assert saturated_share(np.full((64, 64), top, np.uint16)) == 1
    beam = np.random.default_rng(1).poisson(top, (64, 64))
    assert saturated_share(np.minimum(beam, top).astype(np.uint16)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("mean", [100.0, 3000.0])
def test_a_pile_at_any_other_value_is_seen_too(mean: float) -> None:
    beam = np.random.default_rng(1).poisson(mean, (64, 64)) * np.ones((64, 64), np.float32)
    share = saturated_share(np.minimum(beam, mean + np.sqrt(mean)))
    assert share == pytest.approx(0.16, abs=0.03)


def test_an_even_image_is_not_called_saturated() -> None:
    assert saturated_share(np.full((64, 64), 200.0)) == 0
    assert saturated_share(np.full((4, 4), np.nan)) == 0
