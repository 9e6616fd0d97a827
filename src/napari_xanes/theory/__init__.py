"""Simulated L-edge spectra: atomic multiplets in a crystal field, with charge transfer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_xanes.theory.charge_transfer import ChargeTransfer
    from napari_xanes.theory.spectra import l_edge_spectrum
    from napari_xanes.theory.sticks import l_edge_sticks

_HOMES = {"ChargeTransfer": "charge_transfer", "l_edge_spectrum": "spectra", "l_edge_sticks": "sticks"}

__all__ = ["ChargeTransfer", "l_edge_spectrum", "l_edge_sticks"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_xanes.theory.{_HOMES[name]}"), name)
    raise AttributeError(f"napari_xanes.theory has no {name!r}")
