"""Call `napari_xanes.ops.denoise` and translate its result into an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from benchmarks.denoise.cases import Measurement
from benchmarks.denoise.edges import positions
from benchmarks.denoise.rivals import VALENCE_RANGE, Estimate

import napari_xanes as nx
from napari_xanes.region_means import error_of_mean


def denoised(measurement: Measurement, options: Mapping[str, Any] = MappingProxyType({})) -> Estimate:
    """Denoise a measurement with its references.

    Parameters
    ----------
    measurement : Measurement
    options : mapping
        Parameters of the denoiser.
    """
    result = nx.ops.denoise(measurement.stack, references=measurement.stack.metadata["references"], **options)
    details = result.metadata["denoise"]
    scale = positions(measurement.edge.references)
    valence = np.tensordot(scale, details.fractions, 1)
    # The errors of all fractions add up to zero. The result is exact for two, and an upper bound for more.
    sigma = np.tensordot(np.abs(scale - scale.mean()), details.fraction_sigma, 1)
    length = details.report.covariance_length_pixels
    return Estimate(
        np.clip(valence, *VALENCE_RANGE),
        depth=np.asarray(result.data),
        sigma=sigma,
        novelty=np.asarray(details.novelty),
        n_new=len(details.novel),
        offset=details.report.reference_offset_eV,
        sigma_of_mean=lambda box: error_of_mean(sigma[box], length),
    )
