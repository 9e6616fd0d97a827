"""Clean maps by the network, or by total variation and kriging alone, and estimate their standard errors."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.limits import limit_torch
from napari_xanes.progress import Progress, part

WEIGHTS = Path(__file__).parent / "weights.pt"
WEIGHTS_SHA256 = "4755e861815cbd17505ad73d00b677f27ee566394bef161565734f56abfc80ac"

TILE = 320
"""Side in pixels of the tiles that are cleaned one after the other; the memory grows with it."""


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
    from napari_xanes.denoising.network.candidates import NoisyMaps, map_statistics

    cleaned, errors = np.empty_like(weighted_estimate), np.empty_like(weighted_estimate)

    def tensor(image: Float32Array) -> Any:
        return torch.from_numpy(np.ascontiguousarray(image))[None].to(device)

    jump, absorption, absorption_sigma = (tensor(image) for image in images)
    count = len(weighted_estimate)
    for i in range(count):
        if progress is not None:
            progress(i / count, "cleaning the maps")
        mean = float(weighted_estimate[i].sum() / max(float(information[i].sum()), 1e-30))
        centre = torch.tensor([min(max(mean, 0.0), 1.0)], dtype=torch.float32, device=device)
        estimate = tensor(weighted_estimate[i]), tensor(information[i])
        maps = NoisyMaps(*estimate, jump, absorption, absorption_sigma, centre)
        with torch.inference_mode():
            map_progress = part(progress, i / count, (i + 1) / count)
            statistics = map_statistics(maps)
            _clean_in_tiles(maps, statistics, network, cleaned[i], errors[i], map_progress)
            cleaned[i] = agreeing(tensor(cleaned[i]), maps, statistics)[0].cpu().numpy()
    return cleaned, errors


def _clean_in_tiles(
    maps: Any,
    statistics: Any,
    network: Any | None,
    cleaned: Float32Array,
    errors: Float32Array,
    progress: Progress | None,
) -> None:
    """Fill a map and its error tile by tile; each tile is computed with the surroundings that influence it."""
    import torch

    from napari_xanes.denoising.network.candidates import candidates, crop_maps
    from napari_xanes.denoising.network.mixture_net import HALO

    height, width = cleaned.shape
    starts = [(top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)]
    for number, (top, left) in enumerate(starts):
        if progress is not None:
            progress(number / len(starts), "cleaning the maps")
        y0, x0 = max(0, top - HALO), max(0, left - HALO)
        box = slice(y0, top + TILE + HALO), slice(x0, left + TILE + HALO)
        tile, tile_statistics = crop_maps(maps, statistics, *box)
        images, features = candidates(tile, tile_statistics)
        if network is None:
            clean, error = _average(images, tile.information)
        else:
            clean, error = _apply(network, images, features.contiguous(memory_format=torch.channels_last))
        mean = tile.mean[:, None, None]
        clean = mean + tile_statistics.structure * (clean - mean)
        target = (slice(top, top + TILE), slice(left, left + TILE))
        inner = (0, slice(top - y0, top - y0 + TILE), slice(left - x0, left - x0 + TILE))
        cleaned[target], errors[target] = clean[inner].cpu().numpy(), error[inner].cpu().numpy()


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

    direct = network(images, features)
    transposed = network(
        *(image.transpose(-2, -1).contiguous(memory_format=torch.channels_last) for image in (images, features))
    )
    clean, log_error = ((a + b.transpose(-2, -1)) / 2 for a, b in zip(direct, transposed, strict=True))
    return clean, log_error.exp()
