"""An expected composition of the sample, which helps to tell patterns of the beam from the sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.patterns import Background
from napari_xanes.denoising.bands import apply_matrix
from napari_xanes.denoising.binning import BinnedStack, bin_sums
from napari_xanes.denoising.design_matrix import DesignMatrix

_SLOW = 3.0  # bins


@dataclass(frozen=True)
class CompositionPrior:
    """The data beyond an expected composition.

    ``directions`` (E, D), orthonormal, span the differences between mixtures and the mean mixture; ``residual``
    (D, y, x) is the data along them minus the expected mixture, and ``precision`` (y, x) that of the expectation and
    the noise.
    """

    directions: Float64Array
    residual: Float32Array
    precision: Float32Array

    def with_slow_part_of(self, background: Background) -> CompositionPrior:
        """Replace the slow changes of the residual by those of patterns that were found without it.

        A smoothed composition is biased, and slow changes of the bias would be taken for patterns.
        """
        from scipy.ndimage import gaussian_filter

        weight = gaussian_filter(self.precision, _SLOW) + 1e-9
        modes = background.modes[:, : len(background.initial_maps)]
        patterns = np.tensordot(self.directions.T @ modes, background.initial_maps, 1)

        def slow(image: Float32Array) -> Float32Array:
            return np.asarray(gaussian_filter(image * self.precision, _SLOW) / weight, np.float32)

        residual = [
            image - slow(image) + slow(np.asarray(pattern, np.float32))
            for image, pattern in zip(self.residual, patterns, strict=True)
        ]
        return replace(self, residual=np.stack(residual))


def composition_prior(
    binned: BinnedStack,
    precision: Float32Array,
    jump: Float32Array,
    fractions: Float32Array,
    design: DesignMatrix,
    fraction_error: float,
) -> CompositionPrior:
    """Compare the binned data with the expected mixtures.

    Parameters
    ----------
    binned : BinnedStack
        Means over bins, divided by the noise.
    precision : ndarray, shape (Y, X)
        Precision of the pixels that are averaged into the bins of the sample, 0 for others.
    jump, fractions : ndarray, shape (Y, X) and (K, Y, X)
        Expected edge jump and fractions.
    fraction_error : float
        Standard error of the expected fractions.
    """
    weight = np.maximum(bin_sums(precision), 1e-30)
    sums = np.einsum("kyx,yx->k", fractions, jump * precision, optimize=True)
    mean = sums / sums.sum()
    mixture = design.references @ mean
    common = np.linalg.qr(np.concatenate([mixture[:, None], design.baseline], axis=1))[0]
    differences = design.references - common @ (common.T @ design.references)
    directions, sizes, _ = np.linalg.svd(differences, full_matrices=False)
    directions = directions[:, sizes > 1e-6 * sizes[0]][:, : design.references.shape[1] - 1]
    factor = jump * precision
    deviations = [
        bin_sums((image - share) * factor) for image, share in zip(fractions, mean.astype(np.float32), strict=True)
    ]
    expected = apply_matrix(directions.T @ design.references, (np.stack(deviations) / weight).astype(np.float32))
    contrast = float(np.linalg.norm(directions.T @ (design.references - mixture[:, None]), axis=0).sum())
    bin_jump = np.maximum(bin_sums(factor) / weight, 0.005)
    noise_variance = 1 / np.maximum(binned.sample_precision, 1e-30)
    expected_precision = np.where(
        binned.sample_precision > 0, 1 / (noise_variance + (contrast * bin_jump * fraction_error) ** 2), 0
    )
    residual = apply_matrix(directions.T, binned.sample) - expected
    return CompositionPrior(directions, residual.astype(np.float32), expected_precision.astype(np.float32))
