"""Errors of `align` at the corners of images that grow with the energy, beside shifts alone."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

import napari_xanes as nx

Numbers = NDArray[np.float64]

_MODELS = ("translation", "translation + magnification", "affine")


def growing(
    *, seed: int, size: int, frames: int, photons: float, growth: float, inverts: bool
) -> tuple[nx.SpectralStack, Numbers, Numbers]:
    """Return a stack of Gaussian blobs, rendered exactly, with its shifts (E, 2) and magnifications (E,)."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(8300.0, 8400.0, frames)
    edge, line = 1 / (1 + np.exp(-(energy - 8345) / 3)), np.exp(-(((energy - 8352) / 5) ** 2))
    spectra = np.array([edge + (-0.5 if inverts else 0.5), line])
    count = int(0.02 * (1.2 * size) ** 2)
    places, widths = rng.uniform(-0.1 * size, 1.1 * size, (count, 2)), rng.uniform(1.2, 4.0, count)
    heights = rng.uniform(0.05, 0.25, (2, count)) * [[1.0], [0.5]]
    shifts = np.cumsum(rng.normal(0, 0.3, (frames, 2)), axis=0)
    shifts -= shifts.mean(axis=0)
    magnification = 1 + growth * np.linspace(-0.5, 0.5, frames)
    center, pixels = (size - 1) / 2, np.arange(size)
    data = np.empty((frames, size, size), np.float32)
    for i in range(frames):
        # A Gaussian is the product of one along y and one along x, at the places of the sample that the pixels see.
        along = [
            np.exp(-(((center + (pixels - center - shifts[i, a]) / magnification[i])[:, None] - places[:, a]) ** 2)
                   / (2 * widths**2))
            for a in (0, 1)
        ]  # fmt: skip
        depth = 0.3 + (along[0] * (spectra[:, i] @ heights)) @ along[1].T
        data[i] = -np.log(np.maximum(rng.poisson(photons * np.exp(-depth)), 1) / photons)
    return nx.SpectralStack(data, energy, "optical_depth"), shifts, magnification


def at_corners(found: nx.Alignment, shifts: Numbers, magnification: Numbers, size: int) -> Numbers:
    """Return the errors (E, 4, 2) in pixels at the corners, relative to the mean of all frames."""
    corners = np.array([(y, x) for y in (-1, 1) for x in (-1, 1)]) * (size - 1) / 2
    lies = found.shifts[:, None] + np.einsum("eij,pj->epi", found.matrices, corners)
    errors: Numbers = lies - shifts[:, None] - magnification[:, None, None] * corners
    return errors - errors.mean(axis=0)


def bound_at_corners(*, seed: int, size: int, frames: int, photons: float, growth: float, inverts: bool) -> float:
    """Return the Cramér-Rao bound of these errors, if each frame is compared alone with an image without noise.

    That magnification follows the energy in a straight line, as `align` assumes, can bring errors below it.
    """
    bare, _, _ = growing(seed=seed, size=size, frames=frames, photons=1e12, growth=growth, inverts=inverts)
    middle, variances = (size - 1) / 2, []
    away = np.indices((size, size)) - middle
    for frame in bare.data:
        depth = frame.astype(np.float64)
        slopes = np.array(np.gradient(depth))
        slopes = np.array([*slopes, (slopes * away).sum(axis=0)])
        known = np.einsum("ayx,byx,yx->ab", slopes, slopes, photons * np.exp(-depth))
        covariance = np.linalg.inv(known)
        variances.append((covariance[0, 0] + covariance[1, 1]) / 2 + middle**2 * covariance[2, 2])
    return float(np.sqrt(np.mean(variances)))


def compare(*, size: int, frames: int, photons: float, seeds: list[int], growth: float = 0.01) -> None:
    """Print the errors of all models, with contrast that stays and that inverts at the edge."""
    for inverts in (False, True):
        for seed in seeds:
            stack, shifts, magnification = growing(
                seed=seed, size=size, frames=frames, photons=photons, growth=growth, inverts=inverts
            )
            name = "inverts" if inverts else "same"
            bound = bound_at_corners(
                seed=seed, size=size, frames=frames, photons=photons, growth=growth, inverts=inverts
            )
            print(
                f"{name}, grows by {100 * growth:g} %, {photons:g} photons, {frames} x {size} x {size}, seed {seed}: "
                f"limit {bound:.4f} pixels at the corners of each frame alone"
            )
            for model in _MODELS:
                start = time.process_time()
                found = nx.ops.align(stack, model=model).metadata["align"]
                seconds = time.process_time() - start
                rms = np.sqrt(np.mean(at_corners(found, shifts, magnification, size) ** 2))
                covered = _coverage(found, magnification)
                print(f"  {model:28s} at the corners {rms:.4f} pixels  {seconds:6.1f} s CPU  {covered}")


def _coverage(found: nx.Alignment, magnification: Numbers) -> str:
    if found.magnification is None or found.magnification_sigma is None:
        return ""
    errors = found.magnification - magnification
    inside = np.abs(errors - errors.mean()) < 2 * found.magnification_sigma
    return f"2 sigma of the magnification {100 * inside.mean():.0f} %"
