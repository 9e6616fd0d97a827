"""Limits that the denoiser has to keep, by case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Bar:
    """Limits of scores; None means no limit. All but `worst` apply to means over seeds.

    Parameters
    ----------
    ratio, worst : float
        Largest ratio of the valence error to the best rival's, on average and for the worst seed.
    times_pca : float, optional
        Smallest ratio of the valence error of PCA with five components to that of the denoiser.
    bias, rmse : float, optional
        Largest absolute bias and largest error of the valence.
    contrast, kept : float, optional
        Smallest gain of fine contrast, and share of the amplitude of new spots.
    spots, worst_spots : float
        Smallest average precision of new spots over that of a known phase, on average, and in the worst seed.
    invented : float, optional
        Largest share of pixels that are wrongly reported as new.
    offset : float, optional
        Largest error of the estimated energy offset of the references, in eV.
    covered : tuple of float
        Smallest and largest share of pixels within two standard errors of the truth.
    """

    ratio: float = 1.0
    worst: float = 1.0
    times_pca: float | None = None
    bias: float | None = None
    rmse: float | None = None
    contrast: float | None = None
    spots: float = 0.7
    worst_spots: float = 0.5
    kept: float | None = None
    invented: float | None = None
    offset: float | None = None
    covered: tuple[float, float] = (0.92, 0.98)


BARS: Mapping[str, Bar] = MappingProxyType(
    {
        "200": Bar(0.70, 0.82, times_pca=4, bias=0.008, contrast=0.25, kept=0.50),
        "1000": Bar(0.62, 0.72, times_pca=4, bias=0.004, contrast=0.45, kept=0.85),
        "5000": Bar(0.52, 0.62, bias=0.002, contrast=0.65, kept=0.95),
        "low jump": Bar(0.50, 0.60),
        "fibres": Bar(0.62, 0.72),
        "patterns x3": Bar(0.38, 0.48),
        "jitter": Bar(0.70, 0.82),
        "no empty area": Bar(0.75, 0.90),
        "references off": Bar(offset=0.15),
        "null": Bar(rmse=0.03, invented=0.0),
    }
)
"""Limits by case; every other case has the default limits."""


def bar(case: str) -> Bar:
    """Return the limits of a case."""
    return BARS.get(case, Bar())
