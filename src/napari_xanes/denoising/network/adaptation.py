"""The network adapted to one data set without truth: what one half of the energies gives must foretell the other.

The noise of two interleaved halves is independent, so the map that foretells the other half best is the cleanest
(Lehtinen et al., Noise2Noise, ICML 2018). Places that were not learned from decide whether the adapted network is used.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_xanes._typing import Float32Array
from napari_xanes.progress import Progress

SIZE = 128
_STEPS, _RATE, _ANCHOR = 40, 5e-5, 1e-3
_THICK = 0.05
"""Share of the largest information from which on pixels count alike: thick parts must not teach alone."""

_BATCH = 2
_MOST_PLACES = 16
_CLEARLY = 1.0
"""Standard errors by which held-out places must improve."""


@dataclass(frozen=True)
class Halves:
    """Maps of fractions from each half of the energies: ``num`` and ``den`` (2, K, Y, X), and what is known of both.

    ``beside`` are the edge jump, the absorption and its error, (Y, X) each.
    """

    num: Float32Array
    den: Float32Array
    beside: tuple[Float32Array, Float32Array, Float32Array]


@dataclass(frozen=True)
class Adapted:
    """A network, whether it was accepted, and the error of held-out places before and after (ratio of means)."""

    network: Any
    accepted: bool
    gain: float


def adapt(network: Any, halves: Halves, *, seed: int, device: str, progress: Progress | None = None) -> Adapted:
    """Train a copy of the network on the halves of one data set; the original is returned if that does not help.

    Parameters
    ----------
    network : MixtureNet
        Where to start. It is not changed.
    halves : Halves
        The data.
    seed : int
        Seed of the order of places.
    device : str
        Where to compute.
    """
    import torch

    rng = np.random.default_rng(seed)
    places = _places(halves.den.sum(axis=(0, 1)), rng)
    if len(places) < 4:
        return Adapted(network, False, 1.0)
    pairs = [_pair(halves, place, device) for place in places]
    held, learned = pairs[::3], [pair for i, pair in enumerate(pairs) if i % 3]
    before = np.array([_error(network, pair) for pair in held])
    copied = copy.deepcopy(network)
    start = [one.detach().clone() for one in copied.parameters()]
    optimizer = torch.optim.Adam(copied.parameters(), lr=_RATE)
    for step in range(_STEPS):
        if progress is not None:
            progress(step / _STEPS, "adapting the network")
        loss = torch.zeros((), device=device)
        for i in rng.integers(len(learned), size=_BATCH):
            loss = loss + _loss(copied, learned[i]) / _BATCH
        loss = loss + _ANCHOR * sum(
            ((one - old) ** 2).sum() for one, old in zip(copied.parameters(), start, strict=True)
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(copied.parameters(), 0.5)
        optimizer.step()
    after = np.array([_error(copied, pair) for pair in held])
    change = before - after
    error = change.std(ddof=1) / np.sqrt(change.size) if change.size > 1 else np.inf
    accepted = bool(change.mean() > _CLEARLY * error)
    return Adapted(copied.eval() if accepted else network, accepted, float(after.mean() / before.mean()))


def _places(information: Float32Array, rng: np.random.Generator) -> list[tuple[slice, slice]]:
    """Squares of the image with much information, in random order."""
    height, width = information.shape
    size_y, size_x = min(SIZE, height), min(SIZE, width)
    found = [
        (slice(y, y + size_y), slice(x, x + size_x))
        for y in range(0, height - size_y + 1, max(1, size_y // 2))
        for x in range(0, width - size_x + 1, max(1, size_x // 2))
    ]
    sums = np.array([float(information[place].sum()) for place in found])
    rich = np.flatnonzero(sums > 0.1 * sums.max())
    return [found[i] for i in rng.permutation(rich)[:_MOST_PLACES]]


def _pair(halves: Halves, place: tuple[slice, slice], device: str) -> list[dict[str, Any]]:
    """Candidates of either half and what they have to foretell, one batch per half."""
    import torch

    from napari_xanes.denoising.network.candidates import Evidence, candidates, overview

    def images(array: Float32Array) -> Any:
        cut = np.ascontiguousarray(array[(..., *place)])
        return torch.from_numpy(cut.reshape(-1, *cut.shape[-2:])).to(device)

    made = []
    count = halves.num.shape[1]
    beside = [images(one).expand(count, -1, -1) for one in halves.beside]
    for own, other in ((0, 1), (1, 0)):
        num, den = images(halves.num[own]), images(halves.den[own])
        mean = (num.sum((1, 2)) / den.sum((1, 2)).clamp(min=1e-12)).clamp(0, 1)
        with torch.inference_mode():
            seen = Evidence(num, den, beside[0], beside[1], beside[2], mean)
            found, features = candidates(seen, overview(seen))
        information = images(halves.den[other])
        target = images(halves.num[other]) / information.clamp(min=1e-12)
        enough = _THICK * information.flatten()[:: max(1, information.numel() >> 20)].quantile(0.99)
        weight = information * enough / (information + enough).clamp(min=1e-12)
        made.append(
            {
                "candidates": found.clone(),
                "features": features.clone().contiguous(memory_format=torch.channels_last),
                "target": target,
                "weight": weight / weight.mean().clamp(min=1e-12),
            }
        )
    return made


def _loss(network: Any, pair: list[dict[str, Any]]) -> Any:
    """Squared error against the other half, in units of its noise."""
    from napari_xanes.denoising.network.candidates import VARIATION

    total: Any = 0.0
    for half in pair:
        clean, _ = network(half["candidates"], half["features"])
        usual = (half["weight"] * (half["candidates"][:, VARIATION] - half["target"]) ** 2).mean()
        total = total + (half["weight"] * (clean - half["target"]) ** 2).mean() / usual
    return total / len(pair)


def _error(network: Any, pair: list[dict[str, Any]]) -> float:
    import torch

    with torch.inference_mode():
        return float(_loss(network, pair))
