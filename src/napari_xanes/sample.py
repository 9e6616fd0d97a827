"""Simulated sample data with known truth, made from a seed within a second, for the demo and the tests.

The spectra are model curves at realistic energies: a step, a line and damped oscillations at the K edge; multiplets in
a crystal field at the L edge. They are not measurements, so their names contain "model".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

Image = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A simulated measurement and its true maps.

    Parameters
    ----------
    stack : SpectralStack
        Counts of the detector, with the references and, where the instrument has them, flats in its metadata.
    truth : MapSet
        Maps that a perfect estimator would give; masked where there is no particle.
    """

    stack: SpectralStack
    truth: MapSet


def k_edge_curve(energy: ArrayLike, e0: float, white_line: float, ripple: float) -> NDArray[np.float64]:
    """Return a normalized K edge: a broadened step, a white line, damped oscillations."""
    de = np.asarray(energy, dtype=np.float64) - e0
    step = 0.5 + np.arctan(de / 1.1) / np.pi
    line = white_line * np.exp(-(((de - 4.0) / 2.6) ** 2))
    k = np.sqrt(np.maximum(de - 12.0, 0.0) * 0.2625)  # photoelectron wave number in 1/Å
    wave = ripple * np.sin(4.1 * k) * np.exp(-0.12 * k**2) * (de > 12.0)
    result: NDArray[np.float64] = step + line + wave
    return result


def _l_edge(energy: ArrayLike, charge: int, ten_dq: float) -> NDArray[np.float64]:
    """Return a simulated Mn L edge with a maximum of 1.4, on a small double step."""
    from napari_xanes.theory import l_edge_spectrum

    axis = np.asarray(energy, dtype=np.float64)
    lines = l_edge_spectrum(axis, element="Mn", charge=charge, ten_dq=ten_dq, gauss=0.35)
    steps = 0.04 * (0.5 + np.arctan((axis - 643.0) / 0.8) / np.pi) + 0.02 * (
        0.5 + np.arctan((axis - 654.0) / 0.8) / np.pi
    )
    result: NDArray[np.float64] = 1.4 * lines / lines.max() + steps
    return result


