"""The rivals: common methods, and the best methods without a network, each tuned as well as possible.

All rivals use the same optical depth: bad pixels are repaired, and the empty area is set to zero in every frame. They
are told gain and read noise. All use the same reference fit, with a constant and E^-3 as background. Tuned methods try
several strengths. The benchmark compares with the truth and uses the best strength for each measurement. A user cannot
do that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from benchmarks.denoise.block_matching import block_matching
from benchmarks.denoise.cases import Measurement
from benchmarks.denoise.edges import positions
from benchmarks.denoise.odd_even import odd_even
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray

Array = NDArray[np.float32]

NLM_STRENGTHS = (0.5, 0.8, 1.1, 1.5, 2.2)
MATCHING_STRENGTHS = (0.7, 1.0, 1.4, 2.0)
TV_STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
VALENCE_RANGE = (-1.0, 2.0)
"""All valences are clipped to this range, because a quotient of two noisy numbers has no finite variance."""


@dataclass(frozen=True)
class Prepared:
    """Optical depth and its weight 1/variance (E, Y, X), the design matrix (E, K + 2), and K relative valences."""

    depth: Array
    weight: Array
    design: Array
    valences: NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Result of a method.

    Parameters
    ----------
    valence : array, shape (Y, X)
        0 for the lowest reference to 1 for the highest.
    depth : array, shape (E, Y, X), optional
        The cleaned stack.
    sigma : array, shape (Y, X), optional
        Standard error of the valence.
    novelty : array, shape (Y, X), optional
        Significance of new features in each pixel.
    n_new : int
        Number of new spectra found.
    offset : float, optional
        Estimated shift of the references' energies, in eV.
    sigma_of_mean : function, optional
        Returns the standard error of the mean valence over the pixels of a mask (Y, X).
    """

    valence: Array
    depth: Array | None = None
    sigma: Array | None = None
    novelty: Array | None = None
    n_new: int = 0
    offset: float | None = None
    sigma_of_mean: Callable[[BoolArray], float] | None = None


def prepare(measurement: Measurement) -> Prepared:
    """Prepare a measurement for the rivals.

    The empty area is where the median optical depth is lowest. If its mean spectrum has no edge, that spectrum is
    subtracted from every frame.
    """
    from scipy.ndimage import gaussian_filter, median_filter

    stack = measurement.stack
    counts = np.maximum(stack.data / measurement.gain, 0.5)
    flats = np.maximum(stack.metadata["flat"] / measurement.gain, 0.05)
    depth = np.log(flats / counts)
    read = (measurement.read_noise / measurement.gain) ** 2
    weight = 1 / ((counts + read) / counts**2 + (flats + read) / (flats**2 * stack.metadata["n_flat"]))

    light = flats.mean(axis=0)
    smooth_light = median_filter(light, 7)
    bad = np.abs(light / smooth_light - 1) > 0.25
    for frame in depth:
        frame[bad] = median_filter(frame, 5)[bad]
    weight[:, bad] = np.median(weight[:, ~bad], axis=1)[:, None]

    references = [reference.at(stack.energy) for reference in stack.metadata["references"]]
    power = (stack.energy / stack.energy[0]) ** -3
    design = np.column_stack([*references, np.ones_like(power), power - power.mean()]).astype(np.float32)
    smooth = gaussian_filter(np.median(depth, axis=0), 2)
    empty = smooth < np.percentile(smooth, 3) + 0.06
    if empty.sum() < 200:
        empty = smooth < np.percentile(smooth, 3)
    level = (depth[:, empty] * weight[:, empty]).sum(axis=1) / weight[:, empty].sum(axis=1)
    step = _amounts(np.stack([level, depth[:, ~empty].mean(axis=1)], axis=1), design)[:-2].sum(axis=0)
    if step[0] < 0.15 * step[1]:
        depth -= level[:, None, None]
    return Prepared(depth.astype(np.float32), weight.astype(np.float32), design, positions(measurement.edge.references))


def _amounts(spectra: NDArray[np.floating], design: Array) -> Array:
    """Return amounts (K + 2, ...) in spectra (E, ...) by unweighted least squares."""
    return np.tensordot(np.linalg.pinv(design), spectra, 1).astype(np.float32)


def valence_of(amounts: NDArray[np.floating], valences: NDArray[np.float64]) -> Array:
    """Return the mean valence of amounts (K, ...), clipped to `VALENCE_RANGE`."""
    total = amounts.sum(axis=0)
    ratio = np.tensordot(valences, amounts, 1) / np.where(np.abs(total) < 1e-4, 1e-4, total)
    return np.clip(ratio, *VALENCE_RANGE).astype(np.float32)


