"""The cases: what is measured, how, and what goes wrong; each a measurement with known truth for every seed.

Valence is on a scale of its own throughout: the share of the highest valence, ``c1 / (c0 + c1)``, 0 for the first
reference and 1 for the last. Its true standard deviation inside particles is about 0.21. Two references differ by one
formal valence, so an error of 0.05 is one of 0.05 electrons per metal atom.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from benchmarks.denoise.beam import N_FLAT, expose
from benchmarks.denoise.edges import Edge, k_edge, l_edge, positions
from benchmarks.denoise.specimens import Image, Specimen, fibres, particles
from numpy.typing import NDArray

from napari_xanes.stack import SpectralStack

SIZE = 256
LEAST_JUMP = 0.04
"""Valence is scored where the edge jump is larger than this (times the case's `dilution`)."""


@dataclass(frozen=True)
class Case:
    """One way to measure.

    Parameters
    ----------
    photons : float
        Photons per pixel and energy in the empty beam.
    edge : {"Ni K", "Co K", "Mn L", "Mn L, three references"}
        What is measured.
    texture : {"particles", "fibres", "filled"}
        What it looks like; "filled" leaves no pixel empty.
    dilution : float
        Share of the usual edge jump of 0.06 to 0.3; the rest of the absorption stays.
    pattern : float
        Size of the changes of the white field, 1 for the usual.
    jitter : float
        Standard deviation of the frames' positions along each axis, in pixels.
    offset : float
        By how much the references are off, up or down, in eV.
    null : bool
        One valence everywhere and nothing outside the references.
    """

    photons: float = 1000.0
    edge: Literal["Ni K", "Co K", "Mn L", "Mn L, three references"] = "Ni K"
    texture: Literal["particles", "fibres", "filled"] = "particles"
    dilution: float = 1.0
    pattern: float = 1.0
    jitter: float = 0.0
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
    }
)
"""Cases by name. Those named by a number differ in photons only."""


@dataclass(frozen=True)
class Measurement:
    """A simulated measurement and its truth.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X)
        Counts with flats, no dark; ``metadata["references"]`` are those to use, wrong where the case says so.
    truth : Specimen
        Edge jump, valence (0 to 1), share of the phase outside the references, and matrix.
    edge : Edge
        The true spectra.
    offset : float
        What has to be added to the energies of the given references to make them right, in eV.
    scored : array of bool, shape (Y, X)
        Where the valence is scored: enough edge jump, and no phase outside the references.
    """

    stack: SpectralStack
    truth: Specimen
    edge: Edge
    offset: float
    scored: NDArray[np.bool_]


def _edge(name: str) -> Edge:
    if name == "Ni K":
        return k_edge()
    if name == "Co K":
        return k_edge(7718.0, "Co")
    return l_edge(3 if "three" in name else 2)


def _specimen(case: Case, rng: np.random.Generator, size: int) -> Specimen:
    spots = 0 if case.null else 12
    if case.texture == "fibres":
        made = fibres(rng, size, spots=spots)
    else:
        made = particles(rng, size, filled=case.texture == "filled", spots=spots)
    valence = np.full_like(made.valence, 0.5) if case.null else made.valence
    return replace(made, jump=case.dilution * made.jump, valence=valence)


def _fractions(valence: Image, edge: Edge) -> NDArray[np.float64]:
    """Fractions (K, Y, X) of the references that give a valence: the two nearest ones share it, as on a line."""
    where = positions(edge.references)
    return np.array([np.interp(valence, where, unit) for unit in np.eye(len(where))])


def simulate(case: Case, seed: int, *, size: int = SIZE) -> Measurement:
    """Measure a case once.

    Parameters
    ----------
    case : Case
    seed : int
        Seed of everything random. Specimen and beam are drawn apart, so that cases that differ in photons only
        show the same specimen.
    size : int
        Height and width in pixels.

    Examples
    --------
    >>> one = simulate(CASES["1000"], seed=0, size=64)
    >>> one.stack.shape, one.truth.valence.shape
    ((80, 64, 64), (64, 64))
    """
    edge = _edge(case.edge)
    look = np.random.default_rng([seed, zlib.crc32(case.texture.encode())])
    truth = _specimen(case, look, size)
    own = truth.jump * (1 - truth.stranger)
    depth = np.concatenate([own * _fractions(truth.valence, edge), [truth.jump * truth.stranger], [truth.matrix]])
    spectra = np.array([one.at(edge.energy) for one in (*edge.references, edge.stranger)])
    matrix = (edge.energy / edge.energy[0]) ** -3
    rng = np.random.default_rng([seed, 1])
    counts, flats = expose(
        rng,
        depth,
        np.vstack([spectra, matrix]).T,
        photons=case.photons,
        pattern=case.pattern,
        jitter=case.jitter,
    )
    offset = case.offset * (1 if seed % 2 else -1)
    metadata = {"flat": flats, "n_flat": N_FLAT, "gain": 1.0, "references": list(edge.moved(-offset).references)}
    stack = SpectralStack(counts, edge.energy, "counts", (0.04, 0.04), metadata=metadata)
    scored = (truth.jump > LEAST_JUMP * case.dilution) & (truth.stranger == 0)
    return Measurement(stack, truth, edge, offset, scored)
