"""Filters that use the absorption as a guide: a map often changes where the absorption does."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_xanes.denoising.filters.gaussian import gaussian_blur


def local_contrast(absorption: Tensor, absorption_sigma: Tensor, scale: Tensor) -> Tensor:
    """Return the guide: the local contrast of the absorption, between -0.6 and 0.6.

    Parameters
    ----------
    absorption, absorption_sigma : Tensor, shape (B, H, W)
        Mean optical depth and its standard error.
    scale : Tensor, shape (B, 1, 1)
        A large absorption of each image.
    """
    fine, coarse = gaussian_blur(absorption, 0.6), gaussian_blur(absorption, 3.0)
    noise = absorption_sigma.mean(dim=(1, 2), keepdim=True)
    return ((fine - coarse) / (coarse.clamp(min=0) + 0.1 * scale + 3 * noise)).clamp(-0.6, 0.6)


def evenness(absorption: Tensor, absorption_sigma: Tensor, scale: Tensor, share: float) -> Tensor:
    """Return a weight for total variation: 1 where the absorption is even, towards 0.03 at its edges.

    Parameters
    ----------
    absorption, absorption_sigma, scale
        As in `local_contrast`.
    share : float
        Change from pixel to pixel, as a share of the absorption, that counts as an edge.
    """
    surroundings = gaussian_blur(absorption, 4.0).clamp(min=0) + 0.05 * scale
    relative = gaussian_blur(absorption / surroundings, 0.5)
    noise = (absorption_sigma / surroundings) ** 2
    gradient = torch.zeros_like(relative)
    gradient[:, :, :-1] += (relative[:, :, 1:] - relative[:, :, :-1]) ** 2
    gradient[:, :-1] += (relative[:, 1:] - relative[:, :-1]) ** 2
    return (1 / (1 + gradient / (share**2 + noise))).clamp(min=0.03)


def local_regression(
    weighted_estimate: Tensor, information: Tensor, guide: Tensor, radius: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit the map as a straight line over the guide around each pixel.

    Parameters
    ----------
    weighted_estimate, information, guide : Tensor, shape (B, H, W)
        Map times information, information, and guide.
    radius : float
        Standard deviation of the Gaussian neighbourhood in pixels.

    Returns
    -------
    tuple of Tensor, shape (B, H, W)
        Slope, shrunk towards 0 by its error; local mean of the map; local mean of the guide.
    """
    weight = gaussian_blur(information, radius) + 1e-6
    guide_mean = gaussian_blur(information * guide, radius) / weight
    mean = gaussian_blur(weighted_estimate, radius) / weight
    covariance = gaussian_blur(weighted_estimate * guide, radius) / weight - guide_mean * mean
    variance = (gaussian_blur(information * guide**2, radius) / weight - guide_mean**2).clamp(min=0)
    slope = covariance / (variance + 1 / (weight * 2 * torch.pi * radius**2) + 1e-6)
    return slope, mean, guide_mean
