"""What the pixels of a finished reference fit say to a user, in words."""

from __future__ import annotations

import numpy as np

from napari_xanes.edge import fit_edge
from napari_xanes.maps.fitting.linear_fit import LinearFit
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import one_or_more

_MISFIT = 0.003
"""Smooth residuals below this share of the edge jump are not worth a word."""

_BY_CHANCE = 0.0005
"""A smaller share of pixels with smooth residuals is not worth a word."""

_FEW = 0.05
"""A larger share of good pixels is no accident."""

_SMOOTH = 3.0
"""Residuals are no noise if their variance is so many times that of white noise with the same differences."""


def fit_warnings(fit: LinearFit) -> list[str]:
    """Say that the references do not describe most pixels of a fit, or some, or that all are masked."""
    if fit.good.any():
        if masked := _of_masked_jumps(fit):
            return masked
        misfit = fit.misfit[fit.good]
        found = misfit[misfit > 0]
        if np.median(misfit) > _MISFIT:
            return [_of_misfit(float(np.median(misfit)))]
        if found.size > max(_BY_CHANCE * misfit.size, 3) and np.median(found) > _MISFIT:
            return [_of_some(found.size, found.size / misfit.size, float(np.median(found)))]
        return []
    if not fit.finite.any():
        return []
    largest = float(np.nanmax(fit.jump))
    if fit.min_jump is not None:
        return [
            f"no pixel has an edge jump above {fit.min_jump:g} (the largest is {largest:.3g}), so all pixels are masked"
        ]
    i = int(np.nanargmax(fit.jump))
    return [_of_all_masked(largest, float(fit.rms[i]), float(fit.smoothness[i]))]


def _of_masked_jumps(fit: LinearFit) -> list[str]:
    """Say that the few good pixels are not those with the largest edge jumps, so the mask leaves the sample out."""
    if fit.min_jump is not None or fit.good.sum() > _FEW * fit.finite.sum():
        return []
    large = fit.finite & (fit.jump >= np.nanquantile(fit.jump[fit.finite], 0.99))
    masked = 1 - float(np.mean(fit.good[large]))
    if masked < 0.5:
        return []
    return [
        f"{100 * masked:.0f} % of the pixels with the largest edge jumps are masked: their jumps are below five times "
        "their errors. The errors are large if references resemble each other, lie at other energies, or leave a "
        "residual: use fewer of them (nx.needed_references, or Needed? below the list of references), and check their "
        "energies"
    ]


def on_spoiled_frames(fit: LinearFit, stack: SpectralStack) -> list[str]:
    """Name the frames that stand alone against their neighbours, where no pixel is good: one such frame is enough."""
    if fit.good.any() or not fit.finite.any() or stack.quantity not in ("optical_depth", "fluorescence"):
        return []
    try:
        spoiled = fit_edge(stack, None, None, None)[0].left_out
    except ValueError:
        return []
    energies = ", ".join(f"{energy:.1f}" for energy in spoiled)
    text = one_or_more(
        len(spoiled),
        f"the frame at {energies} eV stands alone against its neighbours, as spoiled ones do: look at it, and fit "
        "again without it",
        f"the frames at {energies} eV stand alone against their neighbours, as spoiled ones do: look at them, and fit "
        "again without them",
    )
    return [f"{text} (drop_frames)"] if spoiled else []


def _of_all_masked(largest: float, rms: float, smoothness: float) -> str:
    """Say why no pixel is good: too much noise, or residuals that are none."""
    begin = f"no pixel has an edge jump above five times its error (the largest is {largest:.3g}), so all are masked"
    if smoothness < _SMOOTH:
        return begin
    return (
        f"{begin}: not for noise, but because the references do not fit. The residual of the pixel with the largest "
        f"jump is {rms:.3g} (root mean square) and smooth over energies; check the references, their energies, and "
        "the background (constant, slope)"
    )


def _of_some(count: int, share: float, misfit: float) -> str:
    return (
        f"in {count} pixels ({100 * share:.2g} %) residuals of {100 * misfit:.2g} % of the edge jump are smooth over "
        "energies, other than in most: a phase without a reference in a part of the sample; sigma is widened there by "
        "what such a phase may change"
    )


def _of_misfit(misfit: float) -> str:
    return (
        f"residuals of {100 * misfit:.2g} % of the edge jump are smooth over energies, so they are no noise: a phase "
        "has no reference, or references do not fit; sigma is widened by what such a spectrum may change"
    )
