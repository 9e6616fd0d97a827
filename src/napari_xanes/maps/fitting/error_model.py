"""What the residuals of a stack say about the errors of its fits, as a typed value that a recipe can store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Float64Array
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.parameters import Param

_NO_SPREAD = 1e9
"""Degrees of freedom of a noise that is the same in all pixels."""


@dataclass(frozen=True, eq=False)
class ErrorModel(FieldMapping):
    """Noise and misfit of a stack, learned from the residuals of some of its pixels.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        The fitted energies in eV.
    profile : ndarray, shape (E,)
        Variance of each energy over the photons' variance; without known photons, over the mean of all energies.
    exponent : float
        Without known photons, the variance grows as ``exp(exponent * mu)``: thick pixels have fewer counts above the
        edge. 1 for photons, 0 for noise that does not depend on the signal.
    scale : float
        Variance of a typical pixel over what `profile` says; in the stack's unit, squared, without known photons.
    freedom : float
        How alike pixels are: each pixel's own variance is weighted by its degrees of freedom, `scale` by these.
    inflation : float
        By how much noise that neighbouring energies share increases the variances of the fit.
    shared : ndarray, shape (E,)
        A spectrum that residuals of pixels share, for an edge jump of 1, or per pixel.
    shared_per_jump : bool
        Whether `shared` belongs to an edge jump of 1, not to a pixel.
    span : float
        Error that what is behind `shared` makes in each direction of the references, for the same amount.
    local : ndarray, shape (E,)
        A spectrum that pixels in a part of the sample share, for an edge jump of 1.
    local_share : float
        Share of the sample that has it.
    shift : float
        Energy in eV by which the stack lies above the references.
    covariance_length : float
        Pixels in a square of this width share their noise.
    warnings : list of str
        What a user should know.
    """

    energy: Float64Array
    profile: Float64Array
    exponent: float = 0.0
    scale: float = 1.0
    freedom: float = 0.0
    inflation: float = 1.0
    shared: Float64Array = field(default_factory=lambda: np.zeros(0))
    shared_per_jump: bool = True
    span: float = 0.0
    local: Float64Array = field(default_factory=lambda: np.zeros(0))
    local_share: float = 0.0
    shift: float = 0.0
    covariance_length: float = 1.0
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("energy", "profile", "shared", "local"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        for name in ("shared", "local"):
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.zeros_like(self.energy))
        for name in ("profile", "shared", "local"):
            size = getattr(self, name).size
            if size != self.energy.size:
                raise ValueError(
                    f"the error model has {self.energy.size} energies but {size} values of {name}; give one for each"
                )
        object.__setattr__(self, "freedom", min(float(self.freedom), _NO_SPREAD))

    def to_plain(self) -> Plain:
        """Return the model as plain values."""
        return to_plain(dict(self))


def photons_alone(energy: Float64Array) -> ErrorModel:
    """Return a model that knows only of photons, or of each pixel's own residuals; energies (E,) in eV."""
    return ErrorModel(energy, np.ones_like(energy))


Errors = Annotated[
    Any,
    BeforeValidator(ErrorModel.or_none("an error model is what an earlier fit has learned (energy, profile ...)")),
    Param(kind="error_model", auto="from the residuals of the stack"),
]
"""An `ErrorModel`, or None to learn one."""
