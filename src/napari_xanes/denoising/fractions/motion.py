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
        variance = self.square_shift * float((fraction_levers(design) ** 2).sum(axis=1).mean())
        if variance < _BY_CHANCE**2:
            return estimate
        directions = self._directions()
        weighted = estimate.weighted_estimate.copy()
        for image, information in zip(weighted, estimate.information, strict=True):
            shift = _common_shift(image, information, directions) * (variance / (variance + _BY_CHANCE**2))
            image -= information * np.tensordot(shift.astype(np.float32), directions, 1)
        return replace(estimate, weighted_estimate=weighted)

    def _directions(self) -> Float32Array:
        """Return the change of a fraction for a shift of one pixel down and across, (2, Y, X)."""
        from scipy.ndimage import gaussian_filter

        smooth = gaussian_filter(np.asarray(self.absorption, np.float32), BLUR)
        return np.asarray(np.stack(np.gradient(smooth)) / self.jump, np.float32)


def _common_shift(weighted: Float32Array, information: Float32Array, directions: Float32Array) -> Float64Array:
    """Fit details of a map, given times its information, by those of the directions; return the two coefficients."""
    known = information > 0
    if not known.any():
        return np.zeros(2)
    weight = np.minimum(information, np.quantile(information[known], _SATURATION))
    measured = np.where(known, weighted / np.where(known, information, 1), 0)
    target, *columns = (_details(image, weight) for image in (measured, *directions))
    normal = np.array([[np.vdot(a * weight, b) for b in columns] for a in columns])
    right = np.array([np.vdot(column * weight, target) for column in columns])
    return np.linalg.solve(normal + 1e-9 * np.eye(2) * max(np.trace(normal), 1e-30), right)


def _details(image: Float32Array, weight: Float32Array) -> Float32Array:
    """Subtract from an image its weighted Gaussian mean."""
    import torch

    from napari_xanes.denoising.filters.gaussian import gaussian_blur

    both = torch.from_numpy(np.stack([image * weight, weight]).astype(np.float32))
    total, known = gaussian_blur(both, _DETAIL).numpy()
    return np.asarray(image - total / np.maximum(known, 1e-6 * float(weight.max())), np.float32)
