"""Subtract from maps of fractions what frames that lie off have added.

A frame that lies off by a little changes a pixel by the gradient of the absorption times the shift. The fit of the
references makes one shift of the shifts of all frames: the amounts change by the gradient of the absorption times two
numbers, which all pixels share. A regression finds them. It looks at details only, because in a wide particle the
composition may well change along the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.design_matrix import DesignMatrix
from napari_xanes.denoising.fractions.estimate import FractionEstimate, fraction_levers
from napari_xanes.denoising.moving_edges import BLUR

_DETAIL = 16.0
"""Standard deviation in pixels of the Gaussian mean that is subtracted: what is left are details."""

_BY_CHANCE = 0.05
"""Standard deviation in pixels of the shifts that maps of aligned frames seem to have: by chance, details of the
composition follow a gradient a little."""

_UNSURE = 0.1
"""Shifts in pixels, root mean square, that residuals of aligned frames seem to tell of: other errors of the model."""

_SATURATION = 0.9
"""Share of the pixels below the largest information that counts: a few thick pixels must not decide."""


@dataclass(frozen=True)
class FrameMotion:
    """How frames move: ``square_shift``, the mean squared shift along one axis in pixels; ``jump`` and ``absorption``
    (Y, X), edge jump and mean optical depth.
    """

    square_shift: float
    jump: Float32Array
    absorption: Float32Array

    def without(self, estimate: FractionEstimate, design: DesignMatrix) -> FractionEstimate:
        """Return an estimate of fractions (K, Y, X) without what the motion has added.

        Parameters
        ----------
        estimate : FractionEstimate
            Made with this edge jump.
        design : DesignMatrix
            Columns of the fit; those of learned spectra are left as they are.
        """
        if design.learned or len(estimate.information) < 2:
            return estimate
        # One variance for all fractions, so that their sum stays 1.
        certain = max(self.square_shift - _UNSURE**2, 0.0)
        variance = certain * float((fraction_levers(design) ** 2).sum(axis=1).mean())
        if variance < _BY_CHANCE**2:
            return estimate
        directions = self._directions()
        shifts = _common_shifts(estimate, directions) * (variance / (variance + _BY_CHANCE**2))
        weighted = estimate.weighted_estimate.copy()
        for image, information, shift in zip(weighted, estimate.information, shifts, strict=True):
            image -= information * np.tensordot(shift.astype(np.float32), directions, 1)
        return replace(estimate, weighted_estimate=weighted)

    def _directions(self) -> Float32Array:
        """Return the change of a fraction for a shift of one pixel down and across, (2, Y, X)."""
        from scipy.ndimage import gaussian_filter

        smooth = gaussian_filter(np.asarray(self.absorption, np.float32), BLUR)
        return np.asarray(np.stack(np.gradient(smooth)) / self.jump, np.float32)


def _common_shifts(estimate: FractionEstimate, directions: Float32Array) -> Float64Array:
    """Fit details of each map by those of the directions (2, Y, X); return the coefficients, (K, 2)."""
    weight = estimate.information.mean(axis=0)  # those of different fractions differ by a factor only
    known = weight > 0
    if not known.any():
        return np.zeros((len(estimate.information), 2))
    weight = np.minimum(weight, np.quantile(weight[known], _SATURATION))
    mean_weight = np.maximum(_blurred(weight), 1e-6 * float(weight.max()))

    def details(image: Float32Array) -> Float32Array:
        return np.asarray(image - _blurred(image * weight) / mean_weight, np.float32)

    columns = [details(direction) for direction in directions]
    weighted = [column * weight for column in columns]
    normal = np.array([[np.vdot(a, b) for b in columns] for a in weighted], np.float64)
    normal += 1e-9 * max(float(np.trace(normal)), 1e-30) * np.eye(2)
    shifts = []
    for image, information in zip(estimate.weighted_estimate, estimate.information, strict=True):
        target = details(np.where(known, image / np.maximum(information, 1e-30), 0).astype(np.float32))
        shifts.append(np.linalg.solve(normal, [np.vdot(column, target) for column in weighted]))
    return np.array(shifts)


def _blurred(image: Float32Array) -> Float32Array:
    import torch

    from napari_xanes.denoising.filters.gaussian import gaussian_blur

    result: Float32Array = gaussian_blur(torch.from_numpy(np.ascontiguousarray(image))[None], _DETAIL)[0].numpy()
    return result
