"""`fit_peaks`: pre-edge and white-line peaks of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from napari_xanes import blocks
from napari_xanes._typing import Block, Float32Array, Float64Array
from napari_xanes.edge import Range, raise_if_frame_empty, require_absorption
from napari_xanes.maps.fitting.mean_spectra import means_of
from napari_xanes.maps.fitting.peaks import PeakFits, PeakModel, Shape, Step, fit_peaks_to
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method
from napari_xanes.stack import SpectralStack

_MOST_PEAKS = 6

_SIGNIFICANT = 3.0
"""Standard errors by which the area of a peak must differ from 0."""

_CHUNK = 2048
"""So many spectra are fitted at once: their derivatives fit in little memory."""

_PARTS = ("center", "sigma", "amplitude", "fwhm", "height")


def _model(stack: SpectralStack, centers: list[float], shape: Shape, step: Step, energy: Range | None) -> Any:
    """Return the model and the numbers of its frames."""
    require_absorption(stack, "fit_peaks", normalized=True, scaled=True)
    low, high = energy or (float(stack.energy[0]), float(stack.energy[-1]))
    frames = np.flatnonzero((stack.energy >= low) & (stack.energy <= high))
    if not 1 <= len(centers) <= _MOST_PEAKS:
        raise ValueError(f"centers has {len(centers)} energies; give those of 1 to {_MOST_PEAKS} peaks in eV")
    model = PeakModel(stack.energy[frames], shape, len(centers), step)
    if frames.size < model.n_parameters + 1:
        raise ValueError(
            f"{stack.name!r} has {frames.size} energies in {low:g} to {high:g} eV, but the fit has "
            f"{model.n_parameters} parameters: give a wider energy range or fewer peaks"
        )
    outside = [center for center in centers if not model.energy[0] <= center <= model.energy[-1]]
    if outside:
        raise ValueError(
            f"a peak at {outside[0]:g} eV lies outside of the energies that are fitted, {model.energy[0]:g} to "
            f"{model.energy[-1]:g} eV"
        )
    return model, frames


def _fit_state(
    stack: SpectralStack,
    *,
    centers: list[float],
    shape: Shape,
    step: Step,
    energy: Range | None,
    width: float,
    start: list[float] | None,
) -> Mapping[str, Any]:
    """Fit the mean spectrum; its parameters are those that pixels begin with."""
    stack = stack.measured()
    model, frames = _model(stack, centers, shape, step, energy)
    if start is not None:
        return {"start": start}
    raise_if_frame_empty(stack)
    mean = means_of(stack, slice(None), None).spectra[frames, :1].T
    first = np.zeros(model.n_parameters)
    for i, center in enumerate(sorted(centers)):
        first[3 * i : 3 * i + 2] = center, np.log(width)
    if step != "none":
        rise = int(np.argmax(np.gradient(mean[0], model.energy)))
        first[3 * len(centers) : 3 * len(centers) + 2] = model.energy[rise], 0.0
    fit = fit_peaks_to(model, mean, first)
    good = fit.converged[0] and _inside(model, fit.parameters)[0]
    return {"start": (fit.parameters[0] if good else first).tolist()}


def _inside(model: PeakModel, parameters: Float64Array) -> Any:
    """Return which fits have all peaks within the energies, and no wider than these."""
    low, high = model.energy[[0, -1]]
    finest = np.diff(model.energy).min() / 4
    good = np.isfinite(parameters).all(axis=1)
    for i in range(0, 3 * model.n_peaks, 3):
        sigma = np.exp(np.clip(parameters[:, i + 1], -50, 50))
        good &= (parameters[:, i] >= low) & (parameters[:, i] <= high) & (sigma > finest) & (sigma < high - low)
    return good


@method(looks_at="pixel", fit=_fit_state)
def fit_peaks(
    stack: SpectralStack,
    /,
    *,
    centers: Annotated[list[float], Param(unit="eV", ge=0, label="centers of peaks")],
    shape: Shape = "gaussian",
    step: Step = "arctangent",
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
    shape : {"gaussian", "lorentzian", "voigt"}
        Shape of all peaks; gamma of Voigt profiles is sigma.
    step : {"none", "arctangent"}
        Whether the edge, or its foot, is fitted as an arctangent beside a line.
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
        lmfit's conventions; ``residual_rms``. Pixels are masked where the fit has not converged, a peak has left the
        energies, or its area is below three standard errors.

    Raises
    ------
    ValueError
        If the stack is no absorption, a peak lies outside of the energies, or these are too few.

    Notes
    -----
    Least squares by Levenberg and Marquardt, all pixels with the same weights, begun with the fit of the mean spectrum.
    Errors come from the covariance of the fit with the scatter of the pixel's residuals.

    Examples
    --------
    >>> energy = np.linspace(7108, 7120, 49)
    >>> mu = 0.1 * np.exp(-0.5 * ((energy - 7113.2) / 0.8) ** 2) + 0.01 * (energy - 7108)
    >>> stack = SpectralStack(np.tile(mu[:, None, None], (1, 2, 2)), energy, "normalized")
    >>> round(float(fit_peaks(stack, centers=[7113], step="none")["centroid"].data[0, 0]), 2)
    7113.2
    """
    stack = stack.measured()
    model, frames = _model(stack, centers, shape, step, energy)
    begin = np.asarray(estimated("start", start), dtype=np.float64)
    if begin.shape != (model.n_parameters,):
        raise ValueError(f"start has {begin.size} numbers, the fit {model.n_parameters} parameters; leave start out")
    pixels_of = _PeakMaps(model, int(np.prod(stack.shape[1:])))

    def kernel(block: Block, pixels: slice) -> None:
        values = block[frames].astype(np.float64)
        good = np.flatnonzero(np.isfinite(block).all(axis=0))
        for first in range(0, good.size, _CHUNK):
            some = good[first : first + _CHUNK]
            pixels_of.add(pixels.start + some, fit_peaks_to(model, values[:, some].T, begin))

    with blocks.single_threaded_blas():
        blocks.over_pixels(kernel, stack.data, progress=progress, message="peaks")
    if not pixels_of.known.any():
        raise_if_frame_empty(stack)
    return MapSet(pixels_of.maps(stack), pixel_size=stack.pixel_size, metadata={"name": stack.name, "warnings": []})


