"""Simulated stacks of a particle that drifts, with known shifts and the bound of their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

import napari_xanes as nx

CASES = ("same", "invert", "weak")
"""Same contrast on both sides of the edge; contrast that inverts at the edge; an edge five times weaker."""

_MARGIN = 40
"""Pixels around the frame that drift into it."""


@dataclass(frozen=True)
class Drift:
    """A drifting stack, what its frames hold, and what is known of it.

    ``shifts`` (E, 2) in pixels; ``bound`` (E, 2), the Cramér-Rao bound of each; ``edge``, where it lies in eV.
    """

    stack: nx.SpectralStack
    shifts: NDArray[np.float64]
    bound: NDArray[np.float64]
    references: list[nx.Spectrum]
    edge: float


def noise_texture(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
    result: NDArray[np.float64] = field / field.std()
    return result


def layers(
    case: str, rng: np.random.Generator, size: int, seed: int, energy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[nx.Spectrum]]:
    """Return maps (R, Y, X), their spectra (R, E), and the references."""
    sample = nx.sample.nmc_ni_k(seed=seed, size=size, photons=10.0)
    jump = np.nan_to_num(sample.truth["edge_jump"].data.astype(float))
    share = np.nan_to_num(sample.truth["Ni4+ model"].data.astype(float))
    references = list(sample.stack.metadata["references"])
    spectra = [reference.at(energy) for reference in references]
    maps = [jump * (1 - share), jump * share]
    constant = 0.5 * jump
    if case == "invert":
        constant = np.clip(0.35 - 0.9 * jump, 0, None) * (1 + 0.05 * noise_texture(rng, jump.shape, 2))
    if case == "weak":
        maps, constant = [0.2 * image for image in maps], 0.03 * jump
    return np.array([*maps, constant]), np.array([*spectra, np.ones(energy.size)]), references


def random_walk(rng: np.random.Generator, count: int, step: float, most: float = 12.0) -> NDArray[np.float64]:
    shifts = np.cumsum(rng.normal(0, step, (count, 2)), axis=0)
    shifts = np.clip(shifts - shifts.mean(axis=0), -most, most)
    result: NDArray[np.float64] = shifts - shifts.mean(axis=0)
    return result


def moved(image_transform: NDArray[np.complex128], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    ky = np.fft.fftfreq(image_transform.shape[0])[:, None]
    kx = np.fft.fftfreq(image_transform.shape[1])[None]
    ramp = np.exp(-2j * np.pi * (ky * shift[0] + kx * shift[1]))
    result: NDArray[np.float64] = fft.ifft2(image_transform * ramp).real
    return result


def drifting(
    case: str,
    *,
    seed: int = 0,
    size: int = 256,
    frames: int = 60,
    photons: float = 4000.0,
    residue: float = 0.01,
    residue_scale: float = 8.0,
    step: float = 0.5,
) -> Drift:
    """Return a drifting stack of optical depth."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(8270.0, 8460.0, frames)
    maps, spectra, references = layers(case, rng, size + 2 * _MARGIN, seed, energy)
    shifts = random_walk(rng, frames, step)
    inner = slice(_MARGIN, _MARGIN + size)
    pattern = residue * noise_texture(rng, (size, size), residue_scale) if residue else np.zeros((size, size))
    data = np.empty((frames, size, size), np.float32)
    bound = np.empty((frames, 2))
    transforms = fft.fft2(maps)
    for i in range(frames):
        depth = moved(np.tensordot(spectra[:, i], transforms, 1), shifts[i])[inner, inner]
        gy, gx = np.gradient(depth)
        weight = photons * np.exp(-depth)
        known = np.array([[(gy * gy * weight).sum(), (gy * gx * weight).sum()], [0, (gx * gx * weight).sum()]])
        known[1, 0] = known[0, 1]
        bound[i] = np.sqrt(np.diag(np.linalg.inv(known)))
        counts = rng.poisson(photons * np.exp(-depth))
        data[i] = -np.log(np.maximum(counts, 1) / photons) + pattern * (1 + 0.3 * rng.standard_normal())
    noise = {"kind": "poisson", "i0": np.full((1, 1, 1), photons), "n_flat": np.inf}
    stack = nx.SpectralStack(data, energy, "optical_depth", 0.04, metadata={"name": case, "noise": noise})
    return Drift(stack, shifts, bound, references, 8344.0)
