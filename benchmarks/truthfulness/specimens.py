"""Simulated measurements: a specimen of known composition, counted with known faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from benchmarks.truthfulness.spectra import Edge, on_axis
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import napari_xanes as nx
from napari_xanes._typing import Float64Array

Image = NDArray[np.float64]

SIZE = 64


@dataclass(frozen=True)
class Case:
    """What is measured, and what is wrong with it.

    Parameters
    ----------
    name : str
        Words for the table.
    window : tuple of float
        First and last energy in eV from E0 at a K edge; at an L edge a quarter of it is used.
    photons : float
        Photons per pixel and energy without sample.
    gain_known : bool
        Whether the metadata have the gain.
    n_flat : int
        Frames averaged into the flat.
    flat_exposure : float
        Exposure of the flats over that of the sample.
    flat_image : bool
        One flat image for all energies.
    texture : str
        "smooth", "pure", or the size of the structure in pixels: "3", "2", "1".
    missing : float
        Share of the edge jump that belongs to the missing phase.
    offset : float
        How much too high the energies of the sample read, in eV.
    flicker : float
        Relative standard deviation of the beam between flat and sample, one number per frame.
    extra_noise : float
        Relative noise of each count beyond photons.
    read_noise : float
        Standard deviation of the electronics, in counts.
    drift : float
        By how much the beam becomes brighter from the first to the last frame, as a share, since the flats.
    beside : float
        Share of the light that passes beside the sample in each pixel.
    control : bool
        Nothing is wrong: no warning may come, and error bars may not grow.
    """

    name: str
    window: tuple[float, float] = (-100.0, 250.0)
    photons: float = 2000.0
    gain_known: bool = True
    n_flat: int = 10
    flat_exposure: float = 1.0
    flat_image: bool = False
    texture: str = "smooth"
    missing: float = 0.0
    offset: float = 0.0
    flicker: float = 0.0
    extra_noise: float = 0.0
    read_noise: float = 0.0
    drift: float = 0.0
    beside: float = 0.0
    control: bool = False


BASE = Case("base", control=True)

CASES = {
    case.name: case
    for case in (
        BASE,
        replace(BASE, name="20000 photons", photons=20000.0),
        replace(BASE, name="gain not known", gain_known=False),
        replace(BASE, name="pure pixels", texture="pure"),
        replace(BASE, name="window -60..140", window=(-60.0, 140.0)),
        Case("200 photons", photons=200.0),
        Case("200, gain not known", photons=200.0, gain_known=False),
        Case("one flat frame", n_flat=1),
        Case("flats exposed .1 x", n_flat=1, flat_exposure=0.1),
        Case("flats exposed 10 x", n_flat=1, flat_exposure=10.0),
        Case("one flat image", flat_image=True),
        Case("window -40..100", window=(-40.0, 100.0)),
        Case("window -30..60", window=(-30.0, 60.0)),
        Case("window -20..40", window=(-20.0, 40.0)),
        Case("3-pixel structure", texture="3"),
        Case("2-pixel structure", texture="2"),
        Case("1-pixel structure", texture="1"),
        Case("10 % missing phase", missing=0.1),
        Case("offset of .3 eV", offset=0.3, photons=20000.0),
        Case("flicker of 1 %", flicker=0.01, photons=20000.0),
        Case("noise 3 % above photons", extra_noise=0.03, photons=5000.0),
        Case("read noise of 10", read_noise=10.0, photons=500.0),
        Case("read noise, no gain", read_noise=10.0, photons=500.0, gain_known=False),
        Case("offset of 1 eV", offset=1.0),
        Case("50 photons", photons=50.0),
        Case("beam drifts by 10 %", drift=0.1),
        Case("30 % of light beside", beside=0.3, photons=20000.0),
    )
}


@dataclass(frozen=True)
class Measurement:
    """A simulated stack of counts and the truth about it.

    Parameters
    ----------
    stack : SpectralStack
        Counts.
    shares : array, shape (K, Y, X)
        Share of each reference in the atoms.
    jump : array, shape (Y, X)
        Edge jump.
    valence : array, shape (Y, X)
        Mean valence of the references' part.
    inside : array of bool, shape (Y, X)
        Where there is sample.
    """

    stack: nx.SpectralStack
    shares: Image
    jump: Image
    valence: Image
    inside: NDArray[np.bool_]


def _share_of_high(texture: str, rng: np.random.Generator) -> Image:
    """Return the share of the highest reference in each pixel."""
    if texture == "smooth":
        field = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 5.0, mode="wrap")
        return np.clip(0.5 + 0.22 * field / field.std(), 0.03, 0.97)
    y, x = np.indices((SIZE, SIZE))
    if texture == "pure":
        return np.where((x // 16 + y // 16) % 2, 1.0, 0.0)
    if texture == "1":
        return np.where(rng.random((SIZE, SIZE)) < 0.5, 0.2, 0.8)
    pixels = int(texture)
    return np.where((x // pixels + y // pixels) % 2, 0.2, 0.8)


def mixture_of(edge: Edge, case: Case, shares: Image, energy: Float64Array) -> Image:
    """Return the absorption (E, Y, X) of the sample for an edge jump of 1, with the missing phase."""
    spectra = np.array([on_axis(reference, energy, case.offset) for reference in edge.references])
    mixture = np.tensordot(spectra, (1 - case.missing) * shares, axes=(0, 0))
    mixture += case.missing * on_axis(edge.missing, energy, case.offset)[:, None, None]
    return mixture


def measure(edge: Edge, case: Case, seed: int) -> Measurement:
    """Simulate the measurement of a disc of about 0.4 edge jump with an empty border."""
    rng = np.random.default_rng(seed)
    low, high = case.window if edge.is_k_edge else (0.08 * case.window[0] - 4, 0.1 * case.window[1] + 4)
    energy = edge.axis(low, high)
    y, x = (np.indices((SIZE, SIZE)) - (SIZE - 1) / 2) / (0.44 * SIZE)
    inside = np.hypot(y, x) < 0.97
    thickness = np.where(inside, 0.5 + 0.5 * np.sqrt(np.clip(1 - y**2 - x**2, 0, None)), 0.0)
    jump = 0.4 * thickness

    high_share = _share_of_high(case.texture, rng)
    shares = np.zeros((len(edge.references), SIZE, SIZE))
    shares[0], shares[-1] = 1 - high_share, high_share
    if len(shares) > 2 and case.texture == "smooth":
        shares[1] = 0.3
        shares[0], shares[-1] = 0.7 * shares[0], 0.7 * shares[-1]
    depth = jump * mixture_of(edge, case, shares, energy) + 0.8 * jump * ((energy / energy[0]) ** -3)[:, None, None]
    depth = -np.log((1 - case.beside) * np.exp(-depth) + case.beside) if case.beside else depth

    lit = np.full(depth.shape, case.photons) * (1 - 0.2 * (y**2 + x**2).clip(0, 2))
    beam = 1 + case.flicker * rng.standard_normal(energy.size) + case.drift * np.linspace(0, 1, energy.size)
    counts = rng.poisson(lit * beam[:, None, None] * np.exp(-depth)).astype(np.float32)
    counts *= 1 + case.extra_noise * rng.standard_normal(counts.shape)
    counts += case.read_noise * rng.standard_normal(counts.shape)
    flat_lit = (lit[0] if case.flat_image else lit) * case.flat_exposure
    flat = rng.poisson(case.n_flat * flat_lit) / case.n_flat
    flat = flat + case.read_noise / np.sqrt(case.n_flat) * rng.standard_normal(flat.shape)

    element, line = edge.name.split()
    metadata: dict[str, Any] = {
        "name": f"{edge.name}, {case.name}",
        "element": element,
        "edge": "K" if line == "K" else "L3",
        "flat": flat.astype(np.float32),
        "n_flat": case.n_flat,
    }
    if case.gain_known:
        metadata["gain"] = 1.0
    if case.flat_exposure != 1:
        metadata["exposure"], metadata["flat_exposure"] = 1.0, case.flat_exposure
    valences = np.array([reference.valence for reference in edge.references])
    stack = nx.SpectralStack(counts.astype(np.float32), energy, "counts", metadata=metadata)
    return Measurement(stack, shares, jump, np.tensordot(valences, shares, 1), inside)
