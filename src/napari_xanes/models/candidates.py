"""What the network chooses from: one map cleaned in eleven classical ways, and what tells where each is good.

A map of a fraction is known from two images: its information ``den`` (one over the variance of a pixel's estimate) and
``num``, the estimate times the information. Pooled over a neighbourhood, both just add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

POOLS = (1.0, 2.0, 4.0, 8.0)
STRENGTHS = (0.5, 1.0, 2.0)
GUIDES = ((5.0, 0.0), (10.0, 1.0), (20.0, 1.4))
"""Radius in pixels of the local fit on the guide, and the strength of the total variation of what it leaves."""

N_CANDIDATES = 1 + len(POOLS) + len(STRENGTHS) + len(GUIDES)
N_FEATURES = N_CANDIDATES + 8
VARIATIONS = slice(1 + len(POOLS), 1 + len(POOLS) + len(STRENGTHS))
"""Which candidates are total variation, from the weakest to the strongest."""

VARIATION = VARIATIONS.start + STRENGTHS.index(1.0)
GUIDED_VARIATIONS = slice(N_CANDIDATES - 2, N_CANDIDATES)
TAU = 0.3
"""Standard deviation of a fraction from pixel to pixel that is expected before the data are seen."""

_STEP = 0.35  # times the norm of the gradient, sqrt(8), less than 1: the iteration converges


@dataclass(frozen=True)
class Evidence:
    """Maps to be cleaned, all (B, H, W) float32, and what is known beside them.

    ``num`` and ``den`` as above; ``jump``, the cleaned edge jump; ``total``, the absorption summed over energies, and
    ``total_sigma``, its error; ``mean`` (B,), the mean fraction.
    """

    num: Tensor
    den: Tensor
    jump: Tensor
    total: Tensor
    total_sigma: Tensor
    mean: Tensor


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (B, H, W); a wide one on a grid of every fourth pixel, where nothing is lost by it."""
    if sigma >= 8 and min(images.shape[-2:]) >= 32:
        height, width = images.shape[-2:]
        padded = F.pad(images[:, None], (0, -width % 4, 0, -height % 4), mode="replicate")
        small = blurred(F.avg_pool2d(padded, 4)[:, 0], sigma / 4)
        large = F.interpolate(small[:, None], scale_factor=4, mode="bilinear", align_corners=False)
        return large[:, 0, :height, :width]
    reach = int(3 * sigma + 0.5)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel /= kernel.sum()
    one = F.conv2d(F.pad(images[:, None], (0, 0, reach, reach), mode="replicate"), kernel[None, None, :, None])
    return F.conv2d(F.pad(one, (reach, reach, 0, 0), mode="replicate"), kernel[None, None, None])[:, 0]


def least_variation(num: Tensor, den: Tensor, strength: Tensor, *, iterations: int = 150) -> Tensor:
    """The map v with the least ``sum den / 2 (v - num / den)**2 + strength * s * TV(v)``, s the root of a usual den.

    Chambolle and Pock's primal-dual steps (J. Math. Imaging Vis. 40, 120, 2011).

    Parameters
    ----------
    num, den : Tensor, shape (B, H, W)
        Estimate times information, and information.
    strength : Tensor, shape (B,)
        Weight of the total variation, in standard errors of a usual pixel.
    iterations : int
        How many steps.
    """
    scale = torch.stack([_usual(one) for one in den]).sqrt()[:, None, None]
    d, q = den / scale, num / scale
    v = blurred(q, 2.0) / blurred(d, 2.0)
    ahead = v.clone()
    across, down, across_step, down_step = (torch.zeros_like(v) for _ in range(4))
    shrink = 1 / (1 + _STEP * d)
    pull = _STEP * q
    bound = 1 / strength[:, None, None]
    for _ in range(iterations):
        torch.sub(ahead[:, :, 1:], ahead[:, :, :-1], out=across_step[:, :, :-1])
        torch.sub(ahead[:, 1:], ahead[:, :-1], out=down_step[:, :-1])
        across.add_(across_step, alpha=_STEP)
        down.add_(down_step, alpha=_STEP)
        length = torch.addcmul(across * across, down, down).sqrt_().mul_(bound).clamp_(min=1.0)
        across.div_(length)
        down.div_(length)
        flow = across + down
        flow[:, :, 1:] -= across[:, :, :-1]
        flow[:, 1:] -= down[:, :-1]
        new = flow.mul_(_STEP).add_(v).add_(pull).mul_(shrink)
        torch.sub(new, v, out=ahead).add_(new)
        v = new
    return v


