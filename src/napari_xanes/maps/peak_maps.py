"""`fit_peaks`: pre-edge and white-line peaks of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array
from napari_xanes.edge import Range, raise_if_frame_empty
from napari_xanes.hidden_noise import on_hidden_noise
from napari_xanes.maps.fitting.asked_peaks import AskedPeaks, Background, inside
from napari_xanes.maps.fitting.data_covariance import beyond_white, white_variance
from napari_xanes.maps.fitting.mean_spectra import means_of
from napari_xanes.maps.fitting.peak_model import PeakModel, Shape, Step, lorentzian_share
from napari_xanes.maps.fitting.peak_starts import best_start
from napari_xanes.maps.fitting.peaks import PeakFits, fit_peaks_to
from napari_xanes.noise import AmountNoise, Noise, PhotonNoise
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method
from napari_xanes.stack import SpectralStack

_SIGNIFICANT = 3.0
"""Standard errors by which the area of a peak must differ from 0."""

_CHUNK = 2048
"""So many spectra are fitted at once: their derivatives fit in little memory."""

_ODDS_STEP = 1e-4

_PARTS = ("center", "sigma", "amplitude", "fwhm", "height")


def _fit_state(
    stack: SpectralStack,
    *,
    start: list[float] | None,
    **fitted: Any,
) -> Mapping[str, Any]:
    """Fit the mean spectrum; its parameters are those that pixels begin with."""
    stack = stack.measured()
    asked = AskedPeaks(**fitted)
    model, frames = asked.model(stack)
    if start is not None:
        return {"start": start}
    raise_if_frame_empty(stack)
    mean = means_of(stack, slice(None), None).spectra[frames, :1].T
    return {"start": best_start(model, mean[0], sorted(asked.centers), asked.width).tolist()}


@method(looks_at="pixel", fit=_fit_state)
def fit_peaks(
    stack: SpectralStack,
    /,
    *,
    centers: Annotated[list[float], Param(unit="eV", ge=0, label="centers of peaks")],
    shape: Shape = "gaussian",
    step: Step = "arctangent",
    background: Background = "line",
    knots: Annotated[list[float] | None, Param(unit="eV", ge=0, auto="beside the peaks")] = None,
    energy: Annotated[Range | None, Param(unit="eV", ge=0, auto="all")] = None,
    width: Annotated[float, Param(unit="eV", ge=0.01, le=100, label="width to begin with")] = 1.0,
    start: Annotated[list[float] | None, Param(auto="from the mean spectrum")] = None,
    progress: Progress | None = None,
) -> MapSet:
    """Peaks of each pixel, such as a pre-edge peak or a white line: centroid, area, and each peak's centre and width.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth, fluorescence, normalized or scaled absorption.
    centers : list of float
        Where peaks are expected, in eV. A peak of the mean spectrum lies near each of them.
    shape : {"gaussian", "lorentzian", "voigt", "pseudo_voigt"}
        Shape of all peaks; gamma of Voigt profiles is sigma. The Lorentzian share of a pseudo-Voigt profile is fitted.
    step : {"none", "arctangent", "error_function"}
        Whether the edge, or its foot, is fitted as a step beside the background.
    background : {"line", "spline"}
        What is below peaks and step: a line, or a cubic spline without knots under the peaks, fitted with them.
    knots : list of float, optional
        Energies in eV that the spline goes through, at least four. By default three on each side of the peaks, which
        reach three times `width` beyond their centres.
    energy : tuple of float, optional
        Range of energies to fit in eV, both ends included.
    width : float
        Sigma of the peaks to begin with, in eV.
    start : list of float, optional
        Parameters to begin with, as an earlier run has found them.

    Returns
    -------
    MapSet
        ``centroid``, the mean energy of all peaks weighted by their areas, and ``area``, their sum; ``p1_center``,
        ``p1_sigma``, ``p1_amplitude`` (its area), ``p1_fwhm``, ``p1_height`` ... of each peak by rising energy, by
        lmfit's conventions, with ``p1_fraction`` of pseudo-Voigt profiles; ``residual_rms``; where photons are known
        ``chi_square``, reduced. Pixels are masked where the fit has not converged, a peak has left the
        energies or passed another one, or its area is below three standard errors.

    Raises
    ------
    ValueError
        If the stack is no absorption, a peak lies outside of the energies, or these are too few.

    Notes
    -----
    Least squares by Levenberg and Marquardt, begun with the fit of the mean spectrum, which is the best of many with
    other centres, widths and places of the step to begin with. Where the noise of the photons is
    known, each value has the weight of its variance, and errors follow from it, but are at least those of the scatter
    of the pixel's residuals; else all energies have the same weight and errors follow from the scatter. After `denoise`
    residuals tell nothing, and errors follow from those of the amounts. The spline is that of Wilke et al., Am.
    Mineral. 86, 714 (2001), except that it is fitted together with the peaks, so its error is part of theirs.

    Examples
    --------
    >>> energy = np.linspace(7108, 7120, 49)
    >>> mu = 0.1 * np.exp(-0.5 * ((energy - 7113.2) / 0.8) ** 2) + 0.01 * (energy - 7108)
    >>> stack = SpectralStack(np.tile(mu[:, None, None], (1, 2, 2)), energy, "normalized")
    >>> round(float(fit_peaks(stack, centers=[7113], step="none")["centroid"].data[0, 0]), 2)
    7113.2
    """
    stack = stack.measured()
    model, frames = AskedPeaks(centers, shape, step, background, knots, energy, width).model(stack)
    begin = np.asarray(estimated("start", start), dtype=np.float64)
    if begin.shape != (model.n_parameters,):
        raise ValueError(f"start has {begin.size} numbers, the fit {model.n_parameters} parameters; leave start out")
    noise = None if stack.noise is None else stack.noise.isel(frames)
    pixels_of = _PeakMaps(model, int(np.prod(stack.shape[1:])), noise)

    def kernel(block: Block, pixels: slice) -> None:
        values = block[frames].astype(np.float64)
        usable = np.isfinite(block).all(axis=0)
        weights = None
        if isinstance(noise, PhotonNoise):
            weights = _weights(model, values, noise, begin, pixels)
            usable &= np.isfinite(weights).all(axis=0)
        good = np.flatnonzero(usable)
        for first in range(0, good.size, _CHUNK):
            some = good[first : first + _CHUNK]
            own = None if weights is None else weights[:, some].T
            pixels_of.add(pixels.start + some, fit_peaks_to(model, values[:, some].T, begin, own))

    with blocks.single_threaded_blas():
        blocks.over_pixels(kernel, stack.data, progress=progress, message="peaks")
    if not pixels_of.known.any():
        raise_if_frame_empty(stack)
    told = {"name": stack.name, "warnings": [*on_hidden_noise(stack), *pixels_of.misfit()]}
    return MapSet(pixels_of.maps(stack), pixel_size=stack.pixel_size, metadata=told)


def _weights(
    model: PeakModel, values: Float64Array, noise: PhotonNoise, start: Float64Array, pixels: slice
) -> Float64Array:
    """Return one over the standard deviation of the photons' noise, (E, P), not finite where there is none.

    The variance is that of a curve, as the noise of a value must not change its own weight.
    """
    spectra = np.nan_to_num(values.T, nan=0.0, posinf=0.0, neginf=0.0)
    curve = model.values(model.with_best_amounts(np.tile(start, (len(spectra), 1)), spectra))
    with np.errstate(all="ignore"):
        variance = noise.variance(curve.T.astype(np.float32), pixels).astype(np.float64)
        return np.asarray(1 / np.sqrt(np.broadcast_to(variance, values.shape)))


_MATTERS = 1.0
"""Residuals that fits share are told if, within the model, they could move values by so many standard errors."""


class _PeakMaps:
    """Values and errors of peaks, pixel by pixel."""

    def __init__(self, model: PeakModel, n_pixels: int, noise: Noise | None) -> None:
        self._model, self._noise = model, noise
        self._parts = [*_PARTS, *(["fraction"] if model.per_peak == 4 else [])]
        self.names = ["centroid", "area", *(f"p{i + 1}_{part}" for i in range(model.n_peaks) for part in self._parts)]
        self.values, self.sigma = (np.full((len(self.names), n_pixels), np.nan, np.float32) for _ in range(2))
        self.rms, self.chi_square = (np.full(n_pixels, np.nan, np.float32) for _ in range(2))
        self.mask, self.known = (np.zeros(n_pixels, dtype=bool) for _ in range(2))
        self._left: list[tuple[Float64Array, float, int]] = []

    def add(self, pixels: Any, fits: PeakFits) -> None:
        """Store the fits of some pixels."""
        model, p = self._model, fits.parameters
        n, peaks = len(p), model.peaks
        covariance = self._covariance(fits, pixels)
        good = fits.converged & inside(model, p) & (np.diff(p[:, peaks], axis=1) >= 0).all(axis=1)
        values, slopes = np.zeros((len(self.names), n)), np.zeros((len(self.names), n, model.n_parameters))
        with np.errstate(all="ignore"):
            area = p[:, [i + 2 for i in peaks]].sum(axis=1)
            values[1], values[0] = area, sum(p[:, i] * p[:, i + 2] for i in peaks) / area
            for number, i in enumerate(peaks):
                sigma, amplitude = np.exp(p[:, i + 1]), p[:, i + 2]
                row = 2 + len(self._parts) * number
                odds = p[:, i + 3] if model.per_peak == 4 else np.zeros(n)
                relative = model.heights(odds)
                height = relative * amplitude / sigma
                values[row : row + 5] = p[:, i], sigma, amplitude, model.fwhm * sigma, height
                slopes[row, :, i], slopes[row + 1, :, i + 1], slopes[row + 2, :, i + 2] = 1, sigma, 1
                slopes[row + 3, :, i + 1] = model.fwhm * sigma
                slopes[row + 4, :, i + 1], slopes[row + 4, :, i + 2] = -height, relative / sigma
                if model.per_peak == 4:
                    share = lorentzian_share(odds)
                    values[row + 5], slopes[row + 5, :, i + 3] = share, share * (1 - share)
                    higher = model.heights(odds + _ODDS_STEP) - model.heights(odds - _ODDS_STEP)
                    slopes[row + 4, :, i + 3] = higher / (2 * _ODDS_STEP) * amplitude / sigma
                slopes[1, :, i + 2] = 1
                slopes[0, :, i], slopes[0, :, i + 2] = amplitude / area, (p[:, i] - values[0]) / area
                own = np.sqrt(np.maximum(covariance[:, i + 2, i + 2], 0))
                good &= np.abs(amplitude) >= _SIGNIFICANT * own
            variance = np.einsum("kpn,pnm,kpm->kp", slopes, covariance, slopes, optimize=True)
            self.values[:, pixels], self.sigma[:, pixels] = values, np.sqrt(np.maximum(variance, 0))
            self.rms[pixels] = np.sqrt(np.mean(fits.residual**2, axis=1))
            self.chi_square[pixels] = fits.reduced_squares()
        self.mask[pixels], self.known[pixels] = good, True
        left = fits.residual[good]
        white = white_variance(left.T, np.einsum("pe,pe->p", left, left)).sum()
        self._left.append((left.sum(axis=0), float(white), int(good.sum())))

    def misfit(self) -> list[str]:
        """Say that no fit is good, or that good fits share residuals that are no noise."""
        count = sum(n for _, _, n in self._left)
        if self.known.any() and not count:
            return [
                "no pixel has a value: its fit does not converge, or a peak leaves the energies or is below three "
                "standard errors. Give fewer peaks, other centres, or another background"
            ]
        white = sum(part for _, part, _ in self._left)
        freedom = len(self._left[0][0]) - self._model.n_parameters if self._left else 0
        if not (count and freedom > 0 and white > 0) or isinstance(self._noise, AmountNoise):
            return []
        mean = np.sum([part for part, _, _ in self._left], axis=0) / count
        squares = np.array([float(mean @ mean)])
        beyond = beyond_white(squares, white_variance(mean[:, None], squares), np.array([float(freedom)]))[0]
        sigmas = float(np.sqrt(beyond * count / white))
        if sigmas < _MATTERS:
            return []
        return [
            f"fits share a residual that is smooth over energies (root mean square {np.sqrt(beyond / mean.size):.2g}): "
            "a peak is missing, or shape, step or background are not those of the data. Another one of this size moves "
            f"areas and centres by up to {sigmas:.2g} sigma, which is no part of sigma: change the model and compare"
        ]

    def _covariance(self, fits: PeakFits, pixels: Any) -> Float64Array:
        """Return the covariance (P, N, N) of the parameters."""
        if isinstance(self._noise, AmountNoise):
            errors = self._noise.errors_of(fits.response, pixels)
            return np.asarray(errors @ errors.swapaxes(1, 2))
        scale = fits.reduced_squares()
        if self._noise is not None:
            scale = np.maximum(scale, 1.0)
        return np.asarray(fits.unit_covariance * scale[:, None, None])

    def maps(self, stack: SpectralStack) -> dict[str, ParameterMap]:
        """Return the maps; units follow from those of the stack."""
        shape, own = stack.shape[1:], stack.unit
        mask = (self.mask & np.isfinite(self.values).all(axis=0)).reshape(shape)
        units = {"area": f"{own} eV" if own != "1" else "eV", "height": own}
        units |= {"amplitude": units["area"], "fraction": "1"}

        def one(name: str, values: Float32Array, sigma: Float32Array) -> ParameterMap:
            unit = units.get(name.split("_")[-1], "eV")
            return ParameterMap(values.reshape(shape), unit, sigma.reshape(shape), mask)

        maps = {n: one(n, v, s) for n, v, s in zip(self.names, self.values, self.sigma, strict=True)}
        known = self.known.reshape(shape)
        maps["residual_rms"] = ParameterMap(self.rms.reshape(shape), own, mask=known, companion="area")
        if isinstance(self._noise, PhotonNoise):
            maps["chi_square"] = ParameterMap(self.chi_square.reshape(shape), "1", mask=known, companion="area")
        return maps
