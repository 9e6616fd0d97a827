"""Find phases in spots so faint or so few that their spectrum can't be learned first.

A bank of plausible spectra is compared with the residuals around every place, at three sizes. Noise leaves a known
number of places above each height. A phase leaves more, and only where it adds absorption. Its spectrum is then that of
these places, and each half of the energies must show it where the other half does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_xanes._typing import BoolArray, Float32Array, Float64Array, IndexArray
from napari_xanes.denoising.novelty.half_sums import HalfSums
from napari_xanes.denoising.novelty.plausible import PlausibleSpectra, unlike

RADII = (0.5, 1.0, 2.0)
"""Standard deviations in cells of the Gaussian means that are searched."""

_EVIDENCE = 8.0
"""Natural logarithm of the odds, beyond that of the number of candidates, from which on places are no noise. Of 56
empty stacks, those with noise only reached 5, and one with patterns three times as large 7."""

_CONFIRMED, _ONE_SIDED = 2.0, 3.0
"""Standard errors by which each half of the energies must confirm the other, and the ratio of the evidence for added
absorption to that for missing absorption above which a spectrum is a phase."""

_LOW, _PEAK, _MOST_PEAKS = 2.0, 2.5, 40
"""Standard errors from which on places are counted and compared with noise, and how many are at most."""

_SURROUNDINGS = 8.0  # cells over which the size of the noise is averaged
_LEAST_PLACES = 64
_MANY, _SOME = 8000, 12  # places for a typical spread, and candidates whose peaks are counted
_ROUNDS = 3
_AT_ONCE, _SPECTRA = 1 << 16, 8  # places, and spectra
_NEIGHBOURS = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0)]


@dataclass(frozen=True)
class FaintFeatures:
    """Spectra (E, N) of new phases, and (E, M) of what adds here and takes there, divided by the noise."""

    new: Float64Array
    nuisance: Float64Array


@dataclass(frozen=True)
class _Means:
    """Means around each place at one radius.

    ``values`` (R, P), projections over their noise, with the scalar products ``gram`` (R, R) as covariance; ``noise``
    (P,), the standard deviation that they were divided by; ``radius`` in cells; ``places`` (P,), where they are in an
    image of ``shape`` with a margin of two cells.
    """

    values: Float32Array
    gram: Float64Array
    noise: Float32Array
    radius: float
    places: IndexArray
    shape: tuple[int, int]

    def scores(self, coefficients: Float64Array) -> Float32Array:
        """Return the standard errors (P,) by which each place holds a spectrum, given by its coefficients (R,)."""
        return _standardized(coefficients.astype(np.float32) @ self.values)

    def each_scores(self, bank: Float64Array) -> Iterator[Float32Array]:
        """Yield the `scores` of each spectrum of a bank (R, K); a few are computed at once."""
        for start in range(0, bank.shape[1], _SPECTRA):
            for scores in bank[:, start : start + _SPECTRA].T.astype(np.float32) @ self.values:
                yield _standardized(scores)

    def peaks(self, scores: Float32Array, least: float) -> IndexArray:
        """Return the numbers of the places above all their neighbours and above `least`, the highest first."""
        image = np.full(self.shape, -np.inf, np.float32)
        image.ravel()[self.places] = scores
        high = np.flatnonzero(scores > least)
        at = self.places[high]
        for y, x in _NEIGHBOURS:
            higher = image.ravel()[at + y * self.shape[1] + x] <= scores[high]
            high, at = high[higher], at[higher]
        return high[np.argsort(-scores[high])]


@dataclass(frozen=True)
class _Finding:
    """A spectrum (R,) as coefficients, the evidence for it, whether it only adds, and whether both halves show it."""

    coefficients: Float64Array
    evidence: float
    one_sided: bool
    confirmed: bool


def find_faint_features(halves: HalfSums, plausible: PlausibleSpectra, *, most: int) -> FaintFeatures:
    """Find at most `most` phases, from the clearest on.

    Parameters
    ----------
    halves : HalfSums
        Projections of the stack on ``plausible.basis``, without what the surroundings share. The sums are overwritten
        by what is left beside the phases.
    plausible : PlausibleSpectra
        What a phase may look like.
    most : int
        Largest number of spectra of each kind.
    """
    new: list[Float64Array] = []
    nuisance: list[Float64Array] = []
    for _ in range(2 * most):
        finding = _clearest(halves, plausible.candidates)
        if finding is None or len(new) == most or len(nuisance) == most:
            break
        if finding.one_sided and not finding.confirmed and not nuisance:
            break
        # Beside what adds here and takes there, a weaker spectrum that only adds may be its remainder.
        kind = new if finding.one_sided and not nuisance else nuisance
        kind.append(plausible.basis @ finding.coefficients)
        halves = halves.without(finding.coefficients, in_place=True)
    return FaintFeatures(*(np.array(kind).reshape(-1, len(plausible.basis)).T for kind in (new, nuisance)))


def least_evidence(n_candidates: int) -> float:
    """Return the evidence from which on the clearest of some candidates is no noise."""
    return _EVIDENCE + float(np.log(n_candidates))


def _clearest(halves: HalfSums, candidates: Float64Array) -> _Finding | None:
    """Return the finding with the most evidence, None if noise explains it."""
    bank = unlike(candidates, halves.gram.sum(axis=0))
    best: tuple[float, _Means, Float64Array, float] | None = None
    for radius in RADII:
        means = _means(halves, radius)
        if means is None:
            continue
        density = _density(means, bank)
        evidence = [_places_beyond_noise(means, scores, density)[1] for scores in means.each_scores(bank)]
        clearest = int(np.argmax(evidence))
        if best is None or evidence[clearest] > best[0]:
            best = evidence[clearest], means, bank[:, clearest], density
    if best is None or best[0] < least_evidence(bank.shape[1]):
        return None
    evidence_found, means, candidate, density = best
    learned = _learned(means, candidate, density)
    one_sided = all(
        _places_beyond_noise(means, means.scores(spectrum), density)[1]
        > _ONE_SIDED * _places_beyond_noise(means, means.scores(-spectrum), density)[1]
        for spectrum in (candidate, learned)
    )
    return _Finding(learned, evidence_found, one_sided, _confirmed(halves, means, candidate))


def _means(halves: HalfSums, radius: float) -> _Means | None:
    """Average the projections around each place, and divide them by the noise there."""
    used = halves.precision > 0
    if used.sum() < _LEAST_PLACES:
        return None
    variance = np.asarray(_weighted(halves.precision, kernel(radius) ** 2), np.float32)
    used &= variance > 0.1 * np.percentile(variance[used], 90)
    gram = halves.gram.sum(axis=0)
    expected = np.sqrt(variance[used])
    values = np.empty((len(gram), expected.size), np.float32)
    for image, even, odd in zip(values, *halves.sums, strict=True):
        np.divide(_weighted(even + odd, kernel(radius))[used], expected, out=image)
    noise = _local_noise(values, gram, used)
    values /= noise
    margin = np.pad(used, 2)
    return _Means(values, gram, noise * expected, radius, np.flatnonzero(margin), margin.shape)


def kernel(radius: float) -> Float64Array:
    """Return the weights of a Gaussian mean along one axis."""
    reach = int(3 * radius + 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    result: Float64Array = weights / weights.sum()
    return result


def _weighted(image: Float32Array, kernel: Float64Array) -> Float32Array:
    """Return weighted sums around each place; there is nothing beyond the image."""
    from scipy.ndimage import correlate1d

    result: Float32Array = correlate1d(correlate1d(image, kernel, 0, mode="constant"), kernel, 1, mode="constant")
    return result


def _local_noise(values: Float32Array, gram: Float64Array, used: BoolArray) -> Float32Array:
    """Return the root mean square (P,) of the values in units of the expected one, around each place."""
    from scipy.ndimage import gaussian_filter

    variances, vectors = np.linalg.eigh(gram)
    sound = variances > 1e-4 * variances.max()
    whitening = (vectors[:, sound] / np.sqrt(variances[sound])).T.astype(np.float32)
    square = np.empty(values.shape[1], np.float32)
    for start in range(0, square.size, _AT_ONCE):
        white = whitening @ values[:, start : start + _AT_ONCE]
        square[start : start + _AT_ONCE] = np.einsum("rp,rp->p", white, white) / len(white)
    image = np.zeros(used.shape, np.float32)
    image[used] = np.minimum(square, 3 * np.median(square))
    share = gaussian_filter(used.astype(np.float32), _SURROUNDINGS)
    return np.asarray(np.sqrt(gaussian_filter(image, _SURROUNDINGS)[used] / share[used]), np.float32)


def _standardized(scores: Float32Array) -> Float32Array:
    """Divide scores by their typical spread."""
    some = np.abs(scores[:: max(1, scores.size // _MANY)])
    return np.asarray(scores / np.float32(max(1.4826 * float(np.median(some)), 1e-30)), np.float32)


def _density(means: _Means, bank: Float64Array) -> float:
    """Return the factor d of the expected number of peaks above a height z, which is d z exp(-z^2 / 2).

    This holds for high peaks of smooth Gaussian noise (Adler, The Geometry of Random Fields, 1981). The factor is that
    of the peaks of some candidates (R, K) between two and three standard errors, which are noise almost all.
    """
    count, some = 0, bank[:, :: max(1, bank.shape[1] // _SOME)]
    for score in means.each_scores(some):
        for signed in (score, -score):
            heights = signed[means.peaks(signed, _LOW)]
            count += int(np.sum(heights < _LOW + 1))
    share = _LOW * np.exp(-(_LOW**2) / 2) - (_LOW + 1) * np.exp(-((_LOW + 1) ** 2) / 2)
    return float(max(count, 1) / (2 * some.shape[1]) / share)


def _places_beyond_noise(means: _Means, scores: Float32Array, density: float) -> tuple[IndexArray, float]:
    """Return the peaks that are more than noise would leave, and the evidence for that.

    The evidence is the largest logarithm of the likelihood ratio between the number of peaks above a height and the
    expected one (Berk and Jones, Z. Wahrscheinlichkeitstheorie 47, 47, 1979).
    """
    peaks = means.peaks(scores, _PEAK)[:_MOST_PEAKS]
    if peaks.size == 0:
        return peaks, 0.0
    expected = _expected_peaks(scores[peaks].astype(np.float64), density)
    number = np.arange(1, peaks.size + 1)
    evidence = np.where(number > expected, number * np.log(number / expected) - number + expected, 0)
    last = int(np.argmax(evidence))
    return peaks[: last + 1], float(evidence[last])


def _expected_peaks(heights: Float64Array, density: float) -> Float64Array:
    return np.maximum(density * heights * np.exp(-(heights**2) / 2), 1e-300)


def _learned(means: _Means, candidate: Float64Array, density: float) -> Float64Array:
    """Replace a candidate (R,) by the mean spectrum of its places, as far as these tell it apart from noise.

    The coefficients have variance 1 for a phase, so this is the most likely spectrum.
    """
    coefficients, gram = candidate, means.gram
    prior = np.trace(gram) * np.eye(len(gram))
    for _ in range(_ROUNDS):
        scores = means.scores(coefficients)
        places, _ = _places_beyond_noise(means, scores, density)
        if places.size == 0:
            break
        heights = scores[places].astype(np.float64)
        noise_share = np.minimum(_expected_peaks(heights, density) / np.arange(1, places.size + 1), 1)
        amounts = heights * (1 - noise_share)
        if not amounts.any():  # noise explains them all
            break
        coefficients = np.linalg.solve(float(amounts @ heights) * gram + prior, means.values[:, places] @ amounts)
    result: Float64Array = coefficients / np.sqrt(coefficients @ gram @ coefficients)
    return result


def _confirmed(halves: HalfSums, means: _Means, candidate: Float64Array) -> bool:
    """Return whether each half of the energies shows a spectrum (R,) at the places that the other half chose."""
    inner = tuple(slice(2, length - 2) for length in means.shape)
    used = np.zeros(means.shape, bool)
    used.ravel()[means.places] = True
    scores = []
    for sums in halves.sums:
        image = _weighted(np.tensordot(candidate.astype(np.float32), sums, 1), kernel(means.radius))
        scores.append(_standardized(image[used[inner]] / means.noise))
    for chosen, tested in (scores, scores[::-1]):
        places = means.peaks(chosen, _PEAK)
        factor = chosen[places] - _PEAK + 0.5
        if float(factor @ tested[places]) <= _CONFIRMED * float(np.linalg.norm(factor)):
            return False
    return True
