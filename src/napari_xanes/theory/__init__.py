"""Simulated L-edge spectra: atomic multiplets in a crystal field, with charge transfer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_xanes.theory.building import Grid, build_library
    from napari_xanes.theory.charge_transfer import ChargeTransfer
    from napari_xanes.theory.embedding import Embedding, embed
    from napari_xanes.theory.library import Library
    from napari_xanes.theory.placement import place
    from napari_xanes.theory.shipped import load_library
    from napari_xanes.theory.spectra import l_edge_spectrum
    from napari_xanes.theory.sticks import l_edge_sticks

_HOMES = {
    "ChargeTransfer": "charge_transfer",
    "Embedding": "embedding",
    "Grid": "building",
    "Library": "library",
    "build_library": "building",
    "embed": "embedding",
    "l_edge_spectrum": "spectra",
    "l_edge_sticks": "sticks",
    "load_library": "shipped",
    "place": "placement",
}

__all__ = [
    "ChargeTransfer",
    "Embedding",
    "Grid",
    "Library",
    "build_library",
    "embed",
    "l_edge_spectrum",
    "l_edge_sticks",
    "load_library",
    "place",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_xanes.theory.{_HOMES[name]}"), name)
    raise AttributeError(f"napari_xanes.theory has no {name!r}")