def _fitted(depth: Array, data: Prepared) -> Estimate:
    """Fit the references to a cleaned stack."""
    k = len(data.valences)
    return Estimate(valence_of(_amounts(depth, data.design)[:k], data.valences), depth)


def raw(data: Prepared) -> Estimate:
    """Fit the references pixel by pixel, with the standard error that follows from the photons."""
    k = len(data.valences)
    solver = np.linalg.pinv(data.design)
    amounts = np.tensordot(solver, data.depth, 1)[:k]
    valence = valence_of(amounts, data.valences)
    lever = np.tensordot(data.valences, solver[:k], 1)[:, None, None] - valence * solver[:k].sum(axis=0)[:, None, None]
    sigma = np.sqrt((lever**2 / data.weight).sum(axis=0)) / np.abs(amounts.sum(axis=0)).clip(1e-4)
    return Estimate(valence, data.depth, sigma.astype(np.float32))


def _components(data: Prepared) -> tuple[Array, Array, Array, Array]:
    """Return the PCA in units of the noise: scores (N, Y, X), spectra (E, N), mean (E,) and variances (N,)."""
    n_energies, *shape = data.depth.shape
    per_energy = np.sqrt(data.weight.mean(axis=(1, 2)))[:, None]
    per_pixel = np.sqrt(data.weight.mean(axis=0)).reshape(1, -1)
    flat = data.depth.reshape(n_energies, -1) * per_energy
    mean = (flat * per_pixel**2).sum(axis=1, keepdims=True) / (per_pixel**2).sum()
    white = (flat - mean) * (per_pixel / per_energy.mean())
    values, vectors = np.linalg.eigh(white @ white.T / white.shape[1])
    vectors = vectors[:, ::-1]
    scores = (vectors.T @ (flat - mean)).reshape(n_energies, *shape)
    return scores, vectors / per_energy, mean / per_energy, values[::-1]


def significant(values: Array, n_pixels: int, *, draws: int = 3) -> int:
    """Count the components that exceed those of pure noise of the same size (parallel analysis, Horn 1965).

    Parameters
    ----------
    values : array, shape (N,)
        Variances of the components in units of the noise, the largest first.
    n_pixels : int
        Number of spectra.
    """
    rng = np.random.default_rng(0)
    largest = []
    for _ in range(draws):
        noise = rng.standard_normal((len(values), n_pixels), dtype=np.float32)
        largest.append(np.linalg.eigvalsh(noise @ noise.T / n_pixels)[::-1])
    return max(1, int(np.argmin(values > np.max(largest, axis=0) * 1.02)))


def pca(data: Prepared, k: int | None = 5) -> Estimate:
    """Keep the `k` largest components (None: parallel analysis), then fit the references."""
    scores, spectra, mean, values = _components(data)
    k = significant(values, data.depth[0].size) if k is None else k
    return _fitted(np.tensordot(spectra[:, :k], scores[:k], 1) + mean[..., None], data)


def pca_nlm(data: Prepared, k: int = 5) -> Iterator[Estimate]:
    """Yield one estimate per strength: non-local means of `k` score images, then the reference fit."""
    from skimage.restoration import denoise_nl_means

    scores, spectra, mean, _ = _components(data)
    level = np.median(np.sqrt(data.weight.mean(axis=0) / data.weight.mean()))
    for h in NLM_STRENGTHS:
        clean = np.array(
            [
                denoise_nl_means(image, patch_size=5, patch_distance=8, h=h / level, sigma=1 / level, fast_mode=True)
                for image in scores[:k]
            ]
        )
        yield _fitted(np.tensordot(spectra[:, :k], clean, 1) + mean[..., None], data)


def likelihood_tv(data: Prepared) -> Iterator[Estimate]:
    """Yield one estimate per strength: amounts that maximize the likelihood minus their joint total variation.

    The likelihood of the counts is taken to second order, with a free background in each pixel. The amounts are rotated
    so that their errors are uncorrelated and 1 on average. Therefore one strength is right for all of them.
    """
    k, shape = len(data.valences), data.depth.shape[1:]
    information, right = _normal_equations(data)
    rotation = np.linalg.inv(np.linalg.cholesky(information.mean(axis=0))).T
    information = rotation.T @ information @ rotation
    right = right @ rotation
    start = np.linalg.solve(information + 1e-3 * np.eye(k), right[..., None])[..., 0]
    images = (start.T.reshape(k, *shape)).astype(np.float32)
    pieces = np.moveaxis(information, 0, -1).reshape(k, k, *shape)
    target = right.T.reshape(k, *shape).astype(np.float32)
    for strength in TV_STRENGTHS:
        images = _vector_tv(images, pieces, target, strength)
        yield Estimate(valence_of(np.tensordot(rotation, images, 1), data.valences))


