"""A few numbers in a file or a parameter never ask for an array of any size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_xanes import SpectralStack, Spectrum, Step, ops, theory
from napari_xanes.edge import find_e0
from napari_xanes.maps.fitting.edge_references import lines_of
from napari_xanes.spectrum import MAX_GRID, check_grid
from napari_xanes.theory.library.building import build_library
from napari_xanes.theory.library.export import library_spectra
from napari_xanes.theory.multiplet.spectra import simulated

ABSURD = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1e9])
RISE = np.array([0.0, 0.1, 0.5, 1.0, 1.0, 1.0])


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    theory.load_library("mn-l23-oh")
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()


def _stack() -> SpectralStack:
    return SpectralStack(np.broadcast_to(RISE[:, None, None], (6, 2, 3)).astype(np.float32), ABSURD, "optical_depth")


def _normalized() -> SpectralStack:
    state = {"e0": 8340.0, "pre": [-60.0, -20.0], "post": [20.0, 1e12]}
    energy = np.linspace(8300.0, 8400, 6)
    return SpectralStack(
        np.ones((6, 2, 3), np.float32), energy, "normalized", history=(Step("normalize_edge", {}, state),)
    )


CASES: dict[str, Callable[[], Any]] = {
    "E0 of a spectrum": lambda: find_e0(ABSURD, RISE),
    "E0 of a stack": lambda: ops.normalize_edge(_stack()),
    "library of spectra": lambda: theory.load_library([Spectrum("Mn2+", ABSURD, RISE), Spectrum("Mn3+", ABSURD, RISE)]),
    "spectra of a library": lambda: library_spectra(theory.load_library("mn-l23-oh"), [9], energy=(630, 1e12)),
    "a simulated spectrum": lambda: simulated("Mn", 2, 0.9, energy=(0.0, 1e12)),
    "lines of a history": lambda: lines_of(_normalized(), None),  # type: ignore[arg-type]
    "members of a library": lambda: build_library("Mn2+", np.linspace(0.5, 1.5, 500), slater_scale=np.ones(500)),
}


@pytest.mark.parametrize("case", CASES)
def test_absurd_ranges_are_refused_before_anything_is_allocated(case: str) -> None:
    with pytest.raises(ValueError, match=r"energies, more than|are allowed"):
        CASES[case]()


def test_the_message_says_how_many_and_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"a map: 1 to 1e\+09 eV in steps of 0.1 eV are 1e\+10 energies, .* unit"):
        check_grid(1.0, 1e9, 0.1, what="a map")
    with pytest.raises(ValueError, match="two finite"):
        check_grid(1.0, np.inf, 0.1, what="a map")
    check_grid(8000.0, 8000.0 + (MAX_GRID - 2) * 0.5, 0.5, what="the longest grid")


def test_the_steps_between_stored_energies_of_a_library_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    theory.load_library("mn-l23-oh").save(path, every=2)
    with np.load(path, allow_pickle=False) as archive:
        content = dict(archive)
    np.savez(path, **content | {"every": 10**9})
    with pytest.raises(ValueError, match="a\\.npz.* more than a library may have"):
        theory.load_library(path)
