"""Maps cleaned by the network or by total variation alone, with their standard errors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.progress import Progress

Singles = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights.pt"
_TILE = 768


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
    """The trained network, ready to be used."""
    import torch

    from napari_xanes.models.network import MixtureNet

    network = MixtureNet()
    network.load_state_dict({k: v.float() for k, v in torch.load(WEIGHTS, weights_only=True).items()})
    return network.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def clean_maps(
    num: Singles,
    den: Singles,
    jump: Singles,
    total: Singles,
    total_sigma: Singles,
    *,
    network: Any | None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Singles, Singles]:
    """Cleaned maps of fractions and their standard errors, each (K, Y, X).

    Parameters
    ----------
    num, den : ndarray, shape (K, Y, X)
        Estimate times information, and information (one over variance), of each map.
    jump, total, total_sigma : ndarray, shape (Y, X)
        Edge jump, mean absorption and its error: where structure may be.
    network : MixtureNet or None
        What chooses among the candidates; without one, total variation guided by the absorption is taken.
    device : str
        ``cpu`` or ``cuda``.
    """
    import torch

    from napari_xanes.models.candidates import GUIDED_VARIATIONS, VARIATIONS, Evidence, candidates

    cleaned, errors = np.empty_like(num), np.empty_like(num)
    beside = [torch.from_numpy(np.ascontiguousarray(one))[None].to(device) for one in (jump, total, total_sigma)]
    for i in range(len(num)):
        if progress is not None:
            progress(i / len(num), "cleaning the maps")
        mean = float(num[i].sum() / max(float(den[i].sum()), 1e-30))
        maps = [torch.from_numpy(np.ascontiguousarray(one[i]))[None].to(device) for one in (num, den)]
        centre = torch.tensor([min(max(mean, 0.0), 1.0)], dtype=torch.float32, device=device)
        with torch.inference_mode():
            seen = Evidence(maps[0], maps[1], beside[0], beside[1], beside[2], centre)
            found, features = candidates(seen)
            if network is not None:
                clean, log_error = _in_tiles(network, found, features)
                error = log_error.exp()
            else:
                clean = found[:, GUIDED_VARIATIONS.start]
                pooled = 1 / (seen.den * 4 * torch.pi * 4 + 11)
                error = (pooled + (found[:, VARIATIONS.start] - found[:, VARIATIONS.stop - 1]) ** 2 / 4).sqrt()
        cleaned[i], errors[i] = clean[0].cpu().numpy(), error[0].cpu().numpy()
    return cleaned, errors


def _in_tiles(network: Any, found: Any, features: Any) -> tuple[Any, Any]:
    """The network's answer on tiles that see as far as it looks; the same as on the whole."""
    import torch

    from napari_xanes.models.network import HALO

    height, width = features.shape[-2:]
    clean, log_error = torch.empty_like(found[:, 0]), torch.empty_like(found[:, 0])
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            y0, x0 = max(0, top - HALO), max(0, left - HALO)
            there = slice(y0, top + _TILE + HALO), slice(x0, left + _TILE + HALO)
            inner = slice(top - y0, top - y0 + _TILE), slice(left - x0, left - x0 + _TILE)
            tile = (slice(None), slice(None), *there)
            answers = network(found[tile], features[tile].contiguous(memory_format=torch.channels_last))
            for out, answer in zip((clean, log_error), answers, strict=True):
                out[:, top : top + _TILE, left : left + _TILE] = answer[(slice(None), *inner)]
    return clean, log_error
