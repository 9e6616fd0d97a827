"""Clean maps by the network, or by total variation and kriging alone, and estimate their standard errors."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
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

TILE = 1024
"""Largest side in pixels of the tiles that are cleaned one after the other; the memory grows with it."""

_SMALL = 512
"""Largest side in pixels of maps that share the threads; the parts of a larger map share them."""

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
    from napari_xanes.denoising.network.in_parts import both_ways

    cleaned, errors = np.empty_like(weighted_estimate), np.empty_like(weighted_estimate)

    def tensor(image: Float32Array) -> Any:
        return torch.from_numpy(np.ascontiguousarray(image))[None].to(device)

    jump, absorption, absorption_sigma = (tensor(image) for image in images)
    with torch.inference_mode():
        guide = absorption_guide(jump, absorption, absorption_sigma)
    count = len(weighted_estimate)
    is_small = device == "cpu" and max(cleaned.shape[1:]) <= _SMALL
    threads = 1 if is_small or device != "cpu" else None
    ways = None if network is None else both_ways(network, device)

    def clean(i: int, map_progress: Progress | None) -> float:
        release_memory()
        mean = float(weighted_estimate[i].sum() / max(float(information[i].sum()), 1e-30))
        centre = torch.tensor([min(max(mean, 0.0), 1.0)], dtype=torch.float32, device=device)
        estimate = tensor(weighted_estimate[i]), tensor(information[i])
        maps = NoisyMaps(*estimate, jump, absorption, absorption_sigma, centre)
        with torch.inference_mode():
            statistics = map_statistics(maps, guide)
            release_memory()
            _clean_in_tiles(maps, statistics, ways, cleaned[i], errors[i], threads, map_progress)
            cleaned[i] = agreeing(tensor(cleaned[i]), maps, statistics)[0].cpu().numpy()
        return (i + 1) / count

    message = "cleaning the maps"
    if is_small:
        on_threads(lambda i: clean(i, None), range(count), progress=progress, message=message)
        return cleaned, errors
    for i in range(count):
        if progress is not None:
            progress(i / count, message)
        clean(i, part(progress, i / count, (i + 1) / count))
    return cleaned, errors


def _clean_in_tiles(
    maps: Any,
    statistics: Any,
    ways: Any | None,
    cleaned: Float32Array,
    errors: Float32Array,
    threads: int | None,
    progress: Progress | None,
) -> None:
    """Fill a map (Y, X) and its error tile by tile; each tile is computed with the surroundings that influence it.

    Parameters
    ----------
    maps, statistics : NoisyMaps, MapStatistics
        Of the whole map.
    ways : tuple of MixtureNet, optional
        As from `both_ways`; without them, two candidates are averaged.
    cleaned, errors : ndarray, shape (Y, X)
        What is filled.
    threads : int, optional
        Number of threads that share the parts of a tile.
    progress : callable, optional
        Called with the fraction of the map that is done.
    """
    from napari_xanes.denoising.network.candidates import cleaned_maps, crop_maps, with_evenness
    from napari_xanes.denoising.network.in_parts import apply_in_parts
    from napari_xanes.denoising.network.mixture_net import HALO

    shape = cleaned.shape
    halo = 0 if ways is None else HALO
    tiles = boxes((slice(0, shape[0]), slice(0, shape[1])), TILE)
    for number, box in enumerate(tiles):
        wide = [with_margin(side, halo, size) for side, size in zip(box, shape, strict=True)]
        rows, columns = (with_margin(side, _REACH, size) for side, size in zip(wide, shape, strict=True))
        crop, known = crop_maps(maps, statistics, rows, columns)
        known = with_evenness(crop, known)
        images, hints = cleaned_maps(crop, known)
        y, x = moved(wide[0], -rows.start), moved(wide[1], -columns.start)
        crop, known = crop_maps(crop, known, y, x)
        images, hints = images[..., y, x], hints[..., y, x]
        if ways is None:
            clean, error = _average(images, crop.information)
        else:
            within = part(progress, number / len(tiles), (number + 1) / len(tiles))
            clean, error = apply_in_parts(
                ways, images, _features_of(images, hints, crop, known), threads=threads, progress=within
            )
        mean = maps.mean[:, None, None]
        clean = mean + statistics.structure * (clean - mean)
        inner = (0, *(moved(side, -outer.start) for side, outer in zip(box, wide, strict=True)))
        cleaned[box], errors[box] = clean[inner].cpu().numpy(), error[inner].cpu().numpy()
        del crop, known, images, hints, clean, error
        release_memory()


def _features_of(images: Any, hints: Any, maps: Any, statistics: Any) -> Callable[[Box], Any]:
    """Return what computes the features of the network in a box of maps whose candidates and hints are known."""
    from napari_xanes.denoising.network.candidates import crop_maps, network_features

    def features(box: Box) -> Any:
        return network_features(images[..., *box], hints[..., *box], *crop_maps(maps, statistics, *box))

    return features


def _average(images: Any, information: Any) -> tuple[Any, Any]:
    """Return the mean of guided total variation and kriging, and its error: noise and their difference."""
    import torch

    from napari_xanes.denoising.network.candidates import GUIDED_VARIATION, KRIGED

    pair = images[:, [GUIDED_VARIATION, KRIGED]]
    noise = 1 / (information * 4 * torch.pi * 4 + 11)
    return pair.mean(dim=1), (noise + (pair[:, 0] - pair[:, 1]) ** 2).sqrt()
