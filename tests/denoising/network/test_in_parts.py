"""The network applied part by part gives what it gives for the whole map."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from napari_xanes.denoising.network import in_parts
from napari_xanes.denoising.network.candidates import N_CANDIDATES, N_FEATURES
from napari_xanes.denoising.network.cleaning import load_network
from napari_xanes.denoising.tiles import Box


@pytest.fixture(autouse=True)
def single_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(in_parts, "_has_fast_bfloat16", lambda: False)
    in_parts.both_ways.cache_clear()
    yield
    in_parts.both_ways.cache_clear()


@pytest.mark.parametrize("shape", [(160, 96), (83, 101), (5, 3), (1, 90)])
@pytest.mark.parametrize("part", [32, 352])
def test_parts_give_the_mean_of_the_whole_map_as_it_is_and_transposed(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], part: int
) -> None:
    monkeypatch.setattr(in_parts, "PART", part)
    network = load_network("cpu")
    generator = torch.Generator().manual_seed(0)
    candidates = torch.rand(1, N_CANDIDATES, *shape, generator=generator)
    features = torch.randn(1, N_FEATURES, *shape, generator=generator)

    def inside(box: Box) -> torch.Tensor:
        return features[..., *box]

    with torch.inference_mode():
        clean, error = in_parts.apply_in_parts(in_parts.both_ways(network, "cpu"), candidates, inside)
        direct = network(candidates, features)
        turned = network(candidates.transpose(-2, -1), features.transpose(-2, -1))
    means = [(a + b.transpose(-2, -1)) / 2 for a, b in zip(direct, turned, strict=True)]
    torch.testing.assert_close(clean, means[0], atol=2e-5, rtol=0)
    torch.testing.assert_close(error, means[1].exp(), atol=2e-5, rtol=0)


def test_progress_rises_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_parts, "PART", 32)
    told: list[float] = []
    ways = in_parts.both_ways(load_network("cpu"), "cpu")
    with torch.inference_mode():
        in_parts.apply_in_parts(
            ways,
            torch.zeros(1, N_CANDIDATES, 48, 48),
            lambda box: torch.zeros(1, N_FEATURES, *(side.stop - side.start for side in box)),
            progress=lambda done, _: told.append(done),
        )
    assert told == sorted(told)
    assert told[-1] == 1.0
