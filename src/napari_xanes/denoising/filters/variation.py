"""Total variation: the map that fits the measurement and changes as little as possible from pixel to pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_xanes.denoising.filters.gaussian import gaussian_blur

_STEP = 0.35  # times the norm of the gradient, sqrt(8), less than 1: the iteration converges


def total_variation(
    weighted_estimate: Tensor,
    information: Tensor,
    strength: Tensor,
    weight: Tensor | None = None,
    *,
    typical: Tensor | None = None,
    iterations: int = 150,
) -> Tensor:
    """Return the map v that minimizes ``sum information / 2 (v - estimate)**2 + strength * s * TV(v)``.

    The factor s is the square root of the typical information. The minimum is found by the primal-dual steps of
    Chambolle and Pock (J. Math. Imaging Vis. 40, 120, 2011).

    Parameters
    ----------
    weighted_estimate, information : Tensor, shape (B, H, W)
        The measured map times its information, and the information: one over the variance of each pixel.
    strength : Tensor, shape (B,)
        Weight of the total variation, in standard errors of a typical pixel.
    weight : Tensor, shape (B, H, W), optional
        Weight of the variation at each pixel, above 0.
    typical : Tensor, shape (B, 1, 1), optional
        The typical information, if it should not be computed from these maps.
    iterations : int
        Number of steps.
    """
    if typical is None:
        typical = torch.stack([typical_information(image) for image in information])[:, None, None]
    scale = typical.sqrt()
    scaled_information, scaled_estimate = information / scale, weighted_estimate / scale
    primal = gaussian_blur(scaled_estimate, 2.0) / gaussian_blur(scaled_information, 2.0)
    extrapolated = primal.clone()
    across, down, across_step, down_step = (torch.zeros_like(primal) for _ in range(4))
    shrink = 1 / (1 + _STEP * scaled_information)
    pull = _STEP * scaled_estimate
    bound = 1 / strength[:, None, None]
    if weight is not None:
        bound = bound / weight
    for _ in range(iterations):
        torch.sub(extrapolated[:, :, 1:], extrapolated[:, :, :-1], out=across_step[:, :, :-1])
        torch.sub(extrapolated[:, 1:], extrapolated[:, :-1], out=down_step[:, :-1])
        across.add_(across_step, alpha=_STEP)
        down.add_(down_step, alpha=_STEP)
        length = torch.addcmul(across * across, down, down).sqrt_().mul_(bound).clamp_(min=1.0)
        across.div_(length)
        down.div_(length)
        divergence = across + down
        divergence[:, :, 1:] -= across[:, :, :-1]
        divergence[:, 1:] -= down[:, :-1]
        updated = divergence.mul_(_STEP).add_(primal).add_(pull).mul_(shrink)
        torch.sub(updated, primal, out=extrapolated).add_(updated)
        primal = updated
    return primal


def typical_information(information: Tensor) -> Tensor:
    """Return the median information of the pixels with signal, of one image (H, W)."""
    sample = information[::2, ::2].flatten()
    threshold = 0.15 * sample.quantile(0.9) if sample.numel() < 1 << 24 else 0
    return information[information > threshold].median()
