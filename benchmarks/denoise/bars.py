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
    contrast, precision, kept : float, optional
        Smallest gain of fine contrast, average precision for new spots, and share of their amplitude.
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
    precision: float | None = None
    kept: float | None = None
    invented: float | None = None
    offset: float | None = None
    covered: tuple[float, float] = (0.92, 0.98)


BARS: Mapping[str, Bar] = MappingProxyType(
    {
        "200": Bar(0.76, 0.88, times_pca=4, bias=0.010, contrast=0.30, precision=0.75, kept=0.50),
        "1000": Bar(0.65, 0.80, times_pca=4, bias=0.007, contrast=0.48, precision=0.94, kept=0.85),
        "5000": Bar(0.50, 0.68, bias=0.004, contrast=0.70, precision=0.99, kept=0.95),
        "low jump": Bar(0.65, 0.80),
        "fibres": Bar(0.68, 0.78),
        "patterns x3": Bar(0.35, 0.42),
        "references off": Bar(offset=0.15),
        "null": Bar(rmse=0.03, invented=0.0),
    }
)
"""Limits by case; every other case has the default limits."""


def bar(case: str) -> Bar:
    """Return the limits of a case."""
    return BARS.get(case, Bar())
