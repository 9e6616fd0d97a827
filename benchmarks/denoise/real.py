"""Real stacks without known truth: compare maps from two parts of the data, before and after denoising.

The parts are every second energy and the other energies, or a tenth of the counts and the other counts.
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
    """A measured absorption, reference spectra, and the counts that the absorption was computed from, if available."""

    stack: SpectralStack
    references: list[Spectrum]
    counts: SpectralStack | None = None


def _hxn_fe_k(folder: Path) -> RealCase:
    """Read iron in a battery electrode by fluorescence (NSLS-II HXN)."""
    stack = nx.read(folder / "test_stack.tiff", energies=folder / "test_energy.txt")
    wanted = ("Pyrite", "STRENGITE", "VIVIANITE")
    spectra = nx.read_spectra(folder / "test_ref_athena.nor")
    return RealCase(
        nx.ops.crop(stack, energy=(7100, 7139)),
        [spectrum for spectrum in spectra if any(name in spectrum.name for name in wanted)],
    )


def _als_fe_l(folder: Path) -> RealCase:
    """Read iron L edges by STXM (ALS 11.0.2)."""
    counts = nx.read(folder / "71214078.hdr")
    spectra = [nx.read_spectra(folder / name)[0] for name in ("reduced.t", "oxidized.t")]
    references = [replace(spectrum, metadata={**spectrum.metadata, "normalized": None}) for spectrum in spectra]
    return RealCase(nx.ops.optical_depth(counts), references, counts)


CASES: dict[str, Callable[[Path], RealCase]] = {"hxn_fe_k": _hxn_fe_k, "als_fe_l": _als_fe_l}


def halves(stack: SpectralStack) -> list[SpectralStack]:
    """Return a stack of every second energy, and one of the others."""
    parts = [stack.isel(slice(first, None, 2)) for first in (0, 1)]
    return [half.with_data(np.ascontiguousarray(half.data)) for half in parts]


def thinned(counts: SpectralStack) -> list[SpectralStack]:
    """Return the absorption from a tenth of the counts, drawn one by one, and from the rest."""
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
    """Fit without bounds and return the share of each reference (K, Y, X).

    The fits have no bounds, because bounded fits of two halves agree wherever both reach the same bound, even if both
    are wrong.
    """
    maps = nx.maps.fit_references(stack, references=references, nonnegative=False, min_jump=0.0)
    amounts = np.stack([maps[reference.name].data for reference in references])
    return np.clip(amounts / np.maximum(amounts.sum(axis=0), 1e-3), -1, 2)


def real_table(folder: Path) -> str:
    """Return the errors of the shares as text: raw, denoised with references, and denoised with learned spectra."""
    lines = [f"{'error of the shares':28s}{'raw':>8s}{'denoised':>10s}{'learned':>10s}{'raw / denoised':>16s}"]
    for name, load in CASES.items():
        case = load(folder / name)
        jump = nx.maps.fit_references(case.stack, references=case.references)["edge_jump"].data
        where = jump > 0.3 * np.nanpercentile(jump, 95)
        parts = halves(case.stack)
        raw = [shares(half, case.references) for half in parts]
        with_references = [nx.ops.denoise(half, references=case.references) for half in parts]
        learned = [shares(nx.ops.denoise(half), case.references) for half in parts]
        pairs = [raw, [half.metadata["denoise"]["fractions"] for half in with_references], learned]
        lines.append(_row(f"{name}, half the energies", [_error(pair, where) / np.sqrt(2) for pair in pairs]))
        if case.counts is not None:
            few, rest = thinned(case.counts)
            with_references_few = nx.ops.denoise(few, references=case.references)
            estimates = [few, with_references_few, nx.ops.denoise(few)]
            shared = [shares(stack, case.references) for stack in (*estimates, rest)]
            shared[1] = with_references_few.metadata["denoise"]["fractions"]
            errors = [_error([share, shared[-1]], where) for share in shared[:3]]
            lines.append(_row(f"{name}, {THIN:.0%} of the counts", errors))
        lines += [f"    {line}" for line in with_references[0].metadata["denoise"]["report"]["text"]]
    return "\n".join(lines)


def _row(name: str, errors: list[float]) -> str:
    cells = "".join(f"{error:{width}.4f}" for error, width in zip(errors, (8, 10, 10), strict=True))
    return f"{name:28s}{cells}{errors[0] / errors[1]:16.1f}"


def _error(pair: list[NDArray[Any]], where: BoolArray) -> float:
    """Return the standard deviation of the difference of two maps (K, Y, X), without its mean."""
    difference = (pair[0] - pair[1])[:, where]
    return float(np.sqrt(np.nanvar(difference, axis=1).mean()))
