"""Frames that are magnified, turned or sheared: their matrices and shifts, from all tiles of all frames at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.progress import Progress, part
from napari_xanes.registration.drift import Drift, between
from napari_xanes.registration.estimation import MOST_COEFFICIENTS, Box, Estimate, Frames
from napari_xanes.registration.fourier import HIGHEST, LOWEST, RINGS, Band, Coefficients, band_of
from napari_xanes.registration.joint import Fit, fit
from napari_xanes.registration.learning import first_model
from napari_xanes.registration.likelihood import Moved, Projection, log_likelihood, posterior
from napari_xanes.registration.passes import to_come
from napari_xanes.registration.tiles import TiledBand, Tiles, places_of, tile_coefficients
from napari_xanes.spreading import spread

BASES: dict[str, Float64Array] = {
    "translation + magnification": np.eye(2)[None],
    "affine": np.eye(4).reshape(4, 2, 2),
}
"""What is added to the unit matrix, (A, 2, 2), each with a factor of its own in each frame."""

_SEARCH, _GLANCE = (8, MOST_COEFFICIENTS, RINGS, 12), (1, 15_000, 8, 5)
"""Most passes, coefficients of a frame, rings of a tile, and steps of a pass."""

_SAME_PLACE = 0.01
"""Pixels at the corners by which a matrix may be off when tiles are resampled with it."""

_MOST_SHARE = 0.8
"""Of what a pass adds, the next adds no larger share."""

_ONE_STEP = 1.0
"""Pixels at the corners between two growths that are tried."""

_MOST_GROWTH = 1.3
"""Largest growth that is tried, over that of a zone plate, whose magnification is inverse to the wavelength."""

_MOST_TRIED, _TRIED_FRAMES = 41, 24
_GAIN = 20.0
"""Gain of the log-likelihood from which on a growth is taken as a start."""


@dataclass(frozen=True)
class Linear:
    """Shifts and matrices of frames on a common grid.

    Parameters
    ----------
    estimate : Estimate
        Shifts at the centre of the image, with what is known of the frames.
    matrix : ndarray, shape (E, 2, 2)
        What the content of each frame is multiplied with, relative to the mean of all frames.
    matrix_sigma : ndarray, shape (E, 2, 2)
        Standard errors; NaN for frames that were not found.
    growth, growth_sigma : float
        By how much the image grows from the first to the last energy, as a share.
    """

    estimate: Estimate
    matrix: Float64Array
    matrix_sigma: Float64Array
    growth: float
    growth_sigma: float


@dataclass(frozen=True)
class _Result:
    """Parameters (E, P) of all frames, the fit of those that were found, and factors on their noise (E,)."""

    parameters: Float64Array
    fit: Fit
    scale: Float64Array


def linear(
    frames: Frames,
    energy: Float64Array,
    shape: tuple[int, int],
    kind: str,
    start: Estimate,
    *,
    spectra: Float64Array | None = None,
    box: Box | None = None,
    progress: Progress | None = None,
    glance: bool = False,
) -> Linear:
    """Find the matrices and the shifts of all frames together, from shifts to begin with.

    Parameters
    ----------
    frames : callable
        Reads the frames anew each time.
    energy : ndarray, shape (E,)
        Energies in eV: growth that is linear in them is tried first.
    shape : tuple of int
        Height and width of a frame.
    kind : str
        A key of `BASES`.
    start : Estimate
        Shifts without matrices.
    spectra : ndarray, shape (E, R), optional
        Spectra of what is in the sample; by default the leading ones of the data.
    box : tuple of int, optional
        Part of the image to look at.
    progress : callable, optional
        Called with the fraction done.
    glance : bool
        Look once, at fewer coefficients: this tells whether frames are stretched, and not quite by how much.

    Raises
    ------
    ValueError
        If all frames share less than 32 x 32 pixels of the box.
    """
    basis, found = BASES[kind], start.found
    corner = float(np.hypot(*shape)) / 2
    parameters = np.concatenate([start.shifts, np.zeros((len(energy), len(basis)))], axis=1)
    scale = np.clip(np.nan_to_num(start.residual, nan=1.0), 0.5, 10.0)
    steps: list[Float64Array] = []
    passes, most, rings, most_steps = _GLANCE if glance else _SEARCH
    for i in range(passes):
        result = _pass(
            frames,
            energy,
            shape,
            basis / corner,
            parameters,
            found,
            scale,
            most=most,
            rings=rings,
            steps=most_steps,
            search=i == 0 and not glance,
            spectra=spectra,
            box=box,
            progress=part(progress, i / passes, (i + 1) / passes),
        )
        steps.append(result.parameters - parameters)
        parameters, scale = result.parameters, result.scale
        if i and np.abs(steps[-1]).max() < _SAME_PLACE:
            break
        if i % 2 and i + 1 < passes:
            parameters = parameters + to_come(steps[-2], steps[-1], _MOST_SHARE)
    return _told(energy, basis / corner, result, start)


def matrices_of(parameters: Float64Array, basis: Float64Array) -> Float64Array:
    """Return the matrices (E, 2, 2) of parameters (E, 2 + A), the first two of which are shifts."""
    return np.asarray(np.eye(2) + np.einsum("ea,aij->eij", parameters[:, 2:], basis))


def _pass(
    frames: Frames,
    energy: Float64Array,
    shape: tuple[int, int],
    basis: Float64Array,
    parameters: Float64Array,
    found: BoolArray,
    scale: Float64Array,
    *,
    most: int,
    rings: int,
    steps: int,
    search: bool,
    spectra: Float64Array | None,
    box: Box | None,
    progress: Progress | None,
) -> _Result:
    """Transform the tiles with what is known, and fit all frames that were found."""
    count, center = len(parameters), (np.array(shape) - 1) / 2
    matrices = matrices_of(parameters, basis)
    tiles = Tiles.over(*_common_area(shape, parameters[found, :2], matrices[found], box))
    one = band_of(tiles.shape, LOWEST, HIGHEST, rings).thinned(most // len(tiles.corners))
    data, noise = tile_coefficients(frames(), count, tiles, one, parameters[:, :2], matrices, progress)
    data, noise = data[found], noise[found]
    of_frame = np.sqrt((noise**2).mean(axis=1))
    signal = np.sqrt((np.abs(data) ** 2).mean(axis=1, dtype=np.float64))
    of_frame = np.maximum(of_frame, 1e-4 * signal)
    # Thick parts of a sample have more noise, in all frames about alike.
    of_tile = np.clip(np.median(noise / of_frame[:, None], axis=0), 0.1, None)
    of_frame = of_frame * scale[found]
    data /= np.outer(of_frame, np.repeat(of_tile, one.row.size)).astype(np.float32)
    known = None if spectra is None else spectra[found]
    current = parameters[found]
    places = _places(one, data, of_frame, tiles, known) - center
    pulls = np.concatenate([np.tile(np.eye(2), (len(places), 1, 1)), np.einsum("aij,tj->tia", basis, places)], axis=2)
    band = TiledBand.of(one, pulls)
    # As if content had only been moved, to where the frame has it: then a pattern of the detector is in one place.
    data *= band.phases(current).conj()
    if search:
        current = _grown(band, data, of_frame, energy[found], basis, current, known)
    drift = Drift(np.flatnonzero(found).astype(np.float64), np.full(current.shape[1], 0.3**2), energy[found])
    model = first_model(Moved.by(band, data, current), of_frame, known)
    settled = fit(band, data, current, model, drift, tiles.share(), steps=steps)
    after = between(settled.shifts, np.flatnonzero(found), count)
    scale = scale.copy()
    scale[found] *= np.clip(settled.residual, 0.5, 10.0)
    return _Result(after, settled, scale)


def _places(
    one: Band, data: Coefficients, noise: Float64Array, tiles: Tiles, spectra: Float64Array | None
) -> Float64Array:
    """Return where each tile holds what tells of a shift, (T, 2), from aligned coefficients."""
    band = TiledBand.of(one, np.tile(np.eye(2), (len(tiles.corners), 1, 1)))
    moved = Moved.by(band, data, np.zeros((len(data), 2)))
    model = first_model(moved, noise, spectra)
    seen = posterior(band, Projection.of(moved, model.spectra, model.pattern), model)
    return places_of(one, seen.maps, tiles)


def _common_area(
    shape: tuple[int, int], shifts: Float64Array, matrices: Float64Array, box: Box | None
) -> tuple[Float64Array, Float64Array]:
    """Return the corners of a part of the aligned grid that all frames reach."""
    y0, y1, x0, x1 = box or (0, shape[0], 0, shape[1])
    center, inverse = (np.array(shape) - 1) / 2, np.linalg.inv(matrices)
    ends = np.array([[(y, x) for x in (-1, 1)] for y in (-1, 1)]) * center
    # Where the corners of the frames lie on the grid.
    on_grid = center + np.einsum("eij,eyxj->eyxi", inverse, ends - shifts[:, None, None])
    lower = np.array([on_grid[:, 0, :, 0].max(), on_grid[:, :, 0, 1].max()])
    upper = np.array([on_grid[:, 1, :, 0].min(), on_grid[:, :, 1, 1].min()])
    return np.maximum(lower, [y0, x0]), np.minimum(upper, [y1 - 1, x1 - 1])


def _grown(
    band: TiledBand,
    data: Coefficients,
    noise: Float64Array,
    energy: Float64Array,
    basis: Float64Array,
    parameters: Float64Array,
    spectra: Float64Array | None,
) -> Float64Array:
    """Return the parameters with the growth, linear in energy, that fits best."""
    # The size in pixels at the corners: the basis is divided by their distance from the centre.
    grows = np.array([np.trace(b) for b in basis]) / max(np.trace(b) for b in basis)
    corner = 1 / np.abs(basis).max()
    along = (energy - energy.mean()) / max(float(np.ptp(energy)), 1e-30)
    most = min(_MOST_GROWTH * corner * float(np.ptp(energy) / energy.mean()), _ONE_STEP * (_MOST_TRIED // 2))
    tried = np.arange(0.0, most, _ONE_STEP)
    tried = np.concatenate([-tried[:0:-1], tried])
    some = spread(len(data), _TRIED_FRAMES)
    candidates = [parameters + np.outer(growth * along, np.concatenate([[0, 0], grows])) for growth in tried]
    logs = []
    for candidate in candidates:
        moved = Moved.by(band, data[some], candidate[some])
        model = first_model(moved, noise[some], None if spectra is None else spectra[some])
        logs.append(log_likelihood(band, Projection.of(moved, model.spectra, model.pattern), model))
    best = int(np.argmax(logs))
    return candidates[best] if logs[best] > logs[len(tried) // 2] + _GAIN else parameters


def _told(energy: Float64Array, basis: Float64Array, result: _Result, start: Estimate) -> Linear:
    """Return parameters and their covariance as matrices and shifts with errors."""
    found, fitted = start.found, result.fit
    count, n = int(found.sum()), result.parameters.shape[1]
    parameters = result.parameters - result.parameters[found].mean(axis=0)
    excess = np.maximum(fitted.residual, 1.0)
    covariance = fitted.covariance * np.tile(excess, n)[:, None] * np.tile(excess, n)
    sigma = np.full(parameters.shape, np.nan)
    sigma[found] = np.sqrt(np.diag(covariance)).reshape(n, count).T
    residual = np.full(len(found), np.nan)
    residual[found] = fitted.residual * result.scale[found] / np.clip(fitted.residual, 0.5, 10.0)
    matrix_sigma = np.sqrt(np.einsum("ea,aij->eij", sigma[:, 2:] ** 2, basis**2))
    # The mean of the diagonal is the growth; a straight line through it, by least squares.
    trace = np.trace(basis, axis1=1, axis2=2) / 2
    growth = parameters[found, 2:] @ trace
    spread = np.einsum("a,aebf,b->ef", trace, covariance.reshape(n, count, n, count)[2:, :, 2:], trace)
    weight = 1 / np.maximum(np.diag(spread), 1e-30)
    away = energy[found] - np.average(energy[found], weights=weight)
    slope = weight * away / max(float((weight * away**2).sum()), 1e-30)
    span = float(np.ptp(energy))
    estimate = Estimate(parameters[:, :2], sigma[:, :2], residual, found, start.pattern, copies=start.copies)
    return Linear(
        estimate,
        matrices_of(parameters, basis),
        matrix_sigma,
        span * float(slope @ growth),
        span * float(np.sqrt(slope @ spread @ slope)),
    )
