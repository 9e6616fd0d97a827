"""The components of a stack as a typed value that a recipe can store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float64Array
from napari_xanes.exploring.factors import Factors
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.parameters import Param
from napari_xanes.spectrum import Spectrum


@dataclass(frozen=True, eq=False)
class ComponentBasis(FieldMapping):
    """Components of a stack, and the noise in whose units they were found.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV.
    spectra : ndarray, shape (K, E)
        Components with a root mean square of 1, strongest first. Divided by the noise, they are orthogonal.
    spectra_sigma : ndarray, shape (K, E)
        Their standard errors.
    noise : ndarray, shape (E,)
        Standard deviation of the noise of a typical pixel.
    eigenvalues : ndarray, shape (E,)
        Mean squares of the stack along all components in units of the noise, strongest first; about 1 is noise.
    limit : float
        The largest eigenvalue that noise has by chance.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the noise is not above 0.
    """

    energy: Float64Array
    spectra: Float64Array
    spectra_sigma: Float64Array
    noise: Float64Array
    eigenvalues: Float64Array
    limit: float

    def __post_init__(self) -> None:
        for name in ("energy", "spectra", "spectra_sigma", "noise", "eigenvalues"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        size = self.energy.size
        if (
            self.spectra.ndim != 2
            or self.spectra.shape[1:] != (size,)
            or self.spectra_sigma.shape != self.spectra.shape
        ):
            raise ValueError(
                f"components at {size} energies have one row of {size} values each, not shapes {self.spectra.shape} "
                f"and {self.spectra_sigma.shape}"
            )
        if self.noise.shape != (size,) or not (self.noise > 0).all():
            raise ValueError(f"the noise of components must be {size} numbers above 0, one per energy")

    @classmethod
    def of(cls, energy: Float64Array, factors: Factors) -> ComponentBasis:
        """Return factors at energies (E,) in eV as components."""
        count = factors.vectors.shape[1]
        spectra = (factors.noise[:, None] * factors.vectors).T
        size = np.sqrt(np.mean(spectra**2, axis=1, keepdims=True))
        own = factors.eigenvalues[:count, None]
        # How far noise turns a direction towards any other one (Anderson, Ann. Math. Stat. 34, 122, 1963).
        turned = np.sqrt(own / np.maximum(own - 1, 1e-3) ** 2 / factors.n_effective)
        return cls(
            energy, spectra / size, factors.noise * turned / size, factors.noise, factors.eigenvalues, factors.limit
        )

    @property
    def explained(self) -> Float64Array:
        """Share (K,) of each component in what is more than noise."""
        above = np.maximum(self.eigenvalues - 1, 0)
        result: Float64Array = above[: len(self.spectra)] / max(float(above.sum()), np.finfo(float).tiny)
        return result

    def named(self) -> list[Spectrum]:
        """Return the components as spectra with their errors."""
        pairs = zip(self.spectra, self.spectra_sigma, strict=True)
        return [
            Spectrum(f"component {number}", self.energy, mu, None, sigma)
            for number, (mu, sigma) in enumerate(pairs, start=1)
        ]

    def to_plain(self) -> Plain:
        """Return the components as plain values."""
        return to_plain(dict(self))


Basis = Annotated[
    Any,
    BeforeValidator(
        ComponentBasis.or_none("a basis is what an earlier run of components has found (energy, spectra ...)")
    ),
    Param(kind="component_basis", auto="from the stack"),
]
"""A `ComponentBasis`, or None to find one."""