def _noise_texture(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Image:
    """Return smooth noise of unit standard deviation with structures of about `scale` pixels."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
    result: Image = field / field.std()
    return result


def _grains(rng: np.random.Generator, shape: tuple[int, int], count: int) -> tuple[NDArray[np.intp], Image]:
    """Return grains around random seeds: each pixel's grain, and a measure of its distance from a border, in pixels."""
    from scipy.spatial import cKDTree

    seeds = rng.uniform((0, 0), shape, (count, 2))
    pixels = np.indices(shape).reshape(2, -1).T
    distance, cell = cKDTree(seeds).query(pixels, k=2)
    return cell[:, 0].reshape(shape), (distance[:, 1] - distance[:, 0]).reshape(shape)


def nmc_ni_k(*, seed: int = 0, size: int = 160, photons: float = 4000.0) -> Sample:
    """Simulate a charged NMC particle at the Ni K edge in a full-field microscope, with flats and dark.

    Parameters
    ----------
    seed : int
        Seed of the random numbers.
    size : int
        Height and width of the image, in pixels of 0.04 µm.
    photons : float
        Photons per pixel and energy without sample; the flats average ten frames.

    Returns
    -------
    Sample
        Counts (E, Y, X), float32, with ``flat``, ``dark``, ``n_flat`` and ``gain``; truth maps ``valence``,
        ``edge_jump`` and one fraction per reference.

    Examples
    --------
    >>> sample = nmc_ni_k(size=32)
    >>> sample.stack.shape[1:], sorted(sample.truth)
    ((32, 32), ['Ni2+ model', 'Ni4+ model', 'edge_jump', 'valence'])
    """
    rng = np.random.default_rng(seed)
    energy = np.concatenate(
        [
            np.arange(8270, 8330, 6.0),
            np.arange(8330, 8362, 1.0),
            np.arange(8362, 8400, 3.0),
            np.arange(8400, 8461, 10.0),
        ]
    )
    grid = np.arange(8250.0, 8480.0, 0.25)
    models = {"Ni2+ model": (8345.0, 0.65, 0.10, 2.0), "Ni4+ model": (8348.2, 0.42, 0.07, 4.0)}
    references = [
        Spectrum(name, grid, k_edge_curve(grid, e0, white_line, ripple), valence, metadata={"normalized": True})
        for name, (e0, white_line, ripple, valence) in models.items()
    ]
    shape = (size, size)
    y, x = (np.indices(shape) - (size - 1) / 2) / (0.4 * size)
    radius = np.hypot(y, x) * (1 + 0.06 * _noise_texture(rng, shape, size / 10))
    cell, border = _grains(rng, shape, 60)
    jump = 0.35 * np.sqrt(np.clip(1 - radius**2, 0, None)) * (1 + 0.08 * _noise_texture(rng, shape, 2.0))
    jump *= np.where(border < 1.2, 0.45, 1.0)
    fraction = np.clip(0.35 + 0.35 * radius + 0.12 * rng.standard_normal(cell.max() + 1)[cell], 0.02, 0.98)
    inside = jump > 0.02
    jump = np.where(inside, jump, 0.0)

    spectra = np.array([reference.at(energy) for reference in references])
    matrix = 0.9 * (energy / energy[0]) ** -3
    depth = jump * ((1 - fraction) * spectra[0][:, None, None] + fraction * spectra[1][:, None, None])
    depth += jump * matrix[:, None, None]
    field = photons * (1 + 0.15 * _noise_texture(rng, shape, size / 6).clip(-2, 2) - 0.15 * (y**2 + x**2))
    beam = 1 + 0.01 * rng.standard_normal(energy.size) + 0.05 * (energy - energy[0]) / np.ptp(energy)
    lit = np.maximum(field, 0.05 * photons) * beam[:, None, None]
    dark = np.full(shape, 100.0, np.float32)
    counts = rng.poisson(lit * np.exp(-depth)).astype(np.float32) + dark
    flat = (rng.poisson(10 * lit) / 10).astype(np.float32) + dark
    metadata = {
        "name": "NMC particle, Ni K-edge",
        "element": "Ni",
        "edge": "K",
        "flat": flat,
        "dark": dark,
        "n_flat": 10,
        "gain": 1.0,
        "references": references,
    }
    stack = SpectralStack(counts, energy, "counts", (0.04, 0.04), metadata=metadata)
    fractions = {"Ni2+ model": 1 - fraction, "Ni4+ model": fraction}
    return Sample(stack, _truth(stack, fractions, jump, {name: model[-1] for name, model in models.items()}, inside))


def mn_oxides_l(*, seed: int = 0, size: int = 120, photons: float = 1500.0) -> Sample:
    """Simulate manganese oxides at the Mn L2,3 edge in a scanning microscope, with an empty area instead of flats.

    Grains are mixtures of Mn2+ (10Dq 0.9 eV), Mn3+ (1.5 eV) and Mn4+ (2.0 eV), most of them of nearly one charge.

    Parameters
    ----------
    seed : int
        Seed of the random numbers.
    size : int
        Height and width of the image, in pixels of 0.05 µm.
    photons : float
        Photons per pixel and energy without sample.

    Returns
    -------
    Sample
        Counts (E, Y, X), float32, with ``gain``; truth maps ``valence``, ``edge_jump`` (sum of the amounts) and one
        fraction per reference.

    Examples
    --------
    >>> mn_oxides_l(size=24).stack.quantity
    'counts'
    """
    rng = np.random.default_rng(seed)
    energy = np.concatenate(
        [np.arange(630, 638, 0.8), np.arange(638, 648, 0.15), np.arange(648, 658, 0.25), np.arange(658, 668.1, 0.8)]
    )
    grid = np.arange(625.0, 673.0, 0.05)
    models = {"Mn2+ model": (2, 0.9), "Mn3+ model": (3, 1.5), "Mn4+ model": (4, 2.0)}
    references = [
        Spectrum(name, grid, _l_edge(grid, charge, ten_dq), charge, metadata={"normalized": True})
        for name, (charge, ten_dq) in models.items()
    ]
    shape = (size, size)
    y, x = np.indices(shape) / size
    cell, border = _grains(rng, shape, 14)
    present = (border > 2.0) & (np.hypot(y - 0.55, x - 0.5) < 0.42)
    amount = np.where(present, 0.45 * (1 + 0.2 * _noise_texture(rng, shape, 4.0)).clip(0.3), 0.0)
    shares = rng.dirichlet((0.25, 0.25, 0.25), cell.max() + 1)[cell]
    shares = np.moveaxis(shares, -1, 0)

    spectra = np.array([reference.at(energy) for reference in references])
    depth = (
        amount * np.einsum("ke,kyx->eyx", spectra, shares) + 0.25 * amount * (energy[:, None, None] / energy[0]) ** -3
    )
    beam = photons * (1 - 0.15 * (energy - energy[0]) / np.ptp(energy)) * (1 + 0.004 * rng.standard_normal(energy.size))
    counts = rng.poisson(beam[:, None, None] * np.exp(-depth)).astype(np.float32)
    metadata = {
        "name": "Manganese oxides, Mn L-edge",
        "element": "Mn",
        "edge": "L3",
        "gain": 1.0,
        "references": references,
    }
    stack = SpectralStack(counts, energy, "counts", (0.05, 0.05), metadata=metadata)
    fractions = dict(zip(models, shares, strict=True))
    valences = {name: float(charge) for name, (charge, _) in models.items()}
    return Sample(stack, _truth(stack, fractions, amount, valences, present))


def _truth(
    stack: SpectralStack,
    fractions: Mapping[str, Image],
    jump: Image,
    valences: Mapping[str, float],
    inside: NDArray[np.bool_],
) -> MapSet:
    valence = np.sum([valences[name] * fraction for name, fraction in fractions.items()], axis=0)
    maps = {name: ParameterMap(fraction, "1", mask=inside) for name, fraction in fractions.items()}
    maps["edge_jump"] = ParameterMap(jump, "OD")
    maps["valence"] = ParameterMap(valence, "1", mask=inside)
    return MapSet(maps, pixel_size=stack.pixel_size, metadata={"name": f"truth of {stack.name}"})


SAMPLES: Mapping[str, Callable[..., Sample]] = MappingProxyType({"nmc_ni_k": nmc_ni_k, "mn_oxides_l": mn_oxides_l})
"""Samples by their key in the manifest."""
