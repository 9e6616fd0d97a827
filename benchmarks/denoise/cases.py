"""The simulated cases: sample, measurement and its defects. Each seed gives a measurement with known truth.

Valence means the share of the highest valence, ``c1 / (c0 + c1)``: 0 for the first reference and 1 for the last. Its
true standard deviation inside particles is about 0.21. Two references differ by 1 in formal valence, so an error of
0.05 means 0.05 electrons per metal atom.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from benchmarks.denoise.beam import IDEAL, N_FLAT, Detector, expose
from benchmarks.denoise.edges import Edge, k_edge, l_edge, positions
from benchmarks.denoise.generators import GENERATORS
from benchmarks.denoise.specimens import Image, Specimen, fibres, particles, specimen_of
from numpy.typing import NDArray

from napari_xanes.stack import SpectralStack

SIZE = 256
MIN_JUMP = 0.04
"""Valence is scored where the edge jump is larger than this (times the case's `dilution`)."""


@dataclass(frozen=True)
class Case:
    """Parameters of a simulated measurement.

    Parameters
    ----------
    photons : float
        Photons per pixel and energy in the empty beam.
    edge : {"Ni K", "Co K", "Fe K", "Mn K", "Mn L", "Mn L, three references"}
        Edge that is measured.
    texture : str
        Kind of specimen: "particles", "filled" (particles that leave no pixel empty), "fibres", or a name in
        `GENERATORS`.
    dilution : float
        Factor on the edge jump, which is 0.06 to 0.3 without it. The other absorption does not change.
    pattern : float
        Size of the changes of the white field, 1 for the default.
    jitter : float
        Standard deviation of the frames' positions along each axis, in pixels.
    flicker : float
        Standard deviation of the brightness of each frame, relative; the flats do not know of it.
    detector : Detector
        Counts per photon, read noise, and whether frames were resampled.
    offset : float
        Energy offset of the references, up or down, in eV.
    null : bool
        One valence everywhere and no unknown phase.
    """

    photons: float = 1000.0
    edge: Literal["Ni K", "Co K", "Fe K", "Mn K", "Mn L", "Mn L, three references"] = "Ni K"
    texture: str = "particles"
    dilution: float = 1.0
    pattern: float = 1.0
    jitter: float = 0.0
    flicker: float = 0.005
    detector: Detector = IDEAL
    offset: float = 0.0
    null: bool = False


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "200": Case(200),
        "1000": Case(1000),
        "5000": Case(5000),
        "50000": Case(50000),
        "low jump": Case(5000, "Co K", dilution=0.4),
        "fibres": Case(texture="fibres"),
        "jitter": Case(jitter=0.5),
        "patterns x3": Case(pattern=3.0),
        "no empty area": Case(texture="filled"),
        "references off": Case(offset=0.8),
        "null": Case(null=True),
        "L edge": Case(edge="Mn L"),
        "L edge, three": Case(edge="Mn L, three references"),
        "Fe K": Case(edge="Fe K"),
        "Mn K": Case(edge="Mn K"),
        "fibres, 200": Case(200, texture="fibres"),
        **{name: Case(texture=name) for name in GENERATORS},
        "read noise": Case(detector=Detector(2.3, 14.0)),
        "flicker": Case(flicker=0.02),
        "resampled": Case(detector=Detector(resampled=True)),
    }
)
"""Cases by name. Those named by a number differ only in photons."""


@dataclass(frozen=True)
class Measurement:
    """A simulated measurement and its truth.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Counts with flats, no dark; ``metadata["references"]`` are the spectra to use, with the offset of the case.
    truth : Specimen
        Edge jump, valence (0 to 1), share of the unknown phase, and matrix.
    edge : Edge
        The true spectra.
    offset : float
        Shift in eV that corrects the energies of the given references.
    scored : array of bool, shape (Y, X)
        Where the valence is scored: enough edge jump, and no unknown phase.
    gain, read_noise : float
        Counts per photon, and standard deviation of a frame without light in counts; the denoiser is not told.
    """

    stack: SpectralStack
    truth: Specimen
    edge: Edge
    offset: float
    scored: NDArray[np.bool_]
    gain: float = 1.0
    read_noise: float = 0.0


def _edge(name: str) -> Edge:
    if name.endswith(" K"):
        return k_edge(name.removesuffix(" K"))
    return l_edge(3 if "three" in name else 2)


def _specimen(case: Case, rng: np.random.Generator, size: int) -> Specimen:
    spots = 0 if case.null else 12
    if case.texture == "fibres":
        specimen = fibres(rng, size, spots=spots)
    elif case.texture in GENERATORS:
        specimen = specimen_of(rng, *GENERATORS[case.texture](rng, size), spots)
    else:
        specimen = particles(rng, size, filled=case.texture == "filled", spots=spots)
    valence = np.full_like(specimen.valence, 0.5) if case.null else specimen.valence
    return replace(specimen, jump=case.dilution * specimen.jump, valence=valence)


def _fractions(valence: Image, edge: Edge) -> NDArray[np.float64]:
    """Return fractions (K, Y, X) of the references for a valence, interpolated between the two nearest references."""
    scale = positions(edge.references)
    return np.array([np.interp(valence, scale, unit) for unit in np.eye(len(scale))])


def simulate(case: Case, seed: int, *, size: int = SIZE, gain: bool = False) -> Measurement:
    """Simulate one measurement of a case.

    Parameters
    ----------
    case : Case
    seed : int
        Seed of all random numbers. Specimen and beam are drawn independently, so cases that differ only in photons
        show the same specimen.
    size : int
        Height and width in pixels.
    gain : bool
        Whether the metadata tell the counts per photon and the read noise; files don't, unless a reader knows them.

    Examples
    --------
    >>> measurement = simulate(CASES["1000"], seed=0, size=64)
    >>> measurement.stack.shape, measurement.truth.valence.shape
    ((80, 64, 64), (64, 64))
    """
    edge = _edge(case.edge)
    specimen_rng = np.random.default_rng([seed, zlib.crc32(case.texture.encode())])
    truth = _specimen(case, specimen_rng, size)
    reference_jump = truth.jump * (1 - truth.unknown)
    depth = np.concatenate(
        [reference_jump * _fractions(truth.valence, edge), [truth.jump * truth.unknown], [truth.matrix]]
    )
    spectra = np.array([spectrum.at(edge.energy) for spectrum in (*edge.references, edge.unknown)])
    matrix = (edge.energy / edge.energy[0]) ** -3
    rng = np.random.default_rng([seed, 1])
    counts, flats = expose(
        rng,
        depth,
        np.vstack([spectra, matrix]).T,
        photons=case.photons,
        pattern=case.pattern,
        jitter=case.jitter,
        flicker=case.flicker,
        detector=case.detector,
    )
    offset = case.offset * (1 if seed % 2 else -1)
    metadata = {"flat": flats, "n_flat": N_FLAT, "references": list(edge.moved(-offset).references)}
    if gain:
        metadata |= {"gain": case.detector.gain, "read_noise": case.detector.read_noise}
    stack = SpectralStack(counts, edge.energy, "counts", (0.04, 0.04), metadata=metadata)
    scored = (truth.jump > MIN_JUMP * case.dilution) & (truth.unknown == 0)
    return Measurement(stack, truth, edge, offset, scored, case.detector.gain, case.detector.read_noise)
