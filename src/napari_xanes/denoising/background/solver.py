"""The beam's background: patterns of the white field that changed between sample and flat, told from the sample.

On squares of some pixels, the optical depth is a sum of what the sample may hold (references and a smooth matrix, free
in every square), of patterns (a few spectra times smooth maps), and of noise. Where there is no sample, patterns are
seen as they are; the statistics of their maps carry them over to where there is (kriging). Patterns whose energy
dependence lies within the references can't be told from the sample but by those statistics.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.denoising.background.composition import Composition
from napari_xanes.denoising.background.patterns import Background, mix
from napari_xanes.denoising.binning import SQUARE, Squares
from napari_xanes.denoising.design_matrix import Design

_STEPS, _TOLERANCE = 40, 1e-5

_MARGIN = 10  # squares; keeps what lies at one edge from reaching round to the other

_CUT = 0.07  # cycles per pixel: finer patterns are left to the noise

_BINS = 40

_MORE_MODES = 6


class Problem:
    """The squares without what the sample may hold, and the linear system for the maps."""

    def __init__(self, squares: Squares, design: Design, known: Composition | None, start: Background | None) -> None:
        self.squares = squares
        self.free = np.linalg.qr(design.free)[0]
        self.every = np.linalg.qr(design.all)[0]
        self.air = _without(self.free, squares.air)
        self.sample = _without(self.every, squares.sample)
        self.size = squares.air.shape[1:]
        self.padded = (self.size[0] + _MARGIN, self.size[1] + _MARGIN)
        self.n_padded = self.padded[0] * self.padded[1]
        fy, fx = (np.fft.fftfreq(self.padded[0], SQUARE), np.fft.rfftfreq(self.padded[1], SQUARE))
        self.frequency = np.hypot(fy[:, None], fx)
        self.doubled = np.full(self.frequency.shape, 2.0)  # rfft2 keeps one of each pair
        self.doubled[:, 0] = 1
        if self.padded[1] % 2 == 0:
            self.doubled[:, -1] = 1
        self.bins = np.minimum((self.frequency * 2 * SQUARE * _BINS).astype(int), _BINS - 1)
        self.known = known
        if known is not None and start is not None:
            self.left = _fast_part(known, start)

    def modes(
        self, values: Float32Array, precision: Float32Array, most: int, *, besides: Float64Array | None = None
    ) -> tuple[Float64Array, Float64Array]:
        """Spectra (E, N) that squares share beyond noise, and their variances."""
        from scipy.ndimage import gaussian_filter

        blur = 0.8
        weight = gaussian_filter(precision.astype(np.float64), blur)
        if not precision.any():
            return np.zeros((len(values), 0)), np.zeros(0)
        used = weight > 0.25 * np.percentile(weight[precision > 0], 90)
        smooth = np.stack([gaussian_filter(one * precision, blur)[used] for one in values]).astype(np.float64)
        smooth /= weight[used]
        smooth *= np.sqrt(weight[used] / weight[used].mean())
        if besides is not None:
            smooth -= besides @ (besides.T @ smooth)
        noise = 1 / weight[used].mean() / (4 * np.pi * blur**2)
        variance, vectors = np.linalg.eigh(smooth @ smooth.T / smooth.shape[1])
        variance, vectors = variance[::-1][:most], vectors[:, ::-1][:, :most]
        stands_out = variance > 2.5 * noise
        return vectors[:, stands_out], np.maximum(variance - noise, 0.2 * variance)[stands_out]

    def with_more_modes(self, found: Background, state: Any) -> tuple[Background, Any]:
        """Patterns that are still in what is left, of air and sample alike."""
        squares = self.squares
        precision = squares.air_precision + squares.sample_precision
        left = sum(
            (one - mix(quotient, found)) * weight
            for one, quotient, weight in (
                (self.air, _without(self.free, found.modes), squares.air_precision),
                (self.sample, _without(self.every, found.modes), squares.sample_precision),
            )
        )
        left = np.asarray(left, np.float32) / np.maximum(precision, 1e-30)
        modes, variance = self.modes(left, precision * (found.trust > 0.5), _MORE_MODES, besides=found.modes)
        if modes.shape[1] == 0:
            return found, state
        shape = first_power(self.frequency)
        power = [v * shape * self.n_padded / (shape * self.doubled).sum() for v in variance]
        more = replace(
            found,
            modes=np.concatenate([found.modes, modes], axis=1),
            maps=np.concatenate([found.maps, np.zeros((modes.shape[1], *self.size), np.float32)]),
            power=np.concatenate([found.power, power]),
        )
        if state is not None:
            state = np.concatenate([state, np.zeros((modes.shape[1], *self.padded), np.float32)])
        return more, state

    def solved(self, found: Background, state: Any) -> Float32Array:
        """Whitened maps (N, y, x), padded, by conjugate gradients from `state`."""
        squares, trust = self.squares, found.trust
        grams = self._grams(found)
        weights = [squares.air_precision * trust, squares.sample_precision * trust]
        right = sum(
            np.tensordot(found.modes.T.astype(np.float32), one, 1) * weight
            for one, weight in zip((self.air, self.sample), weights, strict=True)
        )
        gains = None
        if self.known is not None:
            gains = (found.modes.T @ self.known.directions).astype(np.float32)
            sure = self.known.precision * trust
            right = right + np.tensordot(gains, self.left * sure, 1)

        def normal(maps: Float32Array) -> Float32Array:
            flat = maps.reshape(len(maps), -1)
            out = (grams[0] @ flat) * weights[0].ravel() + (grams[1] @ flat) * weights[1].ravel()
            if gains is not None:
                out += gains @ ((gains.T @ flat) * sure.ravel())
            return out.reshape(maps.shape)

        root = np.sqrt(found.power).astype(np.float32)
        y, x = self.size

        def forth(z: Float32Array) -> Float32Array:
            return self._filtered(z, root)[:, :y, :x]

        def back(maps: Float32Array) -> Float32Array:
            padded = np.zeros((len(maps), *self.padded), np.float32)
            padded[:, :y, :x] = maps
            return self._filtered(padded, root)

        target = back(np.asarray(right, np.float32))
        z = np.zeros_like(target) if state is None else state.copy()
        rest = target - z - back(normal(forth(z))) if state is not None else target.copy()
        way, size = rest.copy(), float(np.vdot(rest, rest))
        enough = _TOLERANCE * float(np.vdot(target, target))
        for _ in range(_STEPS):
            if size <= enough:
                break
            pushed = way + back(normal(forth(way)))
            step = np.float32(size / float(np.vdot(way, pushed)))
            z += step * way
            rest -= step * pushed
            before, size = size, float(np.vdot(rest, rest))
            way = rest + np.float32(size / before) * way
        return z

    def maps(self, found: Background, state: Float32Array) -> Float32Array:
        """The maps (N, y, x) on the padded squares."""
        return self._filtered(state, np.sqrt(found.power).astype(np.float32))

    def _filtered(self, maps: Float32Array, transfer: Float32Array) -> Float32Array:
        from scipy.fft import irfft2, rfft2

        result: Float32Array = irfft2(rfft2(maps, workers=-1) * transfer, s=self.padded, workers=-1)
        return result

    def _grams(self, found: Background) -> list[Float32Array]:
        inner = found.modes.T @ found.modes
        out = []
        for basis in (self.free, self.every):
            within = basis.T @ found.modes
            out.append((inner - within.T @ within).astype(np.float32))
        return out

    def trust(self, found: Background) -> Float32Array:
        """Weight of each square: less where the model does not explain what is left, compared with its neighbours."""
        from scipy.ndimage import median_filter

        squares = self.squares
        chi = np.zeros(self.size)
        for one, basis, weight in (
            (self.air, self.free, squares.air_precision),
            (self.sample, self.every, squares.sample_precision),
        ):
            left = one - mix(_without(basis, found.modes), found)
            chi += np.einsum("eyx,eyx->yx", left, left) * weight
        parts = (squares.air_precision > 0) * 1.0 + (squares.sample_precision > 0)
        chi /= np.maximum(parts, 1) * (len(self.air) - 4)
        usual = np.maximum(np.maximum(median_filter(chi, 9), np.median(chi)), 1.0)
        return np.asarray(np.minimum(1, (1.6 * usual / np.maximum(chi, 1e-9)) ** 2), np.float32)

    def power(self, found: Background, state: Float32Array) -> Float64Array:
        """Power of each map over frequency: that of the map itself, and of what noise leaves unknown."""
        from scipy.fft import rfft2
        from scipy.ndimage import gaussian_filter1d

        transformed = np.abs(rfft2(self.maps(found, state), workers=-1)) ** 2 / self.n_padded
        grams = self._grams(found)
        count = np.maximum(np.bincount(self.bins.ravel(), self.doubled.ravel(), _BINS), 1e-9)
        cut = 1 / (1 + (self.frequency / _CUT) ** 12)
        out = np.empty_like(found.power)
        weights = [self.squares.air_precision * found.trust, self.squares.sample_precision * found.trust]
        for i, seen in enumerate(transformed):
            gain = sum(float(g[i, i]) * float(w.sum()) for g, w in zip(grams, weights, strict=True)) / self.n_padded
            unknown = 1 / (gain + 1 / np.maximum(found.power[i], 1e-12))
            radial = np.bincount(self.bins.ravel(), ((seen + unknown) * self.doubled).ravel(), _BINS) / count
            out[i] = gaussian_filter1d(radial, 0.6, mode="nearest")[self.bins] * cut + 1e-12
        return out


def first_power(frequency: Float64Array) -> Float64Array:
    """Power over spatial frequency (cycles per pixel) before any is measured."""
    result: Float64Array = 1 / (1 + (frequency / _CUT) ** 12) / (1 + (frequency / 0.03) ** 2)
    return result


def _without(basis: Float64Array, values: NDArray[Any]) -> NDArray[Any]:
    """What is left of values (E, ...) beside an orthonormal basis (E, N)."""
    flat = values.reshape(len(values), -1)
    thin = basis.astype(flat.dtype)
    result: NDArray[Any] = (flat - thin @ (thin.T @ flat)).reshape(values.shape)
    return result


def _fast_part(known: Composition, start: Background) -> Float32Array:
    """What is left beyond the composition, its slow changes replaced by those that were found without it.

    A smoothed composition is biased, and slow changes of a bias would be taken for patterns.
    """
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(known.precision, 3.0) + 1e-9
    before = np.tensordot((known.directions.T @ start.modes[:, : len(start.freely)]), start.freely, 1)

    def slow(image: Float32Array) -> Float32Array:
        return np.asarray(gaussian_filter(image * known.precision, 3.0) / weight, np.float32)

    return np.stack(
        [one - slow(one) + slow(np.asarray(old, np.float32)) for one, old in zip(known.left, before, strict=True)]
    )