def _usual(den: Tensor) -> Tensor:
    """The information of a usual pixel with signal."""
    thin = den[::2, ::2].flatten()
    return den[den > 0.15 * thin.quantile(0.9) if thin.numel() < 1 << 24 else den > 0].median()


def candidates(seen: Evidence) -> tuple[Tensor, Tensor]:
    """The cleaned maps (B, N_CANDIDATES, H, W), and features (B, N_FEATURES, H, W) of about unit size."""
    mean = seen.mean[:, None, None]
    num, den = seen.num, seen.den
    prior = 1 / TAU**2
    nums, dens = [num], [den]
    for sigma in POOLS:
        nums.append(blurred(num, sigma))
        dens.append(blurred(den, sigma))
    gains = [1.0, *(4 * torch.pi * sigma**2 for sigma in POOLS)]
    found = [(gain * n + prior * mean) / (gain * d + prior) for n, d, gain in zip(nums, dens, gains, strict=True)]

    ridge = 0.02 * prior
    guide, total_scale = _guide(seen)
    slopes = [_local_fit(num - den * mean, den, guide, radius) for radius, _ in GUIDES]
    slope, level, guide_level = slopes[0]
    offsets = [slopes[i][0] * guide for i, (_, strength) in enumerate(GUIDES) if strength]
    strengths = [*STRENGTHS, *(strength for _, strength in GUIDES if strength)]
    inputs = [num] * len(STRENGTHS) + [num - den * offset for offset in offsets]
    batch = num.shape[0]
    together = least_variation(
        torch.cat([one + ridge * mean for one in inputs]),
        (den + ridge).repeat(len(inputs), 1, 1),
        torch.tensor(strengths, device=num.device).repeat_interleave(batch),
    )
    smoothed = [together[i : i + batch] for i in range(0, len(together), batch)]
    found += smoothed[: len(STRENGTHS)]
    found.append(mean + level + slope * (guide - guide_level))
    found += [offset + one for offset, one in zip(offsets, smoothed[len(STRENGTHS) :], strict=True)]

    known = [torch.log10(dens[i] * gains[i] * TAU**2 + 1e-2) / 2 for i in (0, 1, 3)]
    jump_scale = _quantile(seen.jump, 0.998).clamp(min=0.02)
    features = [((one - mean) / TAU).clamp(-4, 4) for one in found]
    features += [
        *known,
        slopes[2][0].clamp(-2, 2),
        seen.jump / jump_scale,
        seen.total / total_scale,
        3 * guide,
        torch.log10(seen.total_sigma / total_scale + 1e-4) + 2,
    ]
    return torch.stack(found, dim=1), torch.stack(features, dim=1)


def _quantile(images: Tensor, share: float) -> Tensor:
    """A quantile of each image, of at most a million of its pixels, (B, 1, 1)."""
    flat = images.flatten(1)
    return flat[:, :: max(1, flat.shape[1] >> 20)].quantile(share, dim=1)[:, None, None]


def _guide(seen: Evidence) -> tuple[Tensor, Tensor]:
    """The local contrast of the total absorption, and the scale of that absorption."""
    scale = _quantile(seen.total, 0.995).clamp(min=0.05)
    sharp, wide = blurred(seen.total, 0.6), blurred(seen.total, 3.0)
    noise = seen.total_sigma.mean(dim=(1, 2), keepdim=True)
    return ((sharp - wide) / (wide.clamp(min=0) + 0.1 * scale + 3 * noise)).clamp(-0.6, 0.6), scale


def _local_fit(num: Tensor, den: Tensor, guide: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
    """Slope of the map on the guide around each pixel, shrunk by its error, and the local means of both."""
    weight = blurred(den, radius) + 1e-6
    guide_mean = blurred(den * guide, radius) / weight
    mean = blurred(num, radius) / weight
    together = blurred(num * guide, radius) / weight - guide_mean * mean
    spread = (blurred(den * guide**2, radius) / weight - guide_mean**2).clamp(min=0)
    slope = together / (spread + 1 / (weight * 2 * torch.pi * radius**2) + 1e-6)
    return slope, mean, guide_mean
