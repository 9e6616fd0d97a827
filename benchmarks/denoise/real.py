"""Real stacks without truth: what a part of the data tells, against what the rest tells, before and after denoising.

The part is every second energy, or a tenth of the counts; the rest is the other energies, or the other counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_xanes as nx
from napari_xanes import SpectralStack, Spectrum
from napari_xanes._typing import BoolArray

THIN = 0.1


@dataclass(frozen=True)
class RealCase:
    """A measured absorption, spectra to explain it, and the counts that it was made from where there are any."""

    stack: SpectralStack
    references: list[Spectrum]
    counts: SpectralStack | None = None


def _hxn_fe_k(folder: Path) -> RealCase:
    """Iron in a battery electrode by fluorescence (NSLS-II HXN)."""
    stack = nx.read(folder / "test_stack.tiff", energies=folder / "test_energy.txt")
    wanted = ("Pyrite", "STRENGITE", "VIVIANITE")
    every = nx.read_spectra(folder / "test_ref_athena.nor")
    return RealCase(
        nx.ops.crop(stack, energy=(7100, 7139)), [one for one in every if any(name in one.name for name in wanted)]
    )


def _als_fe_l(folder: Path) -> RealCase:
    """Iron L edges by STXM (ALS 11.0.2)."""
    counts = nx.read(folder / "71214078.hdr")
    spectra = [nx.read_spectra(folder / name)[0] for name in ("reduced.t", "oxidized.t")]
    references = [replace(one, metadata={**one.metadata, "normalized": None}) for one in spectra]
    return RealCase(nx.ops.optical_depth(counts), references, counts)


CASES: dict[str, Callable[[Path], RealCase]] = {"hxn_fe_k": _hxn_fe_k, "als_fe_l": _als_fe_l}


def halves(stack: SpectralStack) -> list[SpectralStack]:
    """Every second energy, and the others."""
    parts = [stack.isel(slice(first, None, 2)) for first in (0, 1)]
    return [half.with_data(np.ascontiguousarray(half.data)) for half in parts]


def thinned(counts: SpectralStack) -> list[SpectralStack]:
    """Absorption from a tenth of the counts, drawn one by one, and from the rest."""
    few = np.random.default_rng(0).binomial(np.rint(counts.data).astype(np.int64), THIN)
    parts = ((few, THIN), (counts.data - few, 1 - THIN))
    return [
        nx.ops.optical_depth(
            replace(
                counts,
                data=np.maximum(data, 0).astype(np.float32),
                metadata={**counts.metadata, "i0": np.asarray(counts.metadata["i0"]) * share},
            )
        )
        for data, share in parts
    ]


def shares(stack: SpectralStack, references: list[Spectrum]) -> NDArray[np.floating[Any]]:
    """Share of each reference in what they explain together (K, Y, X), by a fit without bounds.

    Bounded fits agree between halves wherever both hit the same bound, whatever the truth.
    """
    maps = nx.maps.fit_references(stack, references=references, nonnegative=False, min_jump=0.0)
    amounts = np.stack([maps[one.name].data for one in references])
    return np.clip(amounts / np.maximum(amounts.sum(axis=0), 1e-3), -1, 2)


def real_table(folder: Path) -> str:
    """Errors of the shares, raw and denoised with the references and without, as text."""
    lines = [f"{'error of the shares':28s}{'raw':>8s}{'denoised':>10s}{'learned':>10s}{'raw / denoised':>16s}"]
    for name, load in CASES.items():
        case = load(folder / name)
        jump = nx.maps.fit_references(case.stack, references=case.references)["edge_jump"].data
        where = jump > 0.3 * np.nanpercentile(jump, 95)
        two = halves(case.stack)
        raw = [shares(half, case.references) for half in two]
        known = [nx.ops.denoise(half, references=case.references) for half in two]
        learned = [shares(nx.ops.denoise(half), case.references) for half in two]
        pairs = [raw, [half.metadata["denoise"]["fractions"] for half in known], learned]
        lines.append(_row(f"{name}, half the energies", [_error(pair, where) / np.sqrt(2) for pair in pairs]))
        if case.counts is not None:
            few, rest = thinned(case.counts)
            given = nx.ops.denoise(few, references=case.references)
            estimates = [few, given, nx.ops.denoise(few)]
            shared = [shares(one, case.references) for one in (*estimates, rest)]
            shared[1] = given.metadata["denoise"]["fractions"]
            errors = [_error([one, shared[-1]], where) for one in shared[:3]]
            lines.append(_row(f"{name}, {THIN:.0%} of the counts", errors))
        lines += [f"    {line}" for line in known[0].metadata["denoise"]["report"]["text"]]
    return "\n".join(lines)


def _row(name: str, errors: list[float]) -> str:
    cells = "".join(f"{error:{width}.4f}" for error, width in zip(errors, (8, 10, 10), strict=True))
    return f"{name:28s}{cells}{errors[0] / errors[1]:16.1f}"


def _error(pair: list[NDArray[Any]], where: BoolArray) -> float:
    """Standard deviation of the difference of maps (K, Y, X), without its mean."""
    difference = (pair[0] - pair[1])[:, where]
    return float(np.sqrt(np.nanvar(difference, axis=1).mean()))
