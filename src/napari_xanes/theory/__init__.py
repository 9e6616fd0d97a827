"""Simulated L-edge spectra: atomic multiplets in a crystal field, with charge transfer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_xanes.theory.embedding.embed import embed
    from napari_xanes.theory.embedding.model import Embedding
    from napari_xanes.theory.embedding.placement import place
    from napari_xanes.theory.library.building import Grid, build_library
    from napari_xanes.theory.library.model import Library
    from napari_xanes.theory.library.shipped import load_library
    from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer
    from napari_xanes.theory.multiplet.l_edge import l_edge_sticks
    from napari_xanes.theory.multiplet.spectra import l_edge_spectrum

_HOMES = {
    "ChargeTransfer": "multiplet.charge_transfer",
    "Embedding": "embedding.model",
    "Grid": "library.building",
    "Library": "library.model",
    "build_library": "library.building",
    "embed": "embedding.embed",
    "l_edge_spectrum": "multiplet.spectra",
    "l_edge_sticks": "multiplet.l_edge",
    "load_library": "library.shipped",
    "place": "embedding.placement",
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
