"""The one place that knows how `napari_xanes.ops.denoise` is called and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from benchmarks.denoise.cases import Measurement
from benchmarks.denoise.edges import positions
from benchmarks.denoise.rivals import REACH, Estimate

import napari_xanes as nx


def denoised(one: Measurement, how: Mapping[str, Any] = MappingProxyType({})) -> Estimate:
    """Clean a measurement with the references that belong to it.

    Parameters
    ----------
    one : Measurement
    how : mapping
        Parameters of the denoiser.
    """
    result = nx.ops.denoise(one.stack, references=one.stack.metadata["references"], **how)
    about = result.metadata["denoise"]
    where = positions(one.edge.references)
    valence = np.tensordot(where, about["fractions"], 1)
    # Errors of fractions add up to zero: exact for two, an upper bound for more.
    sigma = np.tensordot(np.abs(where - where.mean()), about["fraction_sigma"], 1)
    return Estimate(
        np.clip(valence, *REACH),
        depth=np.asarray(result.data),
        sigma=sigma,
        novelty=np.asarray(about["novelty"]),
        n_new=len(about["novel"]),
        offset=about["report"]["reference_offset_eV"],
    )
