"""Fine-tune the network on one stack without knowing the truth.

One half of the energies predicts the other half. The noise of the two halves is independent, so the map that predicts
best is the cleanest (Lehtinen et al., Noise2Noise, ICML 2018). The adapted network is kept only if the error falls in
places that were held out of the training.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.progress import Progress

SIZE = 128
_STEPS, _RATE, _ANCHOR = 40, 5e-5, 1e-3
_SATURATION = 0.05
"""Share of the largest information above which pixels count alike: thick parts must not dominate the training."""

_BATCH = 2
_MAX_PLACES = 16
_CLEARLY = 1.0
"""Standard errors by which held-out places must improve."""


@dataclass(frozen=True)
class EnergyHalves:
    """Maps of fractions from each half of the energies, and the images that both share.

    ``weighted_estimate`` and ``information`` are (2, K, Y, X); ``images`` are the edge jump, the absorption and its
    error, (Y, X) each.
    """

    weighted_estimate: Float32Array
    information: Float32Array
    images: tuple[Float32Array, Float32Array, Float32Array]


@dataclass(frozen=True)
class Adaptation:
    """The network to use, whether it is the adapted one, and the held-out error after over before the training."""

    network: Any
    accepted: bool
    error_ratio: float


@dataclass(frozen=True)
class _Batch:
    """Candidates and features of one half of the energies, and the map of the other half with its weights."""

    candidates: Any
    features: Any
    target: Any
    weight: Any


def adapt(
    network: Any, halves: EnergyHalves, *, seed: int, device: str, progress: Progress | None = None
) -> Adaptation:
    """Train a copy of the network on one stack; return the original if the held-out error does not fall.

    Parameters
    ----------
    network : MixtureNet
        The network to start from. It is not changed.
    halves : EnergyHalves
        The data.
    seed : int
        Seed of the order of places.
    device : str
        Device to compute on.
    """
    rng = np.random.default_rng(seed)
    places = _places(halves.information.sum(axis=(0, 1)), rng)
    if len(places) < 4:
        return Adaptation(network, False, 1.0)
    batches = [_batches(halves, place, device) for place in places]
    held_out, training = batches[::3], [pair for i, pair in enumerate(batches) if i % 3]
    errors_before = np.array([_error(network, pair) for pair in held_out])
    adapted = _trained_copy(network, training, rng, device, progress)
    errors_after = np.array([_error(adapted, pair) for pair in held_out])
    change = errors_before - errors_after
    error = change.std(ddof=1) / np.sqrt(change.size) if change.size > 1 else np.inf
    accepted = bool(change.mean() > _CLEARLY * error)
    return Adaptation(
        adapted.eval() if accepted else network, accepted, float(errors_after.mean() / errors_before.mean())
    )


def _trained_copy(
    network: Any,
    training: Sequence[Sequence[_Batch]],
    rng: np.random.Generator,
    device: str,
    progress: Progress | None,
) -> Any:
    """Train a copy of the network; a penalty keeps its parameters near the original ones."""
    import torch

    adapted = copy.deepcopy(network)
    original = [parameter.detach().clone() for parameter in adapted.parameters()]
    optimizer = torch.optim.Adam(adapted.parameters(), lr=_RATE)
    for step in range(_STEPS):
        if progress is not None:
            progress(step / _STEPS, "adapting the network")
        loss = torch.zeros((), device=device)
        for i in rng.integers(len(training), size=_BATCH):
            loss = loss + _loss(adapted, training[i]) / _BATCH
        loss = loss + _ANCHOR * sum(
            ((parameter - start) ** 2).sum() for parameter, start in zip(adapted.parameters(), original, strict=True)
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapted.parameters(), 0.5)
        optimizer.step()
    return adapted


def _places(information: Float32Array, rng: np.random.Generator) -> list[tuple[slice, slice]]:
    """Return boxes of the image with much information, in random order."""
    height, width = information.shape
    size_y, size_x = min(SIZE, height), min(SIZE, width)
    boxes = [
        (slice(y, y + size_y), slice(x, x + size_x))
        for y in range(0, height - size_y + 1, max(1, size_y // 2))
        for x in range(0, width - size_x + 1, max(1, size_x // 2))
    ]
    sums = np.array([float(information[box].sum()) for box in boxes])
    informative = np.flatnonzero(sums > 0.1 * sums.max())
    return [boxes[i] for i in rng.permutation(informative)[:_MAX_PLACES]]


def _batches(halves: EnergyHalves, place: tuple[slice, slice], device: str) -> list[_Batch]:
    """Return two batches for one place: the first half predicts the second, and the second the first."""
    import torch

    from napari_xanes.denoising.network.candidates import NoisyMaps, candidates, map_statistics

    def tensor(array: Float32Array) -> Any:
        crop = np.ascontiguousarray(array[(..., *place)])
        return torch.from_numpy(crop.reshape(-1, *crop.shape[-2:])).to(device)

    def batch(input_half: int, target_half: int) -> _Batch:
        estimate, information = tensor(halves.weighted_estimate[input_half]), tensor(halves.information[input_half])
        mean = (estimate.sum((1, 2)) / information.sum((1, 2)).clamp(min=1e-12)).clamp(0, 1)
        with torch.inference_mode():
            maps = NoisyMaps(estimate, information, jump, absorption, absorption_sigma, mean)
            cleaned, features = candidates(maps, map_statistics(maps))
        information = tensor(halves.information[target_half])
        target = tensor(halves.weighted_estimate[target_half]) / information.clamp(min=1e-12)
        limit = _SATURATION * information.flatten()[:: max(1, information.numel() >> 20)].quantile(0.99)
        weight = information * limit / (information + limit).clamp(min=1e-12)
        # Clones can take part in training; tensors of inference mode can't.
        features = features.clone().contiguous(memory_format=torch.channels_last)
        return _Batch(cleaned.clone(), features, target, weight / weight.mean().clamp(min=1e-12))

    count = halves.information.shape[1]
    jump, absorption, absorption_sigma = (tensor(image).expand(count, -1, -1) for image in halves.images)
    return [batch(0, 1), batch(1, 0)]


def _loss(network: Any, pair: Sequence[_Batch]) -> Any:
    """Return the squared error against the other half, relative to that of plain total variation."""
    from napari_xanes.denoising.network.candidates import VARIATION

    total: Any = 0.0
    for batch in pair:
        clean, _ = network(batch.candidates, batch.features)
        reference = (batch.weight * (batch.candidates[:, VARIATION] - batch.target) ** 2).mean()
        total = total + (batch.weight * (clean - batch.target) ** 2).mean() / reference
    return total / len(pair)


def _error(network: Any, pair: Sequence[_Batch]) -> float:
    import torch

    with torch.inference_mode():
        return float(_loss(network, pair))
