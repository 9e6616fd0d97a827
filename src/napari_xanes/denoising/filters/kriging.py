"""A map with its own statistics for a prior: the most likely one if it and its slope on a guide are Gaussian fields.

The power spectra of the fields are measured from the map itself, by expectation maximization; the linear system is
solved by conjugate gradients, the fields whitened by their spectra.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_MARGIN = 16  # pixels; keeps what lies at one edge from reaching round to the other
_ROUNDS, _STEPS, _LAST_STEPS = 4, 6, 12
_BINS = 32
_COARSEST = 128.0  # pixels; below its frequency the first spectrum is flat, and bins are no finer

_SPREAD, _SLOPE = 0.2, 0.3
"""Standard deviations of the map and of its slope on the guide before any is measured."""

_SLOPE_REACH = 40.0  # pixels over which the slope is expected to be the same


def kriged(num: Tensor, den: Tensor, guide: Tensor, mean: Tensor) -> Tensor:
    """The most likely map, (B, H, W).

    Parameters
    ----------
    num, den : Tensor, shape (B, H, W)
        Estimate times information, and information.
    guide : Tensor, shape (B, H, W)
        What the map may go along with.
    mean : Tensor, shape (B,)
        Mean of the map.
    """
    height, width = num.shape[-2:]
    size = (_good_size(height + _MARGIN), _good_size(width + _MARGIN))
    count = size[0] * size[1]
    fy, fx = (
        torch.fft.fftfreq(size[0], device=num.device)[:, None],
        torch.fft.rfftfreq(size[1], device=num.device),
    )
    frequency = torch.hypot(fy, fx)
    doubled = torch.full_like(frequency, 2.0)  # rfft2 keeps one of each pair
    doubled[:, 0] = 1
    if size[1] % 2 == 0:
        doubled[:, -1] = 1
    octaves = torch.log2(frequency * _COARSEST + 1)
    bins = (octaves / octaves.max() * _BINS).long().clamp(max=_BINS - 1).flatten()
    inside = torch.zeros(_BINS, device=num.device).index_add_(0, bins, doubled.flatten()).clamp(min=1e-9)
    first = [
        variance * shape * (count / (shape * doubled).sum())
        for variance, shape in (
            (_SPREAD**2, (frequency**2 + _COARSEST**-2) ** -1.25),
            (_SLOPE**2, (frequency**2 + _SLOPE_REACH**-2) ** -1.5),
        )
    ]
    power = torch.stack(first).expand(len(num), -1, -1, -1)
    columns = torch.stack([torch.ones_like(guide), guide], dim=1)
    weighted = columns * den[:, None]
    target = columns * (num - den * mean[:, None, None])[:, None]
    known = (weighted * columns).sum((-2, -1), keepdim=True) / count
    # What an informative pixel knows; with it, the system is nearly diagonal in frequency where there is much.
    usual = ((weighted * columns) ** 2).sum((-2, -1), keepdim=True) / (known * count).clamp(min=1e-20)
    state = torch.zeros(len(num), 2, *frequency.shape, dtype=torch.complex64, device=num.device)

    def product(a: Tensor, b: Tensor) -> Tensor:
        pairs = torch.view_as_real(a) * torch.view_as_real(b)
        return pairs.mul_(doubled[..., None]).sum((1, 2, 3, 4))[:, None, None, None]

    def fields_of(waves: Tensor, root: Tensor) -> Tensor:
        fields: Tensor = torch.fft.irfft2(waves * root, s=size)
        return fields[..., :height, :width]

    for number in range(_ROUNDS + 1):
        root = power.sqrt()
        ease = 1 / (1 + usual * power)

        def normal(waves: Tensor, root: Tensor = root) -> Tensor:
            together = fields_of(waves, root).mul_(columns).sum(dim=1, keepdim=True)
            result: Tensor = torch.fft.rfft2(weighted * together, s=size).mul_(root).add_(waves)
            return result

        rest = torch.fft.rfft2(target, s=size).mul_(root).sub_(normal(state))
        eased = rest * ease
        way, left = eased.clone(), product(rest, eased)
        for _ in range(_LAST_STEPS if number == _ROUNDS else _STEPS):
            pushed = normal(way)
            step = left / product(way, pushed).clamp(min=1e-20)
            state.addcmul_(way, step)
            rest.addcmul_(pushed, -step)
            torch.mul(rest, ease, out=eased)
            before, left = left, product(rest, eased)
            way.mul_(left / before.clamp(min=1e-20)).add_(eased)
        if number < _ROUNDS:
            seen = state.abs().mul_(root).square_().div_(count)
            power = _radial(seen.add_(1 / (known + 1 / power)), doubled, bins, inside)
            state.mul_(root).div_(power.sqrt())  # the same fields
    return mean[:, None, None] + (columns * fields_of(state, root)).sum(dim=1)


def _good_size(least: int) -> int:
    """The next length whose transform is fast: a product of small primes."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(least, real=True))


def _radial(power: Tensor, doubled: Tensor, bins: Tensor, inside: Tensor) -> Tensor:
    """Power (B, N, y, x) as its mean over rings, smoothed over neighbouring rings."""
    flat = (power * doubled).flatten(2)
    sums = torch.zeros(*flat.shape[:2], _BINS, device=power.device).index_add_(2, bins, flat)
    means = sums / inside
    at = torch.arange(_BINS, device=power.device)
    near = torch.exp(-0.5 * ((at[:, None] - at) / 0.7) ** 2) * (inside > 1e-6)
    means = means @ (near / near.sum(dim=1, keepdim=True).clamp(min=1e-9)).T
    return means[..., bins].reshape(power.shape) + math.ulp(1.0)
