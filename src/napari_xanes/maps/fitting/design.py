"""The design of a reference fit: its columns, their factors, and the energies that are fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.maps.fitting.interpolation import reference_columns
from napari_xanes.maps.fitting.reference_scale import errors_of_scale, on_one_scale
from napari_xanes.maps.fitting.scaled_references import on_shares_of_scale, scaled_as_the_stack
from napari_xanes.reference_checks import is_guessed
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import one_or_more

_RESERVED = ("edge_jump", "valence", "dominant", "residual_rms", "chi_square", "constant", "slope")
"""Names of other maps, which no reference can have."""

_SINGULAR = 1e-9
"""References that differ by less than this, relative to their norm, are taken as equal."""


@dataclass(frozen=True)
class Design:
    """A fit of K references and F backgrounds to E energies.

    Parameters
    ----------
    frames : slice
        The frames of the stack that are fitted.
    energy : ndarray, shape (E,)
        Their energies in eV.
    names : list of K str
        Names of the references.
    backgrounds : list of F str
        Names of the backgrounds: "constant", "slope".
    matrix : ndarray, shape (E, K + F)
        The columns: references, then backgrounds.
    slopes : ndarray, shape (E, K)
        Change of the references per eV.
    references : list of K Spectrum
        The references as they were fitted, on their own energies.
    scale_errors : ndarray, shape (K,)
        Standard errors of their scales, as shares of them; see `errors_of_scale`.
    background_basis : ndarray, shape (E, F)
        Orthonormal columns that span the backgrounds.
    background_inverse : ndarray, shape (F, F)
        Inverse of the backgrounds' triangular factor.
    coupling : ndarray, shape (F, K)
        The references in the background basis.
    basis : ndarray, shape (E, K)
        Orthonormal columns that span what the references add to the backgrounds.
    solver : ActiveSets
        Solves for the references in `basis`.
    valences : ndarray, shape (K,)
        Valences of the references, NaN where unknown.
    warnings : list of str
        What a user should know.
    """

    frames: slice
    energy: Float64Array
    names: list[str]
    backgrounds: list[str]
    matrix: Float64Array
    slopes: Float64Array
    references: list[Spectrum]
    scale_errors: Float64Array
    background_basis: Float64Array
    background_inverse: Float64Array
    coupling: Float64Array
    basis: Float64Array
    solver: ActiveSets
    valences: Float64Array
    warnings: list[str]

    @property
    def full_basis(self) -> Float64Array:
        """Orthonormal columns (E, F + K) that span backgrounds and references."""
        return np.concatenate([self.background_basis, self.basis], axis=1)

    @property
    def residual_projection(self) -> Float64Array:
        """Matrix (E, E) that leaves the residuals of fits without bounds."""
        basis = self.full_basis
        projection: Float64Array = np.eye(len(basis)) - basis @ basis.T
        return projection

    @property
    def with_valence(self) -> BoolArray:
        """Which references have a valence."""
        return np.isfinite(self.valences)


def build_design(
    stack: SpectralStack,
    references: list[Spectrum],
    energy: tuple[float, float] | None,
    *,
    constant: bool,
    slope: bool,
    nonnegative: bool,
    sum_to_one: bool,
    normalize_references: str,
) -> Design:
    """Prepare everything about a fit that does not depend on the data; see `fit_references` for the parameters.

    Raises
    ------
    ValueError
        If a reference has a reserved name, too few energies are left, or the references are not independent there.
    """
    _check_names(references)
    warnings: list[str] = []
    given = references
    if normalize_references == "as the stack":
        references, scale_errors = scaled_as_the_stack(given, stack, warnings), np.zeros(len(given))
    else:
        references = on_one_scale(given, normalize_references, warnings)
        scale_errors = errors_of_scale(given, references)
    backgrounds = [name for name, is_included in (("constant", constant), ("slope", slope)) if is_included]
    warnings += on_shares_of_scale(stack, normalize_references, sum_to_one=sum_to_one)
    if sum_to_one and stack.quantity not in ("normalized", "scaled"):
        warnings.append(
            f"sum_to_one holds the edge jump of every pixel at 1, but the stack is {stack.quantity}, not normalized: "
            "amounts and valence are wrong where the jump differs from 1; use normalize_edge first, or fractions=True "
            "instead of sum_to_one"
        )
    frames = _common_frames(stack, references, energy, len(references) + len(backgrounds), warnings)
    axis = stack.energy[frames]
    background_columns = _background_columns(axis, backgrounds)
    columns, slopes = reference_columns(references, axis, warnings)
    q, r = np.linalg.qr(np.concatenate([background_columns, columns], axis=1))
    n = len(backgrounds)
    _check_independence(r[n:, n:], columns, references)
    return Design(
        frames=frames,
        energy=axis,
        names=[reference.name for reference in references],
        backgrounds=backgrounds,
        matrix=np.concatenate([columns, background_columns], axis=1),
        slopes=slopes,
        references=references,
        scale_errors=scale_errors,
        background_basis=q[:, :n],
        background_inverse=np.linalg.inv(r[:n, :n]),
        coupling=r[:n, n:],
        basis=q[:, n:],
        solver=ActiveSets(r[n:, n:], nonnegative=nonnegative, sum_to_one=sum_to_one),
        valences=_valences(references, warnings),
        warnings=warnings,
    )


def _check_names(references: list[Spectrum]) -> None:
    for reference in references:
        if reference.name in _RESERVED:
            raise ValueError(
                f"a reference can't be called {reference.name!r}, because another map has this name; rename it"
            )


def _background_columns(axis: Float64Array, names: list[str]) -> Float64Array:
    """Backgrounds (E, F): 1 at every energy, and the distance from the middle energy in eV."""
    shapes = {"constant": np.ones_like(axis), "slope": axis - (axis[0] + axis[-1]) / 2}
    return np.array([shapes[name] for name in names]).reshape(len(names), axis.size).T


def _valences(references: list[Spectrum], warnings: list[str]) -> Float64Array:
    """Valences (K,), NaN where unknown."""
    valences = np.array([np.nan if reference.valence is None else reference.valence for reference in references])
    if np.isfinite(valences).any() and not np.isfinite(valences).all():
        without = ", ".join(reference.name for reference in references if reference.valence is None)
        if np.unique(valences[np.isfinite(valences)]).size < 2:  # the mean would be the same number in every pixel
            warnings.append(f"there is no mean valence, because too few references have one; give one to: {without}")
            return np.full(valences.shape, np.nan)
        warnings.append(f"the mean valence leaves out references without a valence: {without}")
    guessed = [f"{reference.name} ({reference.valence:g})" for reference in references if is_guessed(reference)]
    if guessed:
        warnings.append(f"valences were guessed from the names of references: {', '.join(guessed)}; check them")
    return valences


def _common_frames(
    stack: SpectralStack,
    references: list[Spectrum],
    energy: tuple[float, float] | None,
    n_columns: int,
    warnings: list[str],
) -> slice:
    """The frames within all references and within the chosen range of energies."""
    axis = stack.energy
    limits = energy or (float(axis[0]), float(axis[-1]))
    inside = (axis >= limits[0]) & (axis <= limits[1])
    covered = inside.copy()
    for reference in references:
        covered &= (axis >= reference.energy[0]) & (axis <= reference.energy[-1])
    if covered.sum() < n_columns + 1:
        worst = min(references, key=lambda s: np.sum(inside & (axis >= s.energy[0]) & (axis <= s.energy[-1])))
        raise ValueError(
            f"a fit of {n_columns} columns needs at least {n_columns + 1} energies, but the stack "
            f"({axis[0]:g} to {axis[-1]:g} eV, {inside.sum()} energies in {limits[0]:g} to {limits[1]:g} eV) shares "
            f"{covered.sum()} with all references; {worst.name!r} covers {worst.energy[0]:g} to {worst.energy[-1]:g} "
            "eV: leave it out, or widen energy"
        )
    used = np.flatnonzero(covered)
    first, last = int(used[0]), int(used[-1])
    low, high = max(s.energy[0] for s in references), min(s.energy[-1] for s in references)
    # A warning is only due for energies that the references lack, not for those that the user left out.
    n_lost = int(np.sum(axis < low)) if first > 0 and axis[first - 1] < low else 0
    n_lost += int(np.sum(axis > high)) if last < axis.size - 1 and axis[last + 1] > high else 0
    if n_lost:
        warnings.append(
            f"{n_lost} of {axis.size} energies {one_or_more(n_lost, 'lies', 'lie')} outside the references "
            f"({low:g}-{high:g} eV) and {one_or_more(n_lost, 'is', 'are')} not used"
        )
    return slice(first, last + 1)


def _check_independence(r: Float64Array, columns: Float64Array, references: list[Spectrum]) -> None:
    """Raise an error for the first reference that is a combination of earlier ones and the backgrounds."""
    for i, reference in enumerate(references):
        if np.linalg.norm(r[i:, i]) <= _SINGULAR * np.linalg.norm(columns[:, i]) or not columns[:, i].any():
            earlier = ", ".join(s.name for s in references[:i])
            same = f"a combination of {earlier} and the background" if earlier else "nothing but background"
            raise ValueError(f"on these energies reference {reference.name!r} is {same}: leave it out")
