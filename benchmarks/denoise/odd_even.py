"""A network that is trained on one stack: half of the energies predicts the energies between them.

After SPEND (self-permutation noise2noise of spectral images): neighbouring energies show nearly the same and have
independent noise, so odd energies serve as targets for even ones and the other way round. Written for this benchmark.
The network is small, because it is trained anew for each measurement, and sees the components that both halves share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

STEPS = (100, 200, 400)
"""Steps of training after which the stack is predicted; the best one is chosen by the truth."""

_COMPONENTS, _CROP, _BATCH, _RATE, _WIDTH = 6, 64, 2, 3e-3, 24
_DILATIONS = (1, 2, 4, 1)


def odd_even(depth: Array, weight: Array, seed: int = 0) -> Iterator[Array]:
    """Yield a cleaned stack (E, Y, X) after each number of `STEPS`.

    Parameters
    ----------
    depth, weight : array, shape (E, Y, X)
        Optical depth and one over its variance; an even number of energies.
    """
    import torch

    level = np.sqrt(weight.mean(axis=(1, 2), keepdims=True))
    mean = depth.mean(axis=(1, 2), keepdims=True)
    scaled = (depth - mean) * level
    even, odd = (scaled[i::2].reshape(len(depth) // 2, -1) for i in (0, 1))
    # What both halves share has no noise: the components are those of the covariance between them.
    left, _, right = np.linalg.svd(even @ odd.T / even.shape[1])
    spectra = left[:, :_COMPONENTS], right[:_COMPONENTS].T
    images = [(spectra[i].T @ half).reshape(_COMPONENTS, *depth.shape[1:]) for i, half in enumerate((even, odd))]
    spread = np.std(images[0], axis=(1, 2), keepdims=True) + 1e-12
    halves = [torch.from_numpy((image / spread).astype(np.float32)) for image in images]
    sharp = torch.from_numpy((weight.mean(axis=0) / weight.mean()).astype(np.float32))

    random_state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = _network()
    torch.set_rng_state(random_state)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), _RATE)
    for step in range(1, STEPS[-1] + 1):
        given, wanted = halves[step % 2], halves[1 - step % 2]
        loss = torch.zeros(())
        for _ in range(_BATCH):
            top, bottom = (
                int(torch.randint(0, max(size - _CROP, 0) + 1, (), generator=generator)) for size in depth.shape[1:]
            )
            box = (slice(top, top + _CROP), slice(bottom, bottom + _CROP))
            found = given[:, *box] + network(given[:, *box][None])[0]
            loss = loss + (sharp[box] * (found - wanted[:, *box]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in STEPS:
            cleaned = np.empty_like(depth)
            with torch.inference_mode():
                for i, given in enumerate(halves):
                    found = (given + network(given[None])[0]).numpy() * spread
                    cleaned[1 - i :: 2] = np.tensordot(spectra[1 - i], found, 1)
            yield (cleaned / level + mean).astype(np.float32)


def _network() -> Any:
    """Return a network of convolutions with growing holes that corrects images of components (B, N, Y, X)."""
    from torch import nn

    layers: list[Any] = [nn.Conv2d(_COMPONENTS, _WIDTH, 1), nn.ReLU()]
    for hole in _DILATIONS:
        layers += [nn.Conv2d(_WIDTH, _WIDTH, 3, padding=hole, dilation=hole, padding_mode="replicate"), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(_WIDTH, _COMPONENTS, 1))