def _normal_equations(data: Prepared) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the information (P, K, K) of the amounts of each pixel, and information times amounts (P, K)."""
    k, n_energies = len(data.valences), len(data.depth)
    weight = data.weight.reshape(n_energies, -1)
    gram = np.einsum("ei,ej,ep->pij", data.design, data.design, weight, optimize=True)
    right = (data.design.T @ (weight * data.depth.reshape(n_energies, -1))).T
    # The Schur complement eliminates the background in each pixel.
    over = gram[:, :k, k:] @ np.linalg.inv(gram[:, k:, k:])
    return gram[:, :k, :k] - over @ gram[:, k:, :k], right[:, :k] - (over @ right[:, k:, None])[..., 0]


def matched_fractions(data: Prepared) -> Iterator[Estimate]:
    """Yield one estimate per strength: block matching of the edge jump, then of the valence that follows with it."""
    shape = data.depth.shape[1:]
    information, right = _normal_equations(data)
    covariance = np.linalg.inv(information)
    amounts = (covariance @ right[..., None])[..., 0]
    total, jump_error = amounts.sum(axis=1), np.sqrt(covariance.sum(axis=(1, 2)))
    jump = block_matching(total.reshape(shape).astype(np.float32), jump_error.reshape(shape).astype(np.float32))
    jump = np.maximum(jump.ravel(), 0.02 * np.percentile(jump, 99))
    # What the jump takes from the amounts belongs to each one as far as their errors are shared.
    share = covariance.sum(axis=2) / covariance.sum(axis=(1, 2))[:, None]
    given = (amounts - share * (total - jump)[:, None]) / jump[:, None]
    left = covariance - share[:, :, None] * covariance.sum(axis=2)[:, None, :]
    error = np.sqrt(np.maximum(np.einsum("i,pij,j->p", data.valences, left, data.valences), 1e-12)) / jump
    valence = np.clip(given @ data.valences, -5, 6).reshape(shape).astype(np.float32)
    for strength in MATCHING_STRENGTHS:
        cleaned = block_matching(valence, error.reshape(shape).astype(np.float32), strength)
        yield Estimate(np.clip(cleaned, *VALENCE_RANGE))


def paired_energies(data: Prepared) -> Iterator[Estimate]:
    """Yield one estimate per length of training: a network that predicts energies from others, then the fit."""
    for depth in odd_even(data.depth, data.weight):
        yield _fitted(depth, data)


def _vector_tv(
    start: Array, information: NDArray[np.floating], target: Array, strength: float, rounds: int = 160
) -> Array:
    """Minimize ``u'Hu/2 - t'u + strength * sum |grad u|`` over vector images u (K, Y, X).

    The length of the gradient includes both directions and all K images, so edges that all images share cost least.
    Primal-dual steps of Chambolle and Pock, J. Math. Imaging Vis. 40 (2011), 120.
    """
    k = len(start)
    step = np.float32(0.35)
    inverse = np.linalg.inv(np.moveaxis(information, (0, 1), (-2, -1)) * step + np.eye(k))
    inverse = np.ascontiguousarray(np.moveaxis(inverse, (-2, -1), (0, 1)), np.float32)
    primal, bar = start.copy(), start.copy()
    down, across = np.zeros_like(start), np.zeros_like(start)
    for _ in range(rounds):
        down[:, :-1] += step * (bar[:, 1:] - bar[:, :-1])
        across[:, :, :-1] += step * (bar[:, :, 1:] - bar[:, :, :-1])
        length = np.sqrt((down**2).sum(axis=0) + (across**2).sum(axis=0))
        shrink = 1 / np.maximum(1, length / np.float32(strength))
        down *= shrink
        across *= shrink
        moved = down + across
        moved[:, 1:] -= down[:, :-1]
        moved[:, :, 1:] -= across[:, :, :-1]
        moved = primal + step * (moved + target)
        new = np.array([sum(inverse[i, j] * moved[j] for j in range(k)) for i in range(k)])
        bar = 2 * new - primal
        primal = new
    return primal


PLAIN: Mapping[str, Callable[[Prepared], Estimate]] = MappingProxyType(
    {"raw LCF": raw, "PCA k=5": pca, "PCA auto": lambda data: pca(data, None)}
)
"""Methods without a strength."""

TUNED: Mapping[str, Callable[[Prepared], Iterator[Estimate]]] = MappingProxyType(
    {
        "PCA + NLM": pca_nlm,
        "ML-LCF + TV": likelihood_tv,
        "BM3D of fractions": matched_fractions,
        "SPEND-like pairs": paired_energies,
    }
)
"""Methods that give one estimate per strength. The best strength is chosen by comparison with the truth."""