class _PeakMaps:
    """Values and errors of peaks, pixel by pixel."""

    def __init__(self, model: PeakModel, n_pixels: int) -> None:
        self._model = model
        self.names = ["centroid", "area", *(f"p{i + 1}_{part}" for i in range(model.n_peaks) for part in _PARTS)]
        self.values, self.sigma = (np.full((len(self.names), n_pixels), np.nan, np.float32) for _ in range(2))
        self.rms = np.full(n_pixels, np.nan, np.float32)
        self.mask, self.known = (np.zeros(n_pixels, dtype=bool) for _ in range(2))

    def add(self, pixels: Any, fits: PeakFits) -> None:
        """Store the fits of some pixels."""
        model, p = self._model, fits.parameters
        n, peaks = len(p), range(0, 3 * model.n_peaks, 3)
        good = fits.converged & _inside(model, p)
        values, slopes = np.zeros((len(self.names), n)), np.zeros((len(self.names), n, model.n_parameters))
        with np.errstate(all="ignore"):
            area = p[:, [i + 2 for i in peaks]].sum(axis=1)
            values[1], values[0] = area, sum(p[:, i] * p[:, i + 2] for i in peaks) / area
            for number, i in enumerate(peaks):
                sigma, amplitude = np.exp(p[:, i + 1]), p[:, i + 2]
                row = 2 + len(_PARTS) * number
                height = model.height * amplitude / sigma
                values[row : row + 5] = p[:, i], sigma, amplitude, model.fwhm * sigma, height
                slopes[row, :, i], slopes[row + 1, :, i + 1], slopes[row + 2, :, i + 2] = 1, sigma, 1
                slopes[row + 3, :, i + 1] = model.fwhm * sigma
                slopes[row + 4, :, i + 1], slopes[row + 4, :, i + 2] = -height, model.height / sigma
                slopes[1, :, i + 2] = 1
                slopes[0, :, i], slopes[0, :, i + 2] = amplitude / area, (p[:, i] - values[0]) / area
                own = np.sqrt(np.maximum(fits.covariance[:, i + 2, i + 2], 0))
                good &= np.abs(amplitude) >= _SIGNIFICANT * own
            variance = np.einsum("kpn,pnm,kpm->kp", slopes, fits.covariance, slopes, optimize=True)
            self.values[:, pixels], self.sigma[:, pixels] = values, np.sqrt(np.maximum(variance, 0))
        self.rms[pixels] = np.sqrt(fits.squares / self._model.energy.size)
        self.mask[pixels], self.known[pixels] = good, True

    def maps(self, stack: SpectralStack) -> dict[str, ParameterMap]:
        """Return the maps; units follow from those of the stack."""
        shape, own = stack.shape[1:], stack.unit
        mask = (self.mask & np.isfinite(self.values).all(axis=0)).reshape(shape)
        units = {"area": f"{own} eV" if own != "1" else "eV", "height": own}
        units["amplitude"] = units["area"]

        def one(name: str, values: Float32Array, sigma: Float32Array) -> ParameterMap:
            unit = units.get(name.split("_")[-1], "eV")
            return ParameterMap(values.reshape(shape), unit, sigma.reshape(shape), mask)

        maps = {n: one(n, v, s) for n, v, s in zip(self.names, self.values, self.sigma, strict=True)}
        known = self.known.reshape(shape)
        maps["residual_rms"] = ParameterMap(self.rms.reshape(shape), own, mask=known, companion="area")
        return maps
