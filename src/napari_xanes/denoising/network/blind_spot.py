"""Noise2Void: a network that learns from noisy images alone (Krull, Buchholz and Jug, CVPR 2019).

Some pixels are replaced by a neighbour, and the network must foretell what they were. Noise that differs from pixel to
pixel can't be foretold; what can be is the signal. The pixel's own value then counts as much as its noise, which is
known, is smaller than the error of what was foretold (Laine et al., NeurIPS 2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.progress import Progress

_SIZE, _BATCH, _HIDDEN, _RATE = 64, 2, 0.05, 2e-3
_WIDTH = 24
_AROUND = 2.0  # pixels over which the error of what was foretold is measured
_TILE, _HALO = 512, 32


def blind_spot(
    images: Float32Array, *, steps: int, seed: int, device: str = "cpu", progress: Progress | None = None
) -> Float32Array:
    """Images (N, H, W) with independent noise of unit variance, cleaned.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
        What is learned from and cleaned.
    steps : int
        Steps of Adam, each on two squares of 64 pixels.
    seed : int
        Of all chance.
    device : str
        Where to compute.
    """
    import torch
    from scipy.ndimage import gaussian_filter

    scale = images.std(axis=(1, 2), keepdims=True) + np.float32(1e-6)
    seen = torch.from_numpy(np.ascontiguousarray(images / scale))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(len(images)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    # An error counts in units of noise, but a component with little of it must not drown the others.
    weight = torch.from_numpy(np.minimum(scale, 10.0)[None]).to(device) ** 2
    rng = np.random.default_rng(seed)
    for step in range(steps):
        if progress is not None:
            progress(0.9 * step / steps, "learning from the stack")
        batch = torch.stack([_square(seen, rng) for _ in range(_BATCH)]).to(device)
        hidden = torch.from_numpy(rng.random((_BATCH, 1, *batch.shape[-2:])) < _HIDDEN).to(device)
        given = torch.where(hidden, _neighbours(batch, rng), batch)
        loss = (weight * (_foretold(network, given) - batch) ** 2 * hidden).sum() / hidden.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    out = np.empty_like(images)
    height, width = images.shape[1:]
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            y0, x0 = max(0, top - _HALO), max(0, left - _HALO)
            tile = seen[None, :, y0 : top + _TILE + _HALO, x0 : left + _TILE + _HALO].to(device)
            with torch.inference_mode():
                clean = _foretold(network, tile)[0].cpu().numpy()
            out[:, top : top + _TILE, left : left + _TILE] = clean[
                :, top - y0 : top - y0 + _TILE, left - x0 : left - x0 + _TILE
            ]
    out *= scale
    for own, foretold in zip(images, out, strict=True):
        error = np.maximum(gaussian_filter((own - foretold) ** 2, _AROUND) - 1, 0)
        foretold += (own - foretold) * error / (error + 1)
    return out


def _network(channels: int) -> Any:
    from torch import nn

    layers: list[nn.Module] = []
    for i, spread in enumerate((1, 2, 4, 2, 1)):
        layers += [
            nn.Conv2d(_WIDTH if i else channels, _WIDTH, 3, padding=spread, dilation=spread, padding_mode="replicate"),
            nn.LeakyReLU(0.1),
        ]
    last = nn.Conv2d(_WIDTH, channels, 1)
    nn.init.zeros_(last.weight)
    return nn.Sequential(*layers, last)


def _foretold(network: Any, images: Any) -> Any:
    """The mean of the eight pixels around each, and what the network adds to it."""
    import torch.nn.functional as F

    around = 9 * F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1) - images
    return around / 8 + network(images)


def _square(images: Any, rng: np.random.Generator) -> Any:
    """A random square of the images, turned and mirrored at random."""
    import torch

    height, width = images.shape[1:]
    size = min(_SIZE, height, width)
    y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    square = torch.rot90(images[:, y : y + size, x : x + size], int(rng.integers(4)), (1, 2))
    return square.flip(2) if rng.random() < 0.5 else square


def _neighbours(images: Any, rng: np.random.Generator) -> Any:
    """Each pixel's value taken from one of the 24 around it, the same way for all pixels of a batch."""
    import torch

    ways = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0)]
    return torch.roll(images, ways[int(rng.integers(len(ways)))], (2, 3))
