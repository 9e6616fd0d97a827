"""Scan lines that jitter: a shift of each line along itself, on top of the shift of its frame.

Each line is compared with what the other frames show at its place: a few spectra times maps, without the frame itself
(which would hold its own lines and their noise). All shifts up to three pixels are weighed by their likelihood and by a
prior of random jitter, whose size is learned from all lines together; where there is none, no line moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.progress import Progress, part
from napari_xanes.registration.estimation import Box, Estimate, Frames, estimate
from napari_xanes.registration.fourier import filled
from napari_xanes.registration.line_posterior import FARTHEST, PLACES, Lines, weighed
from napari_xanes.registration.line_resampling import lines_moved_back, straightened
from napari_xanes.registration.resampling import moved_back

_ROUNDS, _ROUNDS_OF_LINES = 2, 2
_MOST_PIXELS, _MOST_SPECTRA = 20_000, 4
_LOWEST, _HIGHEST = 0.02, 0.42
"""Frequencies along a line in cycles per pixel: lower ones hold the beam, higher ones noise and its interpolation."""

_OF_NORMAL = 0.6745 * np.sqrt(6)
"""Median of the second differences of white noise of unit variance."""

_MOST_UNLIKE = 10.0
"""Ratio of the noise of frames beyond which they count alike."""

_TAPER = 6
_LEAST_OWN = 0.1
"""Share of a frame that the others must tell; less, and its lines stay."""


def estimate_lines(
    frames: Frames,
    count: int,
    shape: tuple[int, int],
    *,
    columns: bool = False,
    spectra: Float64Array | None = None,
    box: Box | None = None,
    progress: Progress | None = None,
) -> tuple[Estimate, Lines]:
    """Find the shifts of all frames together, and then of each line against what the other frames show.

    Parameters
    ----------
    frames : callable
        Reads the frames anew each time.
    count : int
        Number of frames.
    shape : tuple of int
        Height and width of a frame.
    columns : bool
        Whether scan lines are columns; by default rows.
    spectra : ndarray, shape (E, R), optional
        Spectra of what is in the sample, for the shifts of the frames.
    box : tuple of int, optional
        Part of the image in which the shifts of the frames are found.
    progress : callable, optional
        Called with the fraction done.

    Raises
    ------
    ValueError
        If fewer than two frames have something in common.
    """
    if columns:
        turned = None if box is None else (*box[2:], *box[:2])
        found, lines = estimate_lines(
            lambda: (frame.T for frame in frames()), count, shape[::-1], spectra=spectra, box=turned, progress=progress
        )
        return replace(found, shifts=found.shifts[:, ::-1], sigma=found.sigma[:, ::-1]), lines
    found = estimate(frames, count, shape, spectra=spectra, box=box, progress=part(progress, 0.0, 0.3))
    lines = Lines(np.zeros((count, shape[0])), np.full((count, shape[0]), np.nan), 0.0, np.nan)
    for i in range(_ROUNDS):
        told = part(progress, 0.3 + 0.35 * i, 0.45 + 0.35 * i)
        for _ in range(_ROUNDS_OF_LINES):
            lines = _matched(frames, shape, found, lines, told)
        if not lines.jitter:
            break
        # Straight lines tell more of the shifts of their frames.
        found = estimate(
            partial(_straight, frames, lines.shifts),
            count,
            shape,
            spectra=spectra,
            box=box,
            progress=part(progress, 0.45 + 0.35 * i, 0.65 + 0.35 * i),
        )
    return found, lines


def _straight(frames: Frames, lines: Float64Array) -> Iterator[Float32Array]:
    for frame, of_frame in zip(frames(), lines, strict=True):
        yield filled(straightened(frame, of_frame))


@dataclass(frozen=True)
class _Inside:
    """Rows y0 to y1 and columns x0 to x1 of the common grid that all frames see."""

    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def of(cls, shape: tuple[int, int], shifts: Float64Array) -> _Inside:
        margin = np.array([0, int(FARTHEST)])
        first = np.ceil(np.maximum(-shifts.min(axis=0), 0)).astype(int) + margin
        last = np.array(shape) - np.ceil(np.maximum(shifts.max(axis=0), 0)).astype(int) - margin
        return cls(int(first[0]), int(last[0]), int(first[1]), int(last[1]))

    def cut(self, image: Float32Array) -> Float32Array:
        return image[self.y0 : self.y1, self.x0 : self.x1]


def _matched(frames: Frames, shape: tuple[int, int], found: Estimate, lines: Lines, progress: Progress | None) -> Lines:
    """Return the lines matched to a model of the frames on the common grid, whose lines lie as thought so far."""
    seen = found.found
    inside = _Inside.of(shape, found.shifts[seen])
    still = Lines(np.zeros_like(lines.shifts), np.full_like(lines.sigma, np.nan), 0.0, np.nan)
    if inside.y1 - inside.y0 < 2 or inside.x1 - inside.x0 < 4 * _TAPER:
        return still
    scale, spectra = _spectra(frames, found, lines, inside)
    maps = np.zeros((spectra.shape[1], inside.y1 - inside.y0, inside.x1 - inside.x0), np.float32)
    for i, frame in enumerate(frames()):
        if seen[i]:
            aligned = inside.cut(_aligned(frame, found.shifts[i], lines.shifts[i]))
            maps += (spectra[i] / scale[i]).astype(np.float32)[:, None, None] * aligned
    logs = np.zeros((len(seen), shape[0], PLACES.size), np.float32)
    own = (spectra**2).sum(axis=1)
    for i, frame in enumerate(frames()):
        if progress is not None:
            progress((i + 1) / len(seen), "matching lines")
        if not seen[i] or own[i] > 1 - _LEAST_OWN:
            continue
        aligned = inside.cut(_aligned(frame, found.shifts[i], lines.shifts[i]))
        model = np.tensordot((scale[i] * spectra[i]).astype(np.float32), maps, 1)
        others = np.zeros(shape, np.float32)
        # What the other frames tell of this one: the model less the share that is this frame itself.
        inside.cut(others)[:] = (model - own[i] * aligned) / (1 - own[i])
        logs[i] = _log_likelihood(frame, others, float(own[i]), found.shifts[i], inside, PLACES)
    reached = _reached(shape, found.shifts, inside) & seen[:, None] & (own <= 1 - _LEAST_OWN)[:, None]
    return weighed(logs, reached, own) if reached.any() else still


def _aligned(frame: Float32Array, shift: Float64Array, lines: Float64Array) -> Float32Array:
    return lines_moved_back(frame, shift, lines, columns=False) if lines.any() else moved_back(frame, shift)


def _spectra(frames: Frames, found: Estimate, lines: Lines, inside: _Inside) -> tuple[Float64Array, Float64Array]:
    """Return the noise (E,) of each frame, and the leading spectra (E, R) of frames in units of it, orthonormal."""
    step = max(1, (inside.y1 - inside.y0) * (inside.x1 - inside.x0) // _MOST_PIXELS)
    some, scale = [], np.ones(len(lines.shifts))
    for i, frame in enumerate(frames()):
        rows = inside.cut(_aligned(frame, found.shifts[i], lines.shifts[i]))[::step]
        # Lines may be brighter or darker as a whole.
        some.append((rows - rows.mean(axis=1, keepdims=True)).ravel() if found.found[i] else np.zeros(rows.size))
        scale[i] = np.median(np.abs(np.diff(frame, n=2, axis=1))) / _OF_NORMAL
    usual = np.median(scale[found.found])
    scale = np.clip(scale, usual / _MOST_UNLIKE, usual * _MOST_UNLIKE) if usual else np.ones(len(scale))
    data = np.array(some, dtype=np.float64) / scale[:, None]
    values, vectors = np.linalg.eigh(data @ data.T / data.shape[1])
    count = int(found.found.sum())
    above = values > (1 + np.sqrt(count / data.shape[1])) ** 2 * 1.2 * np.median(values[-count:])
    above[-1] = True
    above[: -min(_MOST_SPECTRA, max(1, count // 3))] = False
    return scale, np.asarray(vectors[:, above])


def _log_likelihood(
    frame: Float32Array,
    others: Float32Array,
    own: float,
    shift: Float64Array,
    inside: _Inside,
    places: Float64Array,
) -> Float32Array:
    """Return the logarithm of the likelihood (Y, P) of each line of a frame at each place.

    `own` is the share of the frame in the common model, and so the noise of what the others tell, over that of both.
    """
    model = np.nan_to_num(moved_back(others, -shift))
    width = frame.shape[1]
    position = np.arange(width) - shift[1]
    depth = np.minimum(position - inside.x0, inside.x1 - 1 - position) / _TAPER
    window = (0.5 - 0.5 * np.cos(np.pi * np.clip(depth, 0, 1))).astype(np.float32)
    k = np.fft.rfftfreq(width)
    band = (k >= _LOWEST) & (k <= _HIGHEST)
    line, expected = (
        np.fft.rfft((rows - (rows @ window / window.sum())[:, None]) * window, axis=1)[:, band]
        for rows in (frame, model)
    )
    turn = np.exp(2j * np.pi * np.outer(k[band], places))
    power = 2 / width * ((np.abs(line) ** 2).sum(axis=1) + (np.abs(expected) ** 2).sum(axis=1))
    best = 2 / width * ((line * expected.conj()) @ turn).real.max(axis=1)
    seen = np.abs(expected).sum(axis=1) > 0
    if not seen.any():
        return np.zeros((len(frame), places.size), np.float32)
    freedom = 2 * band.sum() * float((window**2).mean())
    noise = max(float(np.median((power - 2 * best)[seen])) / max(freedom - 2, 1), 1e-30)
    expected = expected * _certain(expected, seen, own * noise * float((window**2).sum()))
    return np.asarray(2 / width / noise * ((line * expected.conj()) @ turn).real, dtype=np.float32)


def _certain(expected: NDArray[np.complexfloating], seen: BoolArray, noise: float) -> Float64Array:
    """Return the shares (Y, K) of expected lines that are no noise of power `noise`: the filter of Wiener."""
    power = np.abs(expected) ** 2
    of_lines = np.maximum(power.mean(axis=1, keepdims=True) - noise, 0)
    of_frequencies = np.maximum(power[seen].mean(axis=0) - noise, 0)
    signal = of_lines * of_frequencies / max(float(of_frequencies.mean()), 1e-30)
    return np.asarray(signal / np.maximum(signal + noise, 1e-30))


def _reached(shape: tuple[int, int], shifts: Float64Array, inside: _Inside) -> BoolArray:
    """Return which lines (E, Y) show a part of the common grid that all frames see."""
    rows = np.arange(shape[0])[None] - shifts[:, :1]
    return np.asarray((rows >= inside.y0) & (rows <= inside.y1 - 1))
