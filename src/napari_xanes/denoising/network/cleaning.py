"""Maps cleaned by the network or by total variation alone, with their standard errors."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.progress import Progress, part

WEIGHTS = Path(__file__).parent / "weights.pt"
WEIGHTS_SHA256 = "4755e861815cbd17505ad73d00b677f27ee566394bef161565734f56abfc80ac"

TILE = 320
"""Side in pixels of what is cleaned at a time; memory goes with it."""


def device_of(name: str) -> str:
    """The device to compute on: ``auto`` takes a graphics card where there is one.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    import torch

    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ValueError("no graphics card that torch can use; take device='cpu'")
    return "cuda" if name != "cpu" and there else "cpu"


@cache
def load_network(device: str) -> Any:
    """The trained network, ready to be used.

    Raises
    ------
    OSError
        If its weights are not those that were published.
    """
    import torch

    from napari_xanes.denoising.network.mixture_net import MixtureNet

    content = WEIGHTS.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise OSError(f"the network's weights in {WEIGHTS} are damaged: install napari-xanes anew")
    network = MixtureNet()
    network.load_state_dict({k: v.float() for k, v in torch.load(io.BytesIO(content), weights_only=True).items()})
    return network.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def clean_maps(
    num: Float32Array,
    den: Float32Array,
    jump: Float32Array,
    total: Float32Array,
    total_sigma: Float32Array,
    *,
    network: Any | None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Float32Array, Float32Array]:
    """Cleaned maps of fractions and their standard errors, each (K, Y, X).

    Parameters
    ----------
    num, den : ndarray, shape (K, Y, X)
        Estimate times information, and information (one over variance), of each map.
    jump, total, total_sigma : ndarray, shape (Y, X)
        Edge jump, mean absorption and its error: where structure may be.
    network : MixtureNet or None
        What chooses among the candidates; without one, the mean of guided total variation and kriging is taken.
    device : str
        ``cpu`` or ``cuda``. Where its memory does not suffice, the processor goes on.
    """
    import torch

    try:
        return _clean_on(device, num, den, (jump, total, total_sigma), network, progress)
    except torch.OutOfMemoryError:
        if device == "cpu":
            raise
        torch.cuda.empty_cache()
        here = None if network is None else network.to("cpu")
        return _clean_on("cpu", num, den, (jump, total, total_sigma), here, progress)


def _clean_on(
    device: str,
    num: Float32Array,
    den: Float32Array,
    around: tuple[Float32Array, Float32Array, Float32Array],
    network: Any | None,
    progress: Progress | None,
) -> tuple[Float32Array, Float32Array]:
    import torch

    from napari_xanes.denoising.network.candidates import Evidence, overview

    cleaned, errors = np.empty_like(num), np.empty_like(num)
    beside = [torch.from_numpy(np.ascontiguousarray(one))[None].to(device) for one in around]
    for i in range(len(num)):
        if progress is not None:
            progress(i / len(num), "cleaning the maps")
        mean = float(num[i].sum() / max(float(den[i].sum()), 1e-30))
        maps = [torch.from_numpy(np.ascontiguousarray(one[i]))[None].to(device) for one in (num, den)]
        centre = torch.tensor([min(max(mean, 0.0), 1.0)], dtype=torch.float32, device=device)
        with torch.inference_mode():
            seen = Evidence(maps[0], maps[1], beside[0], beside[1], beside[2], centre)
            part_done = part(progress, i / len(num), (i + 1) / len(num))
            _clean_in_tiles(seen, overview(seen), network, cleaned[i], errors[i], part_done)
    return cleaned, errors


def _both_ways(network: Any, found: Any, features: Any) -> tuple[Any, Any]:
    """The mean of the answers for the maps as they lie and transposed: no direction is special, and two err less."""
    import torch

    lying = network(found, features.contiguous(memory_format=torch.channels_last))
    turned = network(
        *(one.transpose(-2, -1).contiguous(memory_format=torch.channels_last) for one in (found, features))
    )
    clean, log_error = ((a + b.transpose(-2, -1)) / 2 for a, b in zip(lying, turned, strict=True))
    return clean, log_error.exp()


def _clean_in_tiles(
    seen: Any, over: Any, network: Any | None, cleaned: Float32Array, errors: Float32Array, progress: Progress | None
) -> None:
    """Fill the map and its error tile by tile; each sees as far around as it makes a difference."""
    import torch

    from napari_xanes.denoising.network.candidates import GUIDED_VARIATION, KRIGED, candidates, cut
    from napari_xanes.denoising.network.mixture_net import HALO

    height, width = cleaned.shape
    starts = [(top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)]
    for number, (top, left) in enumerate(starts):
        if progress is not None:
            progress(number / len(starts), "cleaning the maps")
        y0, x0 = max(0, top - HALO), max(0, left - HALO)
        here, over_here = cut(seen, over, slice(y0, top + TILE + HALO), slice(x0, left + TILE + HALO))
        found, features = candidates(here, over_here)
        if network is not None:
            clean, error = _both_ways(network, found, features)
        else:
            pair = found[:, [GUIDED_VARIATION, KRIGED]]
            clean = pair.mean(dim=1)
            pooled = 1 / (here.den * 4 * torch.pi * 4 + 11)
            error = (pooled + (pair[:, 0] - pair[:, 1]) ** 2).sqrt()
        clean = here.mean[:, None, None] + over.seen * (clean - here.mean[:, None, None])
        there = (slice(top, top + TILE), slice(left, left + TILE))
        inner = (0, slice(top - y0, top - y0 + TILE), slice(left - x0, left - x0 + TILE))
        cleaned[there], errors[there] = clean[inner].cpu().numpy(), error[inner].cpu().numpy()
