"""The design of a fit of references and its kernel: coefficients, residuals and their errors for a block of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.edge import normalize_spectrum
from napari_xanes.maps.fitting.active_set import ActiveSets
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_RESERVED = ("edge_jump", "valence", "dominant", "residual_rms", "chi_square", "constant", "slope")

_SINGULAR = 1e-9
"""References that differ by less than this, relative to them, are the same."""


@dataclass(frozen=True)
class Design:
    """The columns of a fit and their factors, ``matrix = [references, backgrounds]``.

    ``free`` (E, F) spans the backgrounds and ``basis`` (E, K) what the references add to them, both orthonormal;
    ``corner`` (F, K) and ``solver`` hold the rest of the triangular factor.
    """

    frames: slice
    energy: Float64Array
    names: list[str]
    backgrounds: list[str]
    matrix: Float64Array
    free: Float64Array
    free_inverse: Float64Array
    corner: Float64Array
    basis: Float64Array
    solver: ActiveSets
    valences: Float64Array
    warnings: list[str]

    @property
    def with_valence(self) -> NDArray[np.bool_]:
        """Which references have a valence."""
        return np.isfinite(self.valences)


def prepare(
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
    """Everything about a fit that does not depend on the data.

    Raises
    ------
    ValueError
        If names clash, the references leave too few energies, or they can't be told apart there.
    """
    for reference in references:
        if reference.name in _RESERVED:
            raise ValueError(f"a reference can't be called {reference.name!r}, because another map is; rename it")
    warnings: list[str] = []
    references = [_normalized(reference, normalize_references, warnings) for reference in references]
    backgrounds = [name for name, wanted in (("constant", constant), ("slope", slope)) if wanted]
    frames = _common(stack, references, energy, len(references) + len(backgrounds), warnings)
    axis = stack.energy[frames]
    shapes = {"constant": np.ones_like(axis), "slope": axis - (axis[0] + axis[-1]) / 2}
    free_columns = np.array([shapes[name] for name in backgrounds]).reshape(len(backgrounds), axis.size).T
    columns = np.stack([reference.at(axis) for reference in references], axis=1)
    for reference, column in zip(references, columns.T, strict=True):
        if not np.isfinite(column).all():
            raise ValueError(f"reference {reference.name!r} has no value at {axis[~np.isfinite(column)][0]:g} eV")
    q, r = np.linalg.qr(np.concatenate([free_columns, columns], axis=1))
    n = len(backgrounds)
    _tell_apart(r[n:, n:], columns, references)
    valences = np.array([np.nan if s.valence is None else s.valence for s in references])
    if np.isfinite(valences).any() and not np.isfinite(valences).all():
        without = ", ".join(s.name for s in references if s.valence is None)
        warnings.append(f"the mean valence leaves out what has no valence: {without}")
    return Design(
        frames=frames,
        energy=axis,
        names=[reference.name for reference in references],
        backgrounds=backgrounds,
        matrix=np.concatenate([columns, free_columns], axis=1),
        free=q[:, :n],
        free_inverse=np.linalg.inv(r[:n, :n]),
        corner=r[:n, n:],
        basis=q[:, n:],
        solver=ActiveSets(r[n:, n:], nonnegative=nonnegative, sum_to_one=sum_to_one),
        valences=valences,
        warnings=warnings,
    )


def _normalized(reference: Spectrum, when: str, warnings: list[str]) -> Spectrum:
    if when == "never" or (when == "auto" and reference.metadata.get("normalized") is not False):
        return reference
    try:
        return normalize_spectrum(reference)
    except ValueError as error:
        if when == "always":
            raise
        warnings.append(f"taken as it is, not normalized: {error}")
        return reference


def _common(
    stack: SpectralStack,
    references: list[Spectrum],
    energy: tuple[float, float] | None,
    n_columns: int,
    warnings: list[str],
) -> slice:
    """The frames within all references and the range asked for."""
    axis = stack.energy
    wanted = energy or (float(axis[0]), float(axis[-1]))
    inside = (axis >= wanted[0]) & (axis <= wanted[1])
    covered = inside.copy()
    for reference in references:
        covered &= (axis >= reference.energy[0]) & (axis <= reference.energy[-1])
    if covered.sum() < n_columns + 1:
        worst = min(references, key=lambda s: np.sum(inside & (axis >= s.energy[0]) & (axis <= s.energy[-1])))
        raise ValueError(
            f"a fit of {n_columns} columns needs at least {n_columns + 1} energies, but the stack "
            f"({axis[0]:g} to {axis[-1]:g} eV, {inside.sum()} energies in {wanted[0]:g} to {wanted[1]:g} eV) shares "
            f"{covered.sum()} with all references; {worst.name!r} covers {worst.energy[0]:g} to {worst.energy[-1]:g} "
            "eV: leave it out, or widen energy"
        )
    used = np.flatnonzero(covered)
    first, last = int(used[0]), int(used[-1])
    low, high = max(s.energy[0] for s in references), min(s.energy[-1] for s in references)
    # Only what the references end, not what was asked for, is worth a warning.
    lost = int(np.sum(axis < low)) if first > 0 and axis[first - 1] < low else 0
    lost += int(np.sum(axis > high)) if last < axis.size - 1 and axis[last + 1] > high else 0
    if lost:
        warnings.append(
            f"{lost} of {axis.size} energies lie outside the references ({low:g}-{high:g} eV) and are not used"
        )
    return slice(first, last + 1)


def _tell_apart(r: Float64Array, columns: Float64Array, references: list[Spectrum]) -> None:
    """Raise for the first reference that those before it (and the backgrounds) add up to."""
    for i, reference in enumerate(references):
        if np.linalg.norm(r[i:, i]) <= _SINGULAR * np.linalg.norm(columns[:, i]) or not columns[:, i].any():
            others = ", ".join(s.name for s in references[:i])
            same = f"a combination of {others} and the background" if others else "nothing but background"
            raise ValueError(f"on these energies reference {reference.name!r} is {same}: leave it out")


class LinearFit:
    """Fits block after block of a stack into flat arrays of results, float32, one value per pixel.

    Parameters
    ----------
    design : Design
        What to fit.
    stack : SpectralStack
        Where to; only its shape and noise are looked at.
    fractions : bool
        Whether ``shown`` is divided by the sum of the coefficients.
    min_jump : float, optional
        Smallest sum of coefficients of a good pixel; three of its standard errors by default.
    """

    def __init__(self, design: Design, stack: SpectralStack, *, fractions: bool, min_jump: float | None) -> None:
        self.design, self.fractions, self.min_jump = design, fractions, min_jump
        k, n_pixels = len(design.names), int(np.prod(stack.shape[1:]))
        self.shown, self.shown_sigma = (np.empty((k, n_pixels), np.float32) for _ in range(2))
        self.background = np.empty((len(design.backgrounds), n_pixels), np.float32)
        self.jump, self.jump_sigma, self.valence, self.valence_sigma, self.rms, self.chi_square = (
            np.empty(n_pixels, np.float32) for _ in range(6)
        )
        self.dominant = np.zeros(n_pixels, np.uint8)
        self.finite, self.good = (np.zeros(n_pixels, dtype=bool) for _ in range(2))
        noise = stack.noise and stack.noise.isel(design.frames)
        self._photon_noise = noise if isinstance(noise, PhotonNoise) else None
        self._amount_noise = noise if isinstance(noise, AmountNoise) else None
        first, second = np.triu_indices(k)
        self._pair = first, second
        self._pair_weight = np.where(first == second, 1.0, 2.0)
        rows = np.concatenate([design.solver.freed(), design.solver.gain.sum(axis=1, keepdims=True)], axis=1)
        self._own_forms = self._forms(rows, rows)
        self._pair_basis = np.ascontiguousarray((design.basis[:, first] * design.basis[:, second]).T)
        self._prepare_full(design)

    def _forms(self, left: Float64Array, right: Float64Array) -> Float64Array:
        """Bilinear forms of pairs of rows, as rows of coefficients of the covariance's upper triangle."""
        a, b = self._pair
        both = left[..., a] * right[..., b] + left[..., b] * right[..., a]
        forms: Float64Array = both / 2 * self._pair_weight
        return forms

    def _prepare_full(self, design: Design) -> None:
        """Forms of the fit without bounds: what fractions and valence need of its covariance."""
        gain = design.solver.gain[0]
        weight = design.with_valence.astype(np.float64)
        valence = np.where(design.with_valence, design.valences, 0.0)
        total, counted, charge = gain.sum(axis=0), weight @ gain, valence @ gain
        ones = np.broadcast_to(total, gain.shape)
        self._fraction_forms = self._forms(gain, gain), self._forms(gain, ones), self._forms(total, total)[None]
        self._valence_forms = np.stack(
            [self._forms(charge, charge), self._forms(charge, counted), self._forms(counted, counted)]
        )
        self._weight, self._charge = weight, valence

    def block(self, block: NDArray[Any], pixels: slice) -> None:
        """Fit a block (E, P) and keep the results."""
        design = self.design
        with np.errstate(all="ignore"):
            data = block[design.frames].astype(np.float64)
            q = design.basis.T @ data
            x, support = design.solver.solve(q)
            u = design.free_inverse @ (design.free.T @ data - design.corner @ x)
            variance = None if self._photon_noise is None else self._photon_noise.variance(data, pixels)
            data -= design.matrix @ np.concatenate([x, u])
            self._keep(x, u, support, data, variance, pixels)

    def _keep(
        self,
        x: Float64Array,
        u: Float64Array,
        support: NDArray[np.intp],
        residual: Float64Array,
        variance: Float64Array | None,
        pixels: slice,
    ) -> None:
        k, n_energies = x.shape[0], residual.shape[0]
        squares = np.einsum("ep,ep->p", residual, residual)
        finite = np.isfinite(squares)
        x[:, ~finite] = u[:, ~finite] = squares[~finite] = np.nan
        freedom = n_energies - u.shape[0] - self.design.solver.members.sum(axis=1)[support]
        covariance = np.zeros((self._pair_weight.size, x.shape[1]))
        if variance is None:
            step = np.diff(residual, axis=0)
            white = np.einsum("ep,ep->p", step, step) / (2 * (n_energies - 1))
            self.chi_square[pixels] = squares / freedom / white
            if self._amount_noise is None:
                covariance[self._pair[0] == self._pair[1]] = squares / freedom
            else:
                parts = self._amount_noise.sources(self.design.basis, pixels)
                covariance = np.einsum("imp,imp->ip", parts[self._pair[0]], parts[self._pair[1]])
        else:
            self.chi_square[pixels] = np.einsum("ep,ep,ep->p", residual, residual, 1 / variance) / freedom
            covariance = self._pair_basis @ variance
        sigma = self._sigma(support, covariance)
        jump = x.sum(axis=0)
        least = 5 * sigma[k] if self.min_jump is None else self.min_jump
        good = finite & (jump > least)
        self.finite[pixels], self.good[pixels] = finite, good
        self.jump[pixels], self.jump_sigma[pixels] = jump, sigma[k]
        self.rms[pixels] = np.sqrt(squares / n_energies)
        self.background[:, pixels] = u
        if self.fractions:
            share = x / jump
            own, mixed, total = (forms @ covariance for forms in self._fraction_forms)
            self.shown[:, pixels] = np.where(jump != 0, share, np.nan)
            self.shown_sigma[:, pixels] = _root(own - 2 * share * mixed + share**2 * total) / np.abs(jump)
        else:
            self.shown[:, pixels], self.shown_sigma[:, pixels] = x, sigma[:k]
        self.dominant[pixels] = np.where(good, x.argmax(axis=0) + 1, 0)
        counted = self._weight @ x
        valence = np.where(good & (counted > 0), self._charge @ x / counted, np.nan)
        charge, mixed, total = self._valence_forms @ covariance
        self.valence[pixels] = valence
        self.valence_sigma[pixels] = _root(charge - 2 * valence * mixed + valence**2 * total) / counted

    def _sigma(self, support: NDArray[np.intp], covariance: Float64Array) -> Float64Array:
        """Standard errors (K + 1, P) of coefficients and jump, each pixel on its own support."""
        out = np.empty((self._own_forms.shape[1], support.size))
        present = np.unique(support)
        for i in present:
            if present.size == 1:
                out[:] = self._own_forms[i] @ covariance
            else:
                here = np.flatnonzero(support == i)
                out[:, here] = self._own_forms[i] @ covariance[:, here]
        return _root(out)


def _root(variance: Float64Array) -> Float64Array:
    """Square root of a variance, which rounding may have made a little negative."""
    result: Float64Array = np.sqrt(np.maximum(variance, 0))
    return result
