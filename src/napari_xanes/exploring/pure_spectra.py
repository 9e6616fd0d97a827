"""Non-negative spectra of a stack as a typed value that a recipe can store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float64Array
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.parameters import Param
from napari_xanes.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class PureSpectra(FieldMapping):
    """Spectra whose non-negative sums are the pixels of a stack, and what else fits as well.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV.
    noise : ndarray, shape (E,)
        Standard deviation of the noise of a typical pixel.
    spectra, sigma, low, high : ndarray, shape (K, E)
        The spectra, their standard errors, and the range of spectra that fit as well.
    turns : ndarray, shape (Q, K, K)
        Matrices M of other solutions: the spectra ``M' S``.
    names : list of str
        Names of the spectra.
    words : str
        How the number was found.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the noise is not above 0.
    """

    energy: Float64Array
    noise: Float64Array
    spectra: Float64Array
    sigma: Float64Array
    low: Float64Array
    high: Float64Array
    turns: Float64Array
    names: list[str]
    words: str

    def __post_init__(self) -> None:
        for name in ("energy", "noise", "spectra", "sigma", "low", "high", "turns"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        count, size = len(self.names), self.energy.size
        tables = (self.spectra, self.sigma, self.low, self.high)
        if not count or any(table.shape != (count, size) for table in tables):
            raise ValueError(
                f"{count} pure spectra at {size} energies, their errors and ranges have shape ({count}, {size}), not "
                f"{', '.join(str(table.shape) for table in tables)}"
            )
        if self.turns.ndim != 3 or self.turns.shape[1:] != (count, count):
            raise ValueError(f"other solutions of {count} spectra are matrices of that size, not {self.turns.shape}")
        if self.noise.shape != (size,) or not (self.noise > 0).all():
            raise ValueError(f"the noise of pure spectra must be {size} numbers above 0, one per energy")

    def named(self) -> list[Spectrum]:
        """Return the spectra with their errors."""
        return [
            Spectrum(name, self.energy, mu, None, sigma)
            for name, mu, sigma in zip(self.names, self.spectra, self.sigma, strict=True)
        ]

    def to_plain(self) -> Plain:
        """Return the spectra as plain values."""
        return to_plain(dict(self))


PureArgument = Annotated[
    Any,
    BeforeValidator(
        PureSpectra.or_none("pure spectra are what an earlier run of unmix has found (energy, spectra ...)")
    ),
    Param(kind="pure_spectra", auto="from the stack"),
]
"""A `PureSpectra`, or None to find some."""
