"""What the maps of `match_library` carry in their metadata, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_xanes._typing import Float64Array
from napari_xanes.field_mapping import FieldMapping


@dataclass(frozen=True, eq=False)
class LibrarySettings(FieldMapping):
    """How a library was adapted to a stack; ``metadata["library"]``.

    Parameters
    ----------
    name : str
        Name of the library.
    offset_eV : float
        How much too high the stack's energies read.
    broadening_eV : float
        Full width of the Gaussian that the library was convolved with.
    shift_spread_eV : float, optional
        L edges: standard deviation of the pixels' shifts.
    calibration : mapping, optional
        K edges: ``phase`` (list of members), ``valence`` and ``misfit`` of the calibration spectrum.
    """

    name: str
    offset_eV: float
    broadening_eV: float
    shift_spread_eV: float | None = None
    calibration: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class LibraryMatch(FieldMapping):
    """What is needed to draw library spectra over a pixel's spectrum; ``metadata["match"]``.

    Parameters
    ----------
    offset, broadening : float
        See `LibrarySettings`, in eV.
    energy : ndarray, shape (E,)
        The energies that were matched, in eV.
    background : str
        What was fitted beside the library: "linear", "constant" or "none".
    library : object
        The library in the form that `load_library` reads.
    """

    offset: float
    broadening: float
    energy: Float64Array
    background: str
    library: Any


def library_settings(metadata: Mapping[str, Any]) -> LibrarySettings | None:
    """Return the library settings in the metadata of maps, also of maps from a file; None if there are none."""
    return LibrarySettings.from_mapping(metadata.get("library"))


def library_match(metadata: Mapping[str, Any]) -> LibraryMatch | None:
    """Return the match in the metadata of maps, also of maps from a file; None if there is none."""
    return LibraryMatch.from_mapping(metadata.get("match"))
