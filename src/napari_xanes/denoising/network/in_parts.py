"""Apply the network to a large map: its fine levels part by part, its coarse ones, which hold little, all at once.

Parts with all that influences them would take a quarter more time. The result is the mean of two: the network is
applied to the map as it is and transposed, which makes the error smaller.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from napari_xanes.blocks import on_threads
from napari_xanes.denoising.network.mixture_net import FINE_HALO, WIDTHS, MixtureNet, padded
from napari_xanes.denoising.tiles import Box, boxes, moved, with_margin
from napari_xanes.limits import release_memory
from napari_xanes.progress import Progress

PART = 352
"""Largest side of a part in pixels; the memory grows with it, and the time falls."""


@lru_cache(maxsize=2)
def both_ways(network: MixtureNet, device: str) -> tuple[MixtureNet, MixtureNet]:
    """Return a network on a device and the transposed one, in the format of numbers in which it is fastest."""
    ways = (network, network.transposed())
    if device != "cpu" or not _has_fast_bfloat16():
        return ways
    first, second = (copy.deepcopy(way).to(torch.bfloat16) for way in ways)
    return first, second


@cache
def _has_fast_bfloat16() -> bool:
    """Return whether this processor multiplies numbers of half the length, twice as fast; others only imitate it."""
    return bool(torch.cpu._is_avx512_bf16_supported())


def apply_in_parts(
    ways: Sequence[MixtureNet],
    candidates: Tensor,
    features: Callable[[Box], Tensor],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the cleaned map and its expected error, both (B, H, W), as the mean over networks.

    Parameters
    ----------
    ways : sequence of MixtureNet
        As from `both_ways`.
    candidates : Tensor, shape (B, N_CANDIDATES, H, W)
        The candidates.
    features : callable
        Returns the features (B, N_FEATURES, h, w) in a box of the map, h x w pixels.
    threads : int, optional
        Number of threads that share the parts.
    """
    parameter = next(ways[0].parameters())
    batch, _, *shape = candidates.shape
    half_shape = [_coarser(slice(0, size), 2).stop for size in shape]
    fine = [
        torch.empty((batch, WIDTHS[1], *half_shape), dtype=parameter.dtype, memory_format=torch.channels_last).to(
            parameter.device
        )
        for _ in ways
    ]
    coarse: list[Any] = [None for _ in ways]
    clean, log_error = (torch.zeros(batch, *shape, device=candidates.device) for _ in range(2))
    parts = boxes((slice(0, shape[0]), slice(0, shape[1])), PART)

    def prepared(wide: Box) -> Tensor:
        return features(wide).to(parameter.dtype).contiguous(memory_format=torch.channels_last)

    def encode(number: int) -> float:
        box = parts[number]
        wide, inner = _with_halo(box, shape)
        with torch.inference_mode():  # which each thread has for itself
            known = padded(prepared(wide))
            for way, out in zip(ways, fine, strict=True):
                out[..., *_coarser_box(box, 2)] = way.fine(known)[1][..., *_coarser_box(inner, 2)]
        return (number + 1) / len(parts) / 2

    def coarsen(number: int) -> float:
        with torch.inference_mode():
            coarse[number] = ways[number].coarse(fine[number])
        return 0.5

    def decode(number: int) -> float:
        box = parts[number]
        wide, inner = _with_halo(box, shape)
        with torch.inference_mode():
            known = prepared(wide)
            whole = padded(known)
            for way, known_fine, known_coarse in zip(ways, fine, coarse, strict=True):
                levels = (known_fine[..., *_coarser_box(wide, 2)], known_coarse[..., *_coarser_box(wide, 4)])
                found = way.mixed(candidates[..., *wide], known, way.first(whole), *levels)
                for total, part in zip((clean, log_error), found, strict=True):
                    total[..., *box] += part[..., *inner] / len(ways)
        return 0.5 + (number + 1) / len(parts) / 2

    for work, count in ((encode, len(parts)), (coarsen, len(ways)), (decode, len(parts))):
        on_threads(work, range(count), progress=progress, message="cleaning the maps", threads=threads)
        release_memory()
    return clean, log_error.exp_()


def _with_halo(box: Box, shape: Sequence[int]) -> tuple[Box, Box]:
    """Return a box with what influences it in the fine levels, and the box within that."""
    rows, columns = (with_margin(side, FINE_HALO, size) for side, size in zip(box, shape, strict=True))
    return (rows, columns), (moved(box[0], -rows.start), moved(box[1], -columns.start))


def _coarser(side: slice, factor: int) -> slice:
    """Return a side of a box in pixels that are so many times larger.

    Boxes start at multiples of 8. Where the map ends at no such multiple, the level is padded up to one.
    """
    return slice(side.start // factor, -(-side.stop // 8) * (8 // factor))


def _coarser_box(box: Box, factor: int) -> Box:
    """Return a box in pixels that are so many times larger; see `_coarser`."""
    return _coarser(box[0], factor), _coarser(box[1], factor)
