"""Make a cleaned map agree with the measurement on average, where an average is certain and the network is not.

A network draws what it can't see towards what it knows: thin parts get the composition of thick ones, and a place gets
that of its surroundings. Means over many pixels are measured well even so. What the measurement has and the cleaned
map has not, on average over all pixels of similar edge jump and then over a neighbourhood, is added to the map, shrunk
by its error: the posterior mean of a Gaussian prior.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_xanes.denoising.filters.gaussian import gaussian_blur
from napari_xanes.denoising.network.candidates import MapStatistics, NoisyMaps

_TREND_SPREAD, _LOCAL_SPREAD = 0.2, 0.02
"""Expected standard deviations of the coefficients of the trend over the edge jump, and of a neighbourhood's error."""

_RADIUS = 8.0
"""Standard deviation in pixels of a neighbourhood: less is the scale at which the network is better than a mean."""

_TERMS = 4
"""Number of terms of the trend, a cubic: rims are thin, and the composition changes fast there."""


def agreeing(cleaned: Tensor, maps: NoisyMaps, statistics: MapStatistics) -> Tensor:
    """Return the cleaned map, corrected by the means of what it leaves of the measurement; flat maps stay flat.

    Parameters
    ----------
    cleaned : Tensor, shape (B, H, W)
        Cleaned fractions of whole maps.
    maps, statistics
        The measured maps.
    """
    trend = _trend(maps.weighted_estimate - maps.information * cleaned, maps, statistics).mul_(statistics.structure)
    cleaned = cleaned + trend
    gain = 4 * torch.pi * _RADIUS**2  # a Gaussian mean of pixels of equal noise has so many times their information
    residual = gain * gaussian_blur(maps.weighted_estimate - maps.information * cleaned, _RADIUS)
    information = gain * gaussian_blur(maps.information, _RADIUS)
    return cleaned + statistics.structure * residual / (information + 1 / _LOCAL_SPREAD**2)


def _trend(residual: Tensor, maps: NoisyMaps, statistics: MapStatistics) -> Tensor:
    """Fit the residual by a polynomial in the edge jump, and return the polynomial, (B, H, W).

    The residual is already multiplied by the information.
    """
    thickness = (maps.jump / statistics.guide.jump_scale).clamp(0, 1) - 0.5
    # Sums of information times powers are the entries of the normal matrix; double precision keeps it regular.
    moments = torch.stack(
        [(maps.information * thickness**k).sum((1, 2), dtype=torch.float64) for k in range(2 * _TERMS - 1)], dim=1
    )
    target = torch.stack([(residual * thickness**k).sum((1, 2), dtype=torch.float64) for k in range(_TERMS)], dim=1)
    order = torch.arange(_TERMS, device=residual.device)
    normal = moments[:, order[:, None] + order]
    normal = normal + torch.eye(_TERMS, dtype=torch.float64, device=residual.device) / _TREND_SPREAD**2
    coefficients = torch.linalg.solve(normal, target).to(residual.dtype)
    trend = torch.zeros_like(residual)
    for k in reversed(range(_TERMS)):
        trend.mul_(thickness).add_(coefficients[:, k, None, None])
    return trend
