"""Why a pixel is not assigned, as codes, as labels, and as maps."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from napari_xanes.parameter_map import ParameterMap


class Doubt(IntEnum):
    """Values of the map ``doubt``; 0 is no doubt."""

    WEAK = 1
    POOR = 2
    AMBIGUOUS = 3
    BEYOND_LIBRARY = 4
    NOT_FINITE = 5
    MIXED = 6


LABELS: Mapping[int, str] = MappingProxyType(
    {
        Doubt.WEAK: "weak signal",
        Doubt.POOR: "poor fit",
        Doubt.AMBIGUOUS: "ambiguous",
        Doubt.BEYOND_LIBRARY: "10Dq beyond the library",
        Doubt.NOT_FINITE: "no finite spectrum",
        Doubt.MIXED: "mixture of charges",
    }
)

NO_SIGNAL = "no pixel has enough signal, so all pixels are masked; lower min_signal or check the stack's quantity"


def doubt_maps(doubt: NDArray[np.uint8], companion: str) -> dict[str, ParameterMap]:
    """Return the maps ``assigned`` and ``doubt``, companions of another map."""
    labels = {int(code): label for code, label in LABELS.items()}
    mask = (doubt != 0) & (doubt != Doubt.NOT_FINITE)
    return {
        "assigned": ParameterMap((doubt == 0).astype(np.uint8), labels={1: "assigned"}, companion=companion),
        "doubt": ParameterMap(doubt, mask=mask, labels=labels, companion=companion),
    }
