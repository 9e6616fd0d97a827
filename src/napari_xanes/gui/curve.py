"""A spectrum as plots, lists and exported files show it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from napari_xanes.gui.pixels.spectra import Values


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum in the plot and in exported files.

    Parameters
    ----------
    name : str
        Name for legends and columns.
    energy, values : array, shape (E,)
        Photon energies in eV and the values at them.
    kind : str
        ``cursor``, ``region``, ``pin``, ``reference``, ``fit`` or, below the others, ``residual``.
    colour : str
        As ``#rrggbb``; empty for the text colour of the theme.
    spread : array, shape (E,), optional
        Standard deviation between the pixels of a region.
    sigma : array, shape (E,), optional
        Standard error of each value, where the noise is known.
    place : str
        Where the curve was measured, for exported files; empty where the name says it.
    e0 : float, optional
        Energy of the edge in eV, where the curve was normalized.
    jump : float, optional
        Edge jump before it was normalized.
    """

    name: str
    energy: Values
    values: Values
    kind: str
    colour: str = ""
    spread: Values | None = None
    sigma: Values | None = None
    place: str = ""
    e0: float | None = None
    jump: float | None = None
