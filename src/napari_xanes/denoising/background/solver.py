"""The linear system for the maps of the patterns, and the statistics that are estimated between its solutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from napari_xanes._typing import Complex64Array, Float32Array, Float64Array
from napari_xanes.denoising.background.composition import CompositionPrior
from napari_xanes.denoising.background.grid import FourierGrid
from napari_xanes.denoising.background.patterns import Background, combine
from napari_xanes.denoising.bands import apply_matrix, outside, rows_at_once
from napari_xanes.denoising.binning import BinnedStack
from napari_xanes.denoising.design_matrix import DesignMatrix

_MAX_STEPS, _TOLERANCE = 40, 1e-6
_MAX_MODES, _MAX_NEW_MODES = 16, 6
_BLUR = 0.8  # bins over which spectra are averaged before modes are looked for
_MODE_LIMIT = 2.5
"""Variance of a mode, in units of the noise, above which the mode is kept."""

_UNEXPLAINED = 1.6
"""Squared residual of a bin, relative to its neighbours, above which its weight falls."""


@dataclass(frozen=True)
class _Area:
    """Bins of air or of the sample.

    ``basis`` (E, N) spans the spectra that the area may hold besides patterns; ``values`` (E, y, x) are the binned
    means, of which only the part outside the basis is used; ``precision`` (y, x), 0 elsewhere.
    """

    basis: Float64Array
    values: Float32Array
    precision: Float32Array

    def residual(self, background: Background, rows: slice) -> Float32Array:
        """Return what patterns and basis do not explain of some rows, (E, r, x)."""
        return outside(self.basis, self.values[:, rows] - combine(background.modes, background.maps[:, rows]))

    def gram(self, modes: Float64Array) -> Float32Array:
        """Return the scalar products (N, N) of modes, outside the basis."""
        inside = self.basis.T @ modes
        return (modes.T @ modes - inside.T @ inside).astype(np.float32)


class PatternSystem:
    """The binned data and the linear system for the maps of the patterns.

    Parameters
    ----------
    binned : BinnedStack
        Means over bins, divided by the noise.
    design : DesignMatrix
        Spectra that the sample may hold; the air may hold its baseline.
    prior : CompositionPrior, optional
        Expected composition of the sample.
    """

    def __init__(self, binned: BinnedStack, design: DesignMatrix, prior: CompositionPrior | None) -> None:
        baseline = np.linalg.qr(design.baseline)[0]
        self.air = _Area(baseline, binned.air, binned.air_precision)
        self.sample = _Area(design.basis, binned.sample, binned.sample_precision)
        self.grid = FourierGrid(binned.air.shape[1:])
        self.prior = prior

    @property
    def areas(self) -> tuple[_Area, _Area]:
        """Air and sample."""
        return self.air, self.sample

    def initial_background(self) -> Background | None:
        """Find the modes of the air; their maps are still 0. Return None if there are none."""
        modes, variances = _find_modes(self.air.values, self.air.precision, _MAX_MODES, excluded=self.air.basis)
        count = modes.shape[1]
        if count == 0:
            return None
        return Background(
            modes=modes,
            maps=np.zeros((count, *self.grid.size), np.float32),
            power=np.stack([self.grid.initial_power(2 * variance) for variance in variances]),
            weight=np.ones(self.grid.size, np.float32),
            initial_maps=np.zeros(0, np.float32),
        )

    def with_more_modes(
        self, background: Background, state: Complex64Array | None
    ) -> tuple[Background, Complex64Array | None]:
        """Add the modes that remain in the residuals of air and sample."""
        precision = self.air.precision + self.sample.precision
        residual = np.empty_like(self.air.values)
        for rows in rows_at_once(*self.grid.size):
            sums = sum(area.residual(background, rows) * area.precision[rows] for area in self.areas)
            residual[:, rows] = sums / np.maximum(precision[rows], 1e-30)
        modes, variances = _find_modes(
            residual, precision * (background.weight > 0.5), _MAX_NEW_MODES, excluded=background.modes
        )
        count = modes.shape[1]
        if count == 0:
            return background, state
        power = [self.grid.initial_power(variance) for variance in variances]
        extended = replace(
            background,
            modes=np.concatenate([background.modes, modes], axis=1),
            maps=np.concatenate([background.maps, np.zeros((count, *self.grid.size), np.float32)]),
            power=np.concatenate([background.power, power]),
        )
        if state is not None:
            state = np.concatenate([state, np.zeros((count, *state.shape[1:]), np.complex64)])
        return extended, state

    def solve(self, background: Background, state: Complex64Array | None) -> Complex64Array:
        """Return the waves (N, fy, fx) of the whitened maps, by conjugate gradients from an earlier `state`."""
        normal, right = self._normal_equations(background)
        root, grid = np.sqrt(background.power).astype(np.float32), self.grid
        preconditioner = 1 / (1 + self._typical_gains(background)[:, None, None] * background.power)
        preconditioner = preconditioner.astype(np.float32)

        def regularized(waves: Complex64Array) -> Complex64Array:
            return waves + root * grid.waves(normal(grid.maps(root * waves)))

        target: Complex64Array = root * grid.waves(np.asarray(right, np.float32))
        solution = np.zeros_like(target) if state is None else state.copy()
        residual = target.copy() if state is None else target - regularized(solution)
        direction = preconditioner * residual
        size = grid.product(residual, direction)
        limit = _TOLERANCE * grid.product(target, target)
        for _ in range(_MAX_STEPS):
            if grid.product(residual, residual) <= limit:
                break
            image = regularized(direction)
            step = np.float32(size / grid.product(direction, image))
            solution += step * direction
            residual -= step * image
            preconditioned = preconditioner * residual
            previous, size = size, grid.product(residual, preconditioned)
            direction = preconditioned + np.float32(size / previous) * direction
        return solution

    def _typical_gains(self, background: Background) -> Float64Array:
        """Return the information that an informative bin has about each map, (N,)."""
        weights = [area.precision * background.weight for area in self.areas]
        diagonals = [np.diag(area.gram(background.modes)) for area in self.areas]
        total = np.tensordot(np.stack(diagonals, axis=1), np.stack(weights), 1).reshape(len(diagonals[0]), -1)
        gains: Float64Array = (total**2).sum(axis=1) / np.maximum(total.sum(axis=1), 1e-30)
        return gains

    def _normal_equations(self, background: Background) -> tuple[Callable[[Float32Array], Float32Array], Float32Array]:
        """Return the normal matrix of the data as a function of maps (N, y, x), and the right side."""
        grams = [area.gram(background.modes) for area in self.areas]
        weights = [area.precision * background.weight for area in self.areas]
        right = np.zeros(background.maps.shape, np.float32)
        for area, weight in zip(self.areas, weights, strict=True):
            right += apply_matrix(outside(area.basis, background.modes).T, area.values) * weight
        prior = self.prior
        if prior is not None:
            gains = (background.modes.T @ prior.directions).astype(np.float32)
            prior_weight = prior.precision * background.weight
            right = right + np.tensordot(gains, prior.residual * prior_weight, 1)

        def normal(maps: Float32Array) -> Float32Array:
            flat = maps.reshape(len(maps), -1)
            out = (grams[0] @ flat) * weights[0].ravel() + (grams[1] @ flat) * weights[1].ravel()
            if prior is not None:
                out += gains @ ((gains.T @ flat) * prior_weight.ravel())
            return out.reshape(maps.shape)

        return normal, right

    def maps(self, background: Background, state: Complex64Array) -> Float32Array:
        """Return the maps (N, y, x)."""
        return self.grid.maps(state * np.sqrt(background.power).astype(np.float32))

    def updated_weight(self, background: Background) -> Float32Array:
        """Return the weight of each bin: less where the residual is larger than in its neighbourhood."""
        from scipy.ndimage import median_filter

        chi_square = np.zeros(self.grid.size)
        for area in self.areas:
            for rows in rows_at_once(*self.grid.size):
                residual = area.residual(background, rows)
                chi_square[rows] += np.einsum("eyx,eyx->yx", residual, residual) * area.precision[rows]
        n_areas = (self.air.precision > 0) * 1.0 + (self.sample.precision > 0)
        chi_square /= np.maximum(n_areas, 1) * (len(self.air.values) - 4)
        typical = np.maximum(np.maximum(median_filter(chi_square, 9), np.median(chi_square)), 1.0)
        return np.asarray(np.minimum(1, (_UNEXPLAINED * typical / np.maximum(chi_square, 1e-9)) ** 2), np.float32)

    def updated_power(self, background: Background, state: Complex64Array) -> Float64Array:
        """Return the power of each map: that of the solution plus the variance that the noise leaves unknown."""
        measured = self.grid.power(state * np.sqrt(background.power).astype(np.float32))
        grams = [area.gram(background.modes) for area in self.areas]
        weights = [area.precision * background.weight for area in self.areas]
        updated = np.empty_like(background.power)
        for i, power in enumerate(measured):
            gains = (float(gram[i, i]) * float(weight.sum()) for gram, weight in zip(grams, weights, strict=True))
            unknown = 1 / (sum(gains) / self.grid.n_padded + 1 / np.maximum(background.power[i], 1e-12))
            updated[i] = self.grid.radial_mean(power + unknown)
        return updated


def _find_modes(
    values: Float32Array, precision: Float32Array, max_modes: int, *, excluded: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return spectra (E, N) that bins share beyond noise, outside a basis (E, M), and their variances (N,)."""
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(precision.astype(np.float64), _BLUR)
    if not precision.any():
        return np.zeros((len(values), 0)), np.zeros(0)
    is_used = weight > 0.25 * np.percentile(weight[precision > 0], 90)
    factor = (1 / np.sqrt(weight[is_used] * weight[is_used].mean())).astype(np.float32)
    smooth = np.empty((len(values), factor.size), np.float32)
    for row, image in zip(smooth, values, strict=True):
        row[:] = gaussian_filter(image * precision, _BLUR)[is_used] * factor
    noise = 1 / weight[is_used].mean() / (4 * np.pi * _BLUR**2)
    variances, vectors = np.linalg.eigh(_outside_moments(excluded, _moments(smooth)) / smooth.shape[1])
    variances, vectors = variances[::-1][:max_modes], vectors[:, ::-1][:, :max_modes]
    significant = variances > _MODE_LIMIT * noise
    return vectors[:, significant], np.maximum(variances - noise, 0.2 * variances)[significant]


def _moments(spectra: Float32Array) -> Float64Array:
    """Return the sum of outer products (E, E) of spectra (E, P)."""
    total = np.zeros((len(spectra), len(spectra)))
    for pixels in rows_at_once(spectra.shape[1], 1):
        part = spectra[:, pixels].astype(np.float64)
        total += part @ part.T
    return total


def _outside_moments(basis: Float64Array, moments: Float64Array) -> Float64Array:
    """Return the moments (E, E) of the parts of spectra outside an orthonormal basis (E, M)."""
    result: Float64Array = outside(basis, outside(basis, moments).T)
    return result
