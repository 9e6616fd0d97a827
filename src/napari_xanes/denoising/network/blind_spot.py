"""Noise2Void: a network that learns from noisy images alone (Krull, Buchholz and Jug, CVPR 2019).

Some pixels are replaced by a neighbour, and the network predicts their values. It can predict the signal but not the
noise, which is independent in each pixel. The cleaned pixel is a mean of the prediction and of the measured value,
weighted by the error of the prediction and by the known noise (Laine et al., NeurIPS 2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.denoising.one_thread import one_torch_thread
from napari_xanes.progress import Progress

_SIZE, _BATCH, _MASKED_SHARE, _RATE = 64, 2, 0.05, 2e-3
_WIDTH = 24
_ERROR_RADIUS = 2.0  # pixels over which the error of the prediction is measured
_TILE, _HALO = 512, 32


def clean_blind_spot(
    images: Float32Array, *, steps: int, seed: int, device: str = "cpu", progress: Progress | None = None
) -> Float32Array:
    """Train a network on images (N, H, W) with independent noise of unit variance, and return them cleaned.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
        The images to learn from and to clean.
    steps : int
        Training steps (Adam), each on two random squares of 64 pixels.
    seed : int
        Seed of the network's first weights and of the training squares.
    device : str
        Device to compute on.

    Notes
    -----
    On a processor one thread computes, so that the result does not depend on the number of cores.
    """
    import torch
    from scipy.ndimage import gaussian_filter

    scale = images.std(axis=(1, 2), keepdims=True) + np.float32(1e-6)
    scaled = torch.from_numpy(np.ascontiguousarray(images / scale))
    with one_torch_thread():
        network = _train(scaled, scale, steps, seed, device, progress)
        cleaned = _predict_in_tiles(network, scaled, device)
    cleaned *= scale
    for measured, prediction in zip(images, cleaned, strict=True):
        error = np.maximum(gaussian_filter((measured - prediction) ** 2, _ERROR_RADIUS) - 1, 0)
        prediction += (measured - prediction) * error / (error + 1)
    return cleaned


def _train(images: Any, scale: Float32Array, steps: int, seed: int, device: str, progress: Progress | None) -> Any:
    """Train a new network to predict masked pixels of images (N, H, W)."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(len(images)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    # Errors count in units of the noise, but a strong component must not outweigh the others.
    weight = torch.from_numpy(np.minimum(scale, 10.0)[None]).to(device) ** 2
    rng = np.random.default_rng(seed)
    for step in range(steps):
        if progress is not None:
            progress(0.9 * step / steps, "learning from the stack")
        batch = torch.stack([_random_square(images, rng) for _ in range(_BATCH)]).to(device)
        masked = torch.from_numpy(rng.random((_BATCH, 1, *batch.shape[-2:])) < _MASKED_SHARE).to(device)
        visible = torch.where(masked, _neighbours(batch, rng), batch)
        loss = (weight * (_predict(network, visible) - batch) ** 2 * masked).sum() / masked.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def _predict_in_tiles(network: Any, images: Any, device: str) -> Float32Array:
    """Predict all pixels of images (N, H, W), tile by tile."""
    import torch

    predictions = np.empty(tuple(images.shape), np.float32)
    height, width = images.shape[1:]
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            y0, x0 = max(0, top - _HALO), max(0, left - _HALO)
            tile = images[None, :, y0 : top + _TILE + _HALO, x0 : left + _TILE + _HALO].to(device)
            with torch.inference_mode():
                prediction = _predict(network, tile)[0].cpu().numpy()
            predictions[:, top : top + _TILE, left : left + _TILE] = prediction[
                :, top - y0 : top - y0 + _TILE, left - x0 : left - x0 + _TILE
            ]
    return predictions


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


def _predict(network: Any, images: Any) -> Any:
    """Return the mean of the eight neighbours of each pixel plus the correction of the network."""
    import torch.nn.functional as F

    neighbours = 9 * F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1) - images
    return neighbours / 8 + network(images)


def _random_square(images: Any, rng: np.random.Generator) -> Any:
    """Return a random square of the images, rotated and mirrored at random."""
    import torch

    height, width = images.shape[1:]
    size = min(_SIZE, height, width)
    y, x = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    square = torch.rot90(images[:, y : y + size, x : x + size], int(rng.integers(4)), (1, 2))
    return square.flip(2) if rng.random() < 0.5 else square


def _neighbours(images: Any, rng: np.random.Generator) -> Any:
    """Replace each pixel by one of the 24 pixels around it, the same one for all pixels of a batch."""
    import torch

    shifts = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0)]
    return torch.roll(images, shifts[int(rng.integers(len(shifts)))], (2, 3))
