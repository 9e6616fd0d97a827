"""Five stacks: three simulated ones, whose frames can be exposed for any time, and two measured ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes.edge import normalize_spectrum

DATA = Path(os.environ.get("NAPARI_XANES_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

_THIN = 0.5
"""Pixels with less than this share of the median edge jump are left out, as by `plan_energies`."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A sample of known valence. ``depth`` (E, Y, X) is its optical depth, ``lit`` (E, 1, 1) or more photons in 1 s."""

    name: str
    references: list[Spectrum]
    energy: np.ndarray
    depth: np.ndarray
    lit: np.ndarray
    truth: np.ndarray
    counted: np.ndarray

    def measured(self, frames: np.ndarray, seconds: np.ndarray, seed: int) -> SpectralStack:
        """Return the optical depth at some energies that were exposed for some seconds, with ten flats each."""
        rng = np.random.default_rng(seed)
        lit = np.broadcast_to(self.lit, self.depth.shape)[frames] * seconds[:, None, None]
        counts = rng.poisson(lit * np.exp(-self.depth[frames])).astype(np.float32)
        flat = (rng.poisson(10 * lit) / 10).astype(np.float32)
        facts = {"flat": flat, "n_flat": 10, "gain": 1.0, "exposure": seconds}
        return nx.ops.optical_depth(SpectralStack(counts, self.energy[frames], "counts", metadata=facts))

    def error(self, stack: SpectralStack) -> float:
        """Return the root of the mean squared error of the valence of a stack."""
        found = valence_of(stack, self.references).data[self.counted]
        return float(np.sqrt(np.nanmean((found - self.truth[self.counted]) ** 2)))


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured stack. Its full scan stands for the truth, as far as its own errors allow."""

    name: str
    references: list[Spectrum]
    stack: SpectralStack

    @property
    def energy(self) -> np.ndarray:
        return self.stack.energy

    @cached_property
    def full(self) -> tuple[np.ndarray, float, np.ndarray]:
        """Valence of the full scan, its error by noise, and the pixels that count."""
        maps = nx.maps.fit_references(self.stack, references=self.references)
        value = maps["valence"]
        jump = maps["edge_jump"].data
        good = value.mask & np.isfinite(value.data)
        good &= jump >= _THIN * np.median(jump[good])
        model = maps["valence_model"].data[good] if "valence_model" in maps else 0.0
        noise = np.sqrt(np.mean(value.sigma[good] ** 2 - model**2))
        return value.data, float(noise), good

    def measured(self, frames: np.ndarray, seconds: np.ndarray, seed: int) -> SpectralStack:
        """Return the frames as they are: their exposure can't be changed."""
        return self.stack.isel(frames)

    def error(self, stack: SpectralStack) -> float:
        """Return the error of the valence: the change against the full scan, and what that one has itself.

        The noise of a part of the energies is that of all of them and, independent of it, what is missing: so the
        squares of both add up.
        """
        value, noise, good = self.full
        found = valence_of(stack, self.references).data
        return float(np.sqrt(np.nanmean((found - value)[good] ** 2) + noise**2))


Case = Simulated | Measured


def valence_of(stack: SpectralStack, references: list[Spectrum]) -> nx.ParameterMap:
    return nx.maps.fit_references(stack, references=references, min_jump=0.0)["valence"]


def simulated(name: str, sample: nx.sample.Sample, photons: float) -> Simulated:
    """Return the case of a sample that was made with so many photons that it has no noise."""
    stack, jump = sample.stack, sample.truth["edge_jump"].data
    flat, dark = stack.metadata.get("flat"), stack.metadata.get("dark", 0.0)
    if flat is None:
        flat = np.median(stack.data[:, jump == 0], axis=1)[:, None, None]
    depth = -np.log((stack.data - dark) / (flat - dark)).astype(np.float64)
    there = sample.truth["valence"].mask
    return Simulated(
        name,
        stack.metadata["references"],
        stack.energy,
        depth,
        (flat - dark) * (photons / NO_NOISE),
        sample.truth["valence"].data,
        there & (jump >= _THIN * np.median(jump[there])),
    )


NO_NOISE = 1e9
"""Photons at which a sample shows no noise."""


def nickel_oxides(photons: float) -> Simulated:
    """Return the amounts of the NMC sample with measured spectra of NiO and LiNiO2."""
    sample = nx.sample.nmc_ni_k(size=96, photons=NO_NOISE)
    files = [
        (DATA / "references" / "ni_k" / f"ref_{name}.txt", valence) for name, valence in (("NiO", 2), ("LiNiO2", 3))
    ]
    references = [replace(normalize_spectrum(nx.read_spectra(path)[0]), valence=valence) for path, valence in files]
    low, high = max(one.energy[0] for one in references), min(one.energy[-1] for one in references)
    energy = sample.stack.energy[(sample.stack.energy >= low) & (sample.stack.energy <= high)]
    jump, share = sample.truth["edge_jump"].data, sample.truth["Ni4+ model"].data
    depth = np.tensordot(np.stack([one.at(energy) for one in references], axis=1), np.stack([1 - share, share]), 1)
    depth = jump * (depth + 0.9 * (energy / energy[0])[:, None, None] ** -3)
    there = sample.truth["valence"].mask
    counted = there & (jump >= _THIN * np.median(jump[there]))
    lit = np.full((energy.size, 1, 1), photons)
    return Simulated("NiO, LiNiO2 (measured spectra)", references, energy, depth, lit, 2 + share, counted)


def cases() -> Iterator[Case]:
    """Yield the cases; the real ones where their files are."""
    yield simulated("NMC, Ni K", nx.sample.nmc_ni_k(size=96, photons=NO_NOISE), 4000.0)
    yield simulated("Mn oxides, Mn L", nx.sample.mn_oxides_l(size=96, photons=NO_NOISE), 1500.0)
    if not DATA.is_dir():
        return
    yield nickel_oxides(4000.0)
    folder = DATA / "als_fe_l"
    stack = nx.ops.optical_depth(nx.read(folder / "71214078.hdr"), i0=folder / "i0.xsp")
    both = [(folder / "reduced.t", 2), (folder / "oxidized.t", 3)]
    references = [replace(nx.read_spectra(path)[0], valence=valence) for path, valence in both]
    yield Measured("ALS, Fe L (measured)", references, stack)
    folder = DATA / "hxn_fe_k"
    stack = nx.read(folder / "test_stack.tiff", quantity="fluorescence")
    known = {one.name: one for one in nx.read_spectra(folder / "test_ref_athena.nor")}
    # Both are Fe2+: numbers 0 and 1 make the valence the fraction of the second.
    names = ("Pyrite_NMNH_recal_2_15_tr.avg", "Fe_SIDERITE_5_13_tr_cl.avg")
    references = [replace(known[name], valence=number) for number, name in enumerate(names)]
    inside = (stack.energy >= references[0].energy[0]) & (stack.energy <= references[0].energy[-1])
    yield Measured("HXN, Fe K (measured)", references, stack.isel(np.flatnonzero(inside)))
