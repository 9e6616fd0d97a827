"""Clean maps by the network, or by total variation and kriging alone, and estimate their standard errors."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.blocks import on_threads
from napari_xanes.denoising.one_thread import one_torch_thread
from napari_xanes.denoising.tiles import Box, boxes, moved, with_margin
from napari_xanes.limits import limit_torch, release_memory
from napari_xanes.progress import Progress, part

WEIGHTS = Path(__file__).parent / "weights.pt"
WEIGHTS_SHA256 = "e2ef88639ceadd5600774e372fcc02fe0c6bca64ce2d3084d6dd2e7a141bacec"

TILE, NETWORK_TILE = 1024, 512
"""Largest sides in pixels of the tiles whose candidates are computed one after the other, and of the tiles within these
that the network cleans; the memory grows with them."""

_REACH = 64
"""Distance in pixels at which the candidates of a tile depend on its border no longer; a multiple of 8."""


def resolve_device(name: str) -> str:
    """Return the device to compute on; ``auto`` means a graphics card if there is one.

    Raises
    ------
    ValueError
        If ``cuda`` is asked for and torch finds no graphics card.
    """
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("torch finds no graphics card for device='cuda'; use device='cpu'")
    return "cuda" if name != "cpu" and available else "cpu"


@cache
def load_network(device: str) -> Any:
    """Load the trained network.

    Raises
    ------
    OSError
        If the file of weights is not the published one.
    """
    import torch

    from napari_xanes.denoising.network.mixture_net import MixtureNet

    content = WEIGHTS.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise OSError(f"the file of network weights {WEIGHTS} is damaged: reinstall napari-xanes")
    limit_torch()
    network = MixtureNet()
    network.load_state_dict({k: v.float() for k, v in torch.load(io.BytesIO(content), weights_only=True).items()})
    return network.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def clean_maps(
    weighted_estimate: Float32Array,
    information: Float32Array,
    jump: Float32Array,
    absorption: Float32Array,
    absorption_sigma: Float32Array,
    *,
    network: Any | None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Float32Array, Float32Array]:
    """Clean maps of fractions and return them with their standard errors, each (K, Y, X).

    Parameters
    ----------
    weighted_estimate, information : ndarray, shape (K, Y, X)
        Estimate times information, and information (one over variance), of each map.
    jump, absorption, absorption_sigma : ndarray, shape (Y, X)
        Edge jump, mean absorption and its error: they show where structure may be.
    network : MixtureNet or None
        Chooses among the candidates. Without a network, the mean of guided total variation and kriging is taken.
    device : str
        ``cpu`` or ``cuda``. If the memory of the graphics card does not suffice, the processor does the work.
    """
    import torch

    images = (jump, absorption, absorption_sigma)
    try:
        with one_torch_thread():  # torch's own threads wait for one another: beside a busy core, ten times as long
            return _clean_on(device, weighted_estimate, information, images, network, progress)
    except torch.OutOfMemoryError:
        if device == "cpu":
            raise
        torch.cuda.empty_cache()
        moved = None if network is None else network.to("cpu")
        return _clean_on("cpu", weighted_estimate, information, images, moved, progress)


def _clean_on(
    device: str,
    weighted_estimate: Float32Array,
    information: Float32Array,
    images: tuple[Float32Array, Float32Array, Float32Array],
    network: Any | None,
    progress: Progress | None,
) -> tuple[Float32Array, Float32Array]:
    """Clean maps (K, Y, X) one after the other on one device."""
    import torch

    from napari_xanes.denoising.network.agreement import agreeing
    from napari_xanes.denoising.network.candidates import NoisyMaps, absorption_guide, map_statistics

    cleaned, errors = np.empty_like(weighted_estimate), np.empty_like(weighted_estimate)

    def tensor(image: Float32Array) -> Any:
        return torch.from_numpy(np.ascontiguousarray(image))[None].to(device)

    jump, absorption, absorption_sigma = (tensor(image) for image in images)
    with torch.inference_mode():
        guide = absorption_guide(jump, absorption, absorption_sigma)
    count = len(weighted_estimate)

    def clean(i: int, map_progress: Progress | None) -> float:
        release_memory()
        mean = float(weighted_estimate[i].sum() / max(float(information[i].sum()), 1e-30))
        centre = torch.tensor([min(max(mean, 0.0), 1.0)], dtype=torch.float32, device=device)
        estimate = tensor(weighted_estimate[i]), tensor(information[i])
        maps = NoisyMaps(*estimate, jump, absorption, absorption_sigma, centre)
        with torch.inference_mode():
            statistics = map_statistics(maps, guide)
            release_memory()
            _clean_in_tiles(maps, statistics, network, cleaned[i], errors[i], map_progress)
            cleaned[i] = agreeing(tensor(cleaned[i]), maps, statistics)[0].cpu().numpy()
        return (i + 1) / count

    message = "cleaning the maps"
    if device == "cpu" and max(cleaned.shape[1:]) <= NETWORK_TILE:  # of a single tile, so maps share the threads
        on_threads(lambda i: clean(i, None), range(count), progress=progress, message=message)
        return cleaned, errors
    for i in range(count):
        if progress is not None:
            progress(i / count, message)
        clean(i, part(progress, i / count, (i + 1) / count))
    return cleaned, errors


@dataclass(frozen=True)
class _Tile:
    """A part of maps with its margin, its candidates, and the ``rows`` and ``columns`` of the whole that it covers."""

    maps: Any
    statistics: Any
    images: Any
    hints: Any
    rows: slice
    columns: slice


def _clean_in_tiles(
    maps: Any,
    statistics: Any,
    network: Any | None,
    cleaned: Float32Array,
    errors: Float32Array,
    progress: Progress | None,
) -> None:
    """Fill a map and its error tile by tile; each tile is computed with the surroundings that influence it."""
    from napari_xanes.denoising.network.candidates import cleaned_maps, crop_maps, with_evenness
    from napari_xanes.denoising.network.mixture_net import HALO

    shape, on_card = cleaned.shape, maps.information.device.type != "cpu"
    margin = _REACH if network is None else _REACH + HALO
    for top, left in boxes((slice(0, shape[0]), slice(0, shape[1])), TILE):
        rows, columns = with_margin(top, margin, shape[0]), with_margin(left, margin, shape[1])
        crop, known = crop_maps(maps, statistics, rows, columns)
        known = with_evenness(crop, known)
        tile = _Tile(crop, known, *cleaned_maps(crop, known), rows, columns)

        def work(box: Box, tile: _Tile = tile) -> float:
            cleaned[box], errors[box] = _cleaned_box(box, tile, network, shape)
            return float(box[0].stop / shape[0])

        parts = boxes((top, left), TILE if network is None else NETWORK_TILE)
        on_threads(work, parts, progress=progress, message="cleaning the maps", threads=1 if on_card else None)
        del tile, work, crop, known
        release_memory()


def _cleaned_box(
    box: Box, tile: _Tile, network: Any | None, shape: tuple[int, ...]
) -> tuple[Float32Array, Float32Array]:
    """Return the cleaned map and its error in a box of the whole map, which the tile covers with its surroundings."""
    import torch

    from napari_xanes.denoising.network.candidates import crop_maps, network_features
    from napari_xanes.denoising.network.mixture_net import HALO

    wide = [with_margin(side, HALO, size) for side, size in zip(box, shape, strict=True)]
    y, x = moved(wide[0], -tile.rows.start), moved(wide[1], -tile.columns.start)
    inner = (0, *(moved(side, -outer.start) for side, outer in zip(box, wide, strict=True)))
    with torch.inference_mode():  # which each thread has for itself
        maps, statistics = crop_maps(tile.maps, tile.statistics, y, x)
        images = tile.images[..., y, x]
        if network is None:
            clean, error = _average(images, maps.information)
        else:
            clean, error = _apply(network, images, network_features(images, tile.hints[..., y, x], maps, statistics))
        mean = maps.mean[:, None, None]
        clean = mean + statistics.structure * (clean - mean)
        return clean[inner].cpu().numpy(), error[inner].cpu().numpy()


def _average(images: Any, information: Any) -> tuple[Any, Any]:
    """Return the mean of guided total variation and kriging, and its error: noise and their difference."""
    import torch

    from napari_xanes.denoising.network.candidates import GUIDED_VARIATION, KRIGED

    pair = images[:, [GUIDED_VARIATION, KRIGED]]
    noise = 1 / (information * 4 * torch.pi * 4 + 11)
    return pair.mean(dim=1), (noise + (pair[:, 0] - pair[:, 1]) ** 2).sqrt()


def _apply(network: Any, images: Any, features: Any) -> tuple[Any, Any]:
    """Apply the network to the maps as they are and transposed; the mean of both has a smaller error."""
    import torch

    def applied(images: Any, features: Any) -> tuple[Any, Any]:
        features = features.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=halved):
            result: tuple[Any, Any] = network(images, features)
        return result

    halved = features.device.type == "cpu" and _has_fast_bfloat16()
    if halved:
        features = features.to(torch.bfloat16)
    direct = applied(images, features)
    transposed = applied(images.transpose(-2, -1), features.transpose(-2, -1))
    clean, log_error = ((a + b.transpose(-2, -1)) / 2 for a, b in zip(direct, transposed, strict=True))
    return clean, log_error.exp()


@cache
def _has_fast_bfloat16() -> bool:
    """Return whether this processor multiplies numbers of half the length, twice as fast; others only imitate it."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported())
