"""Input of the network: a map cleaned by twelve classical filters, and features that show where each one is good.

A map of a fraction is described by two images: its information (one over the variance of each pixel) and its estimate
times the information. Pooled over a neighbourhood, both are simply sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_xanes.denoising.filters.gaussian import gaussian_blur
from napari_xanes.denoising.filters.guided import evenness, local_contrast, local_regression
from napari_xanes.denoising.filters.kriging import krige
from napari_xanes.denoising.filters.variation import quantile, total_variation, typical_information

POOLS = (1.0, 2.0, 4.0, 8.0)
"""Radii in pixels of the Gaussian means."""

STRENGTHS = (1.0, 2.0)
EDGES = ((4.0, 0.03), (2.0, 0.1))
"""Strength of the total variation that is weaker at edges of the absorption, and the relative change of an edge."""

REACH, GUIDED_REACH, GUIDED_STRENGTH = 5.0, 10.0, 1.0
"""Radius in pixels of the local regression on the guide, of the one before total variation, and its strength."""

_HINT_RADII = (0.0, POOLS[0], POOLS[2])
"""Radii at which the network is told how well the map is known; 0 is the pixel itself."""

N_CANDIDATES = 1 + len(POOLS) + len(STRENGTHS) + len(EDGES) + 3
N_FEATURES = N_CANDIDATES + 9
VARIATION, GUIDED_VARIATION, KRIGED = 1 + len(POOLS), N_CANDIDATES - 2, N_CANDIDATES - 1
"""Positions of the plain total variation of unit strength, of the guided one and of kriging among the candidates."""

FRACTION_SPREAD = 0.3
"""Expected standard deviation of a fraction from pixel to pixel before the data are known."""

_RIDGE = 0.02 / FRACTION_SPREAD**2
"""Information that the mean fraction adds to each pixel before total variation is computed."""

_ITERATIONS = 40
"""Steps of total variation: the error is smallest on the way from a pooled map to the minimum."""

_SCALES = (2.0, 4.0, 8.0, 16.0)
_NOISE_LIMIT, _STRUCTURE_LIMIT = 3.0, 8.0
"""Radii in pixels at which structure is tested. In standard errors: below the first limit it counts as noise, above
the second as structure."""


@dataclass(frozen=True)
class NoisyMaps:
    """Maps to be cleaned and the images that go with them, all (B, H, W) float32.

    ``weighted_estimate`` and ``information`` as described above; ``jump``, the cleaned edge jump; ``absorption``, the
    mean optical depth, and ``absorption_sigma``, its error; ``mean`` (B,), the mean fraction.
    """

    weighted_estimate: Tensor
    information: Tensor
    jump: Tensor
    absorption: Tensor
    absorption_sigma: Tensor
    mean: Tensor


@dataclass(frozen=True)
class AbsorptionGuide:
    """What the absorption tells about places of structure; the same for all maps of a stack.

    ``contrast``, the local contrast of the absorption, and ``even``, for each of `EDGES` where the absorption is even,
    (B, H, W), or empty until it is needed; ``jump_scale`` and ``absorption_scale`` (B, 1, 1), large edge jumps and
    absorptions.
    """

    contrast: Tensor
    even: tuple[Tensor, ...]
    jump_scale: Tensor
    absorption_scale: Tensor


@dataclass(frozen=True)
class MapStatistics:
    """Values that are computed from whole maps before the maps are cleaned in tiles.

    ``guide`` as from `absorption_guide`; ``kriged``, the most likely map, (B, H, W). All others are (B, 1, 1):
    ``structure``, from 0 (nothing but noise around the mean) to 1 (clear structure); ``typical_information`` of a pixel
    with signal.
    """

    guide: AbsorptionGuide
    kriged: Tensor
    structure: Tensor
    typical_information: Tensor


def absorption_guide(jump: Tensor, absorption: Tensor, absorption_sigma: Tensor) -> AbsorptionGuide:
    """Compute what the whole images (B, H, W) of `NoisyMaps` tell about places of structure, except `even`."""
    scale = _quantile(absorption, 0.995).clamp(min=0.05)
    return AbsorptionGuide(
        contrast=local_contrast(absorption, absorption_sigma, scale),
        even=(),
        jump_scale=_quantile(jump, 0.998).clamp(min=0.02),
        absorption_scale=scale,
    )


def map_statistics(maps: NoisyMaps, guide: AbsorptionGuide | None = None) -> MapStatistics:
    """Compute the statistics of whole maps, with a guide that was computed before, if there is one."""
    if guide is None:
        guide = absorption_guide(maps.jump, maps.absorption, maps.absorption_sigma)
    typical = torch.stack([typical_information(image) for image in maps.information + _RIDGE])
    return MapStatistics(
        guide=guide,
        kriged=krige(maps.weighted_estimate, maps.information, guide.contrast, maps.mean),
        structure=_structure(maps),
        typical_information=typical[:, None, None],
    )


def crop_maps(
    maps: NoisyMaps, statistics: MapStatistics, rows: slice, columns: slice
) -> tuple[NoisyMaps, MapStatistics]:
    """Return a part of the maps; statistics of the whole maps stay."""
    box = (slice(None), rows, columns)
    names = ("weighted_estimate", "information", "jump", "absorption", "absorption_sigma")
    cropped = replace(maps, **{name: getattr(maps, name)[box] for name in names})
    guide = statistics.guide
    guide = replace(guide, contrast=guide.contrast[box], even=tuple(image[box] for image in guide.even))
    return cropped, replace(statistics, guide=guide, kriged=statistics.kriged[box])


def with_evenness(maps: NoisyMaps, statistics: MapStatistics) -> MapStatistics:
    """Return statistics that know where the absorption of the maps, or of a part of them, is even.

    A pixel depends on those around it up to a distance of 16.
    """
    guide = statistics.guide
    even = (evenness(maps.absorption, maps.absorption_sigma, guide.absorption_scale, share) for _, share in EDGES)
    return replace(statistics, guide=replace(guide, even=tuple(even)))


def candidates(maps: NoisyMaps, statistics: MapStatistics) -> tuple[Tensor, Tensor]:
    """Return the cleaned maps (B, N_CANDIDATES, H, W) and features (B, N_FEATURES, H, W) of about unit size."""
    statistics = with_evenness(maps, statistics)
    images, hints = cleaned_maps(maps, statistics)
    return images, network_features(images, hints, maps, statistics)


def cleaned_maps(maps: NoisyMaps, statistics: MapStatistics) -> tuple[Tensor, Tensor]:
    """Return the cleaned maps (B, N_CANDIDATES, H, W), and hints (B, 4, H, W); `with_evenness` comes before.

    The hints are how well the map is known in each pixel and at two of the radii of `POOLS`, and its slope on the
    guide.
    """
    mean = maps.mean[:, None, None]
    estimate, information, guide = maps.weighted_estimate, maps.information, statistics.guide.contrast
    images = torch.empty(len(estimate), N_CANDIDATES, *estimate.shape[1:], device=estimate.device)
    hints = torch.empty(len(estimate), len(_HINT_RADII) + 1, *estimate.shape[1:], device=estimate.device)
    for i, radius in enumerate((0.0, *POOLS)):
        images[:, i], known = _pooled_mean(maps, radius)
        if radius in _HINT_RADII:
            hints[:, _HINT_RADII.index(radius)] = torch.log10(known * FRACTION_SPREAD**2 + 1e-2) / 2

    def variation(image: Tensor, strength: float, weight: Tensor | None = None) -> Tensor:
        return total_variation(
            image + _RIDGE * mean,
            information + _RIDGE,
            torch.full((len(image),), strength, device=image.device),
            weight,
            typical=statistics.typical_information,
            iterations=_ITERATIONS,
        )

    for i, strength in enumerate(STRENGTHS, VARIATION):
        images[:, i] = variation(estimate, strength)
    for i, weight in enumerate(statistics.guide.even):
        images[:, VARIATION + len(STRENGTHS) + i] = variation(estimate, EDGES[i][0], weight)
    centred = estimate - information * mean
    slope, level, guide_level = local_regression(centred, information, guide, REACH)
    images[:, GUIDED_VARIATION - 1] = mean + level + slope * (guide - guide_level)
    hints[:, -1] = local_regression(centred, information, guide, GUIDED_REACH)[0]
    offset = hints[:, -1] * guide
    images[:, GUIDED_VARIATION] = offset + variation(estimate - information * offset, GUIDED_STRENGTH)
    images[:, KRIGED] = statistics.kriged
    return images, hints


def network_features(images: Tensor, hints: Tensor, maps: NoisyMaps, statistics: MapStatistics) -> Tensor:
    """Return the features (B, N_FEATURES, H, W) of maps whose candidates and hints are known."""
    guide = statistics.guide
    shared = [
        maps.jump / guide.jump_scale,
        maps.absorption / guide.absorption_scale,
        3 * guide.contrast,
        guide.even[0],
        torch.log10(maps.absorption_sigma / guide.absorption_scale + 1e-4) + 2,
    ]
    return torch.cat(
        [
            ((images - maps.mean[:, None, None, None]) / FRACTION_SPREAD).clamp_(-4, 4),
            hints[:, :-1],
            hints[:, -1:].clamp(-2, 2),
            torch.stack([image.expand(len(images), -1, -1) for image in shared], dim=1),
        ],
        dim=1,
    )


def _pooled_mean(maps: NoisyMaps, radius: float) -> tuple[Tensor, Tensor]:
    """Return the Gaussian mean of a map, or the map itself for radius 0, shrunk to its mean, and its information."""
    prior = 1 / FRACTION_SPREAD**2
    estimate, information = maps.weighted_estimate, maps.information
    if radius:
        gain = 4 * torch.pi * radius**2  # a Gaussian mean of pixels of equal noise has so many times their information
        estimate, information = gain * gaussian_blur(estimate, radius), gain * gaussian_blur(information, radius)
    return (estimate + prior * maps.mean[:, None, None]) / (information + prior), information


def _structure(maps: NoisyMaps) -> Tensor:
    """Test whether a map differs from its mean by more than noise at any scale; return 0 to 1, (B, 1, 1)."""
    mean = maps.mean[:, None, None]
    score = torch.zeros_like(mean)
    for scale in _SCALES:
        if scale > min(maps.information.shape[-2:]) / 4:
            break
        information = gaussian_blur(maps.information, scale).clamp(min=1e-12)
        deviation = gaussian_blur(maps.weighted_estimate, scale) / information - mean
        variance = gaussian_blur(maps.information, scale / 2**0.5) / (4 * torch.pi * scale**2 * information**2)
        used = information > 0.1 * information.amax(dim=(1, 2), keepdim=True)
        count = used.sum(dim=(1, 2), keepdim=True)
        excess = (deviation**2 / variance.clamp(min=1e-12) * used).sum(dim=(1, 2), keepdim=True) / count - 1
        # Gaussian means of pure noise: the number of independent ones is the number of discs of their size that fit.
        score = torch.maximum(score, excess / (8 * torch.pi * scale**2 / count).sqrt())
    return ((score - _NOISE_LIMIT) / (_STRUCTURE_LIMIT - _NOISE_LIMIT)).clamp(0, 1)


def _quantile(images: Tensor, share: float) -> Tensor:
    """Return a quantile of each image, from at most a million of its pixels, (B, 1, 1)."""
    flat = images.flatten(1)
    some = flat[:, :: max(1, flat.shape[1] >> 20)]
    return torch.stack([quantile(values, share) for values in some])[:, None, None]
