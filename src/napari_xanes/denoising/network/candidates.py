"""What the network chooses from: one map cleaned in twelve classical ways, and what tells where each is good.

A map of a fraction is known from two images: its information ``den`` (one over the variance of a pixel's estimate) and
``num``, the estimate times the information. Pooled over a neighbourhood, both just add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_xanes.denoising.filters.kriging import kriged

POOLS = (1.0, 2.0, 4.0, 8.0)
STRENGTHS = (1.0, 2.0)
EDGES = ((4.0, 0.03), (2.0, 0.1))
"""Strength of the total variation that may change where the absorption does, and by what share it must change there."""

REACH, GUIDED_REACH, GUIDED_STRENGTH = 5.0, 10.0, 1.0
"""Radius in pixels of the local fit on the guide alone, and of the one whose rest is cleaned by total variation."""

N_CANDIDATES = 1 + len(POOLS) + len(STRENGTHS) + len(EDGES) + 3
N_FEATURES = N_CANDIDATES + 9
VARIATION, GUIDED_VARIATION, KRIGED = 1 + len(POOLS), N_CANDIDATES - 2, N_CANDIDATES - 1
"""Where in the list the plain total variation of unit strength, the guided one and kriging stand."""

TAU = 0.3
"""Standard deviation of a fraction from pixel to pixel that is expected before the data are seen."""

_RIDGE = 0.02 / TAU**2
"""Information that the mean fraction adds to each pixel where total variation is sought."""

_EARLY = 60
"""Iterations of the candidates: from a pooled map on the way to the least variation the error has its minimum."""

_SCALES = (2.0, 4.0, 8.0, 16.0)
_NOTHING, _SURELY = 3.0, 8.0
"""Radii in pixels on which structure is looked for, and standard errors up to which it is taken for noise and from
which on it is believed."""

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


@dataclass(frozen=True)
class Overview:
    """What is known of maps as a whole before parts of them are cleaned.

    ``guide``, the local contrast of the absorption, and ``kriged``, the most likely map, (B, H, W). All others are
    (B, 1, 1): ``seen``, from 0 where nothing but noise is seen around the mean to 1 where something surely is;
    ``usual``, the information of a usual pixel; ``jump_scale`` and ``total_scale``, large edge jumps and absorptions.
    """

    guide: Tensor
    kriged: Tensor
    seen: Tensor
    usual: Tensor
    jump_scale: Tensor
    total_scale: Tensor


def overview(seen: Evidence) -> Overview:
    """Look at whole maps."""
    total_scale = _quantile(seen.total, 0.995).clamp(min=0.05)
    guide = _guide(seen, total_scale)
    return Overview(
        guide=guide,
        kriged=kriged(seen.num, seen.den, guide, seen.mean),
        seen=_structure_seen(seen),
        usual=torch.stack([_usual(one) for one in seen.den + _RIDGE])[:, None, None],
        jump_scale=_quantile(seen.jump, 0.998).clamp(min=0.02),
        total_scale=total_scale,
    )


def cut(seen: Evidence, over: Overview, rows: slice, columns: slice) -> tuple[Evidence, Overview]:
    """A part of the maps; what was found in the whole stays."""
    place = (slice(None), rows, columns)
    images = {name: getattr(seen, name)[place] for name in ("num", "den", "jump", "total", "total_sigma")}
    return replace(seen, **images), replace(over, guide=over.guide[place], kriged=over.kriged[place])


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


def least_variation(
    num: Tensor,
    den: Tensor,
    strength: Tensor,
    weight: Tensor | None = None,
    *,
    usual: Tensor | None = None,
    iterations: int = 150,
) -> Tensor:
    """The map v with the least ``sum den / 2 (v - num / den)**2 + strength * s * TV(v)``, s the root of a usual den.

    Chambolle and Pock's primal-dual steps (J. Math. Imaging Vis. 40, 120, 2011).

    Parameters
    ----------
    num, den : Tensor, shape (B, H, W)
        Estimate times information, and information.
    strength : Tensor, shape (B,)
        Weight of the total variation, in standard errors of a usual pixel.
    weight : Tensor, shape (B, H, W), optional
        What the variation of each pixel counts, more than 0.
    usual : Tensor, shape (B, 1, 1), optional
        The usual den, where it is not to be taken from the maps.
    iterations : int
        How many steps.
    """
    if usual is None:
        usual = torch.stack([_usual(one) for one in den])[:, None, None]
    scale = usual.sqrt()
    d, q = den / scale, num / scale
    v = blurred(q, 2.0) / blurred(d, 2.0)
    ahead = v.clone()
    across, down, across_step, down_step = (torch.zeros_like(v) for _ in range(4))
    shrink = 1 / (1 + _STEP * d)
    pull = _STEP * q
    bound = 1 / strength[:, None, None]
    if weight is not None:
        bound = bound / weight
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


def _structure_seen(seen: Evidence) -> Tensor:
    """Whether a map differs from its mean by more than noise on any scale, (B, 1, 1)."""
    mean = seen.mean[:, None, None]
    clearest = torch.zeros_like(mean)
    for scale in _SCALES:
        if scale > min(seen.den.shape[-2:]) / 4:
            break
        den = blurred(seen.den, scale).clamp(min=1e-12)
        off = blurred(seen.num, scale) / den - mean
        variance = blurred(seen.den, scale / 2**0.5) / (4 * torch.pi * scale**2 * den**2)
        used = den > 0.1 * den.amax(dim=(1, 2), keepdim=True)
        count = used.sum(dim=(1, 2), keepdim=True)
        excess = (off**2 / variance.clamp(min=1e-12) * used).sum(dim=(1, 2), keepdim=True) / count - 1
        # Of Gaussian means of pure noise, as many are independent as discs of their size fit in.
        clearest = torch.maximum(clearest, excess / (8 * torch.pi * scale**2 / count).sqrt())
    return ((clearest - _NOTHING) / (_SURELY - _NOTHING)).clamp(0, 1)


def _usual(den: Tensor) -> Tensor:
    """The information of a usual pixel with signal."""
    thin = den[::2, ::2].flatten()
    return den[den > 0.15 * thin.quantile(0.9) if thin.numel() < 1 << 24 else den > 0].median()


def candidates(seen: Evidence, over: Overview) -> tuple[Tensor, Tensor]:
    """The cleaned maps (B, N_CANDIDATES, H, W), and features (B, N_FEATURES, H, W) of about unit size."""
    mean = seen.mean[:, None, None]
    num, den, guide = seen.num, seen.den, over.guide
    prior = 1 / TAU**2
    nums, dens = [num], [den]
    for sigma in POOLS:
        nums.append(blurred(num, sigma))
        dens.append(blurred(den, sigma))
    gains = [1.0, *(4 * torch.pi * sigma**2 for sigma in POOLS)]
    found = [(gain * n + prior * mean) / (gain * d + prior) for n, d, gain in zip(nums, dens, gains, strict=True)]

    slope, level, guide_level = _local_fit(num - den * mean, den, guide, REACH)
    far_slope = _local_fit(num - den * mean, den, guide, GUIDED_REACH)[0]
    offset = far_slope * guide
    evenness = [_evenness(seen, over.total_scale, share) for _, share in EDGES]

    def varied(image: Tensor, strength: float, weight: Tensor | None = None) -> Tensor:
        strengths = torch.full((len(num),), strength, device=num.device)
        return least_variation(
            image + _RIDGE * mean, den + _RIDGE, strengths, weight, usual=over.usual, iterations=_EARLY
        )

    found += [varied(num, strength) for strength in STRENGTHS]
    found += [varied(num, strength, even) for (strength, _), even in zip(EDGES, evenness, strict=True)]
    found.append(mean + level + slope * (guide - guide_level))
    found.append(offset + varied(num - den * offset, GUIDED_STRENGTH))
    found.append(over.kriged)

    known = [torch.log10(dens[i] * gains[i] * TAU**2 + 1e-2) / 2 for i in (0, 1, 3)]
    features = [((one - mean) / TAU).clamp(-4, 4) for one in found]
    features += [
        *known,
        far_slope.clamp(-2, 2),
        seen.jump / over.jump_scale,
        seen.total / over.total_scale,
        3 * guide,
        evenness[0],
        torch.log10(seen.total_sigma / over.total_scale + 1e-4) + 2,
    ]
    return torch.stack(found, dim=1), torch.stack(features, dim=1)


def _quantile(images: Tensor, share: float) -> Tensor:
    """A quantile of each image, of at most a million of its pixels, (B, 1, 1)."""
    flat = images.flatten(1)
    return flat[:, :: max(1, flat.shape[1] >> 20)].quantile(share, dim=1)[:, None, None]


def _guide(seen: Evidence, scale: Tensor) -> Tensor:
    """The local contrast of the total absorption, whose scale is given."""
    sharp, wide = blurred(seen.total, 0.6), blurred(seen.total, 3.0)
    noise = seen.total_sigma.mean(dim=(1, 2), keepdim=True)
    return ((sharp - wide) / (wide.clamp(min=0) + 0.1 * scale + 3 * noise)).clamp(-0.6, 0.6)


def _evenness(seen: Evidence, scale: Tensor, share: float) -> Tensor:
    """1 where the absorption is even, towards 0 where it changes from pixel to pixel by much more than a share."""
    around = blurred(seen.total, 4.0).clamp(min=0) + 0.05 * scale
    soft = blurred(seen.total / around, 0.5)
    noise = (seen.total_sigma / around) ** 2
    square = torch.zeros_like(soft)
    square[:, :, :-1] += (soft[:, :, 1:] - soft[:, :, :-1]) ** 2
    square[:, :-1] += (soft[:, 1:] - soft[:, :-1]) ** 2
    return (1 / (1 + square / (share**2 + noise))).clamp(min=0.03)


def _local_fit(num: Tensor, den: Tensor, guide: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
    """Slope of the map on the guide around each pixel, shrunk by its error, and the local means of both."""
    weight = blurred(den, radius) + 1e-6
    guide_mean = blurred(den * guide, radius) / weight
    mean = blurred(num, radius) / weight
    together = blurred(num * guide, radius) / weight - guide_mean * mean
    spread = (blurred(den * guide**2, radius) / weight - guide_mean**2).clamp(min=0)
    slope = together / (spread + 1 / (weight * 2 * torch.pi * radius**2) + 1e-6)
    return slope, mean, guide_mean
