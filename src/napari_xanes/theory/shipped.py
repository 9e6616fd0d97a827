"""The libraries that come with the package, and how each was computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.building import Grid, build_library, rebuild
from napari_xanes.theory.charge_transfer import ChargeTransfer
from napari_xanes.theory.library import Library

_FOLDER = Path(__file__).parent / "libraries"


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    return tuple((first + step * np.arange(round((last - first) / step) + 1)).round(6).tolist())


def _tetragonal(*splittings: float) -> tuple[tuple[float, float], ...]:
    """Ds and Dt of splittings of e_g (4 Ds + 5 Dt) in eV, in the ratio that fits LaMnO3."""
    return tuple((round(splitting / 5.9, 6), round(0.38 * splitting / 5.9, 6)) for splitting in splittings)


_TWO_EDGES = (1.0, 1.04, 1.08)
"""Factors on zeta_2p; measured Mn oxides want 1.02 to 1.09."""

_MN = (
    Grid(
        "Mn2+",
        _steps(0, 1.6, 0.1),
        (0.7, 0.8, 0.9),
        _TWO_EDGES,
        charge_transfer=(None, ChargeTransfer(8, 1.1), ChargeTransfer(5, 1.8)),
    ),
    Grid(
        "Mn3+",
        _steps(0.4, 2.4, 0.2),
        (0.65, 0.8),
        _TWO_EDGES,
        fields=_tetragonal(0, 0.8, 1.6, 2.4),
        charge_transfer=(None, ChargeTransfer(4, 1.8), ChargeTransfer(1, 2.3)),
    ),
    Grid(
        "Mn4+",
        _steps(0.8, 2.8, 0.1),
        (0.65, 0.8),
        _TWO_EDGES,
        charge_transfer=(None, ChargeTransfer(3, 2.0), ChargeTransfer(1, 2.3), ChargeTransfer(-2, 3.0)),
    ),
)


def _oh(*ions: str, ten_dq: tuple[float, ...] = _steps(0, 2.4, 0.1)) -> tuple[Grid, ...]:
    return tuple(Grid(ion, ten_dq, (0.7, 0.8, 0.9)) for ion in ions)


GRIDS: Mapping[str, tuple[Grid, ...]] = MappingProxyType(
    {
        "mn-l23": _MN,
        "mn-l23-oh": tuple(Grid(ion, _steps(0, 2.5, 0.1)) for ion in ("Mn2+", "Mn3+", "Mn4+")),
        "ti-l23": _oh("Ti2+", "Ti3+", "Ti4+"),
        "v-l23": _oh("V2+", "V3+", "V4+", "V5+"),
        "cr-l23": _oh("Cr2+", "Cr3+", "Cr4+"),
        "fe-l23": _oh("Fe2+", "Fe3+", "Fe4+"),
        "co-l23": _oh("Co2+", "Co3+", "Co4+"),
        "ni-l23": _oh("Ni2+", "Ni3+", "Ni4+"),
    }
)
"""What each library was computed on. ``mn-l23-oh`` has the 78 spectra of Suzuki et al. (2018)."""
