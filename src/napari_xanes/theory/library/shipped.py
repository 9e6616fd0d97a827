"""The libraries that come with the package, and how each was computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_xanes.progress import Progress
from napari_xanes.theory.library.building import Grid, build_library
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.library.rebuilding import rebuild
from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer

FOLDER = Path(__file__).parent / "data"
"""Folder of the library files."""


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    return tuple((first + step * np.arange(round((last - first) / step) + 1)).round(6).tolist())


def _tetragonal(*splittings: float) -> tuple[tuple[float, float], ...]:
    """Return Ds and Dt in eV for splittings of e_g (4 Ds + 5 Dt) in eV, in the ratio that fits LaMnO3."""
    return tuple((round(splitting / 5.9, 6), round(0.38 * splitting / 5.9, 6)) for splitting in splittings)


_TWO_EDGES = (1.0, 1.04, 1.08)
"""Factors on zeta_2p; measured Mn oxides are fitted best by 1.02 to 1.09."""

_MN = (
    Grid("Mn2+", _steps(0, 2.5, 0.1), (0.7, 0.8, 0.9), _TWO_EDGES),
    Grid(
        "Mn2+",
        _steps(0, 1.6, 0.1),
        (0.7, 0.8, 0.9),
        _TWO_EDGES,
        charge_transfer=(ChargeTransfer(8, 1.1), ChargeTransfer(5, 1.8)),
        offsets=(642.47, 642.32),
    ),
    Grid("Mn3+", _steps(0, 2.5, 0.1), (0.8,), _TWO_EDGES),
    Grid("Mn3+", _steps(0, 2.5, 0.1), (0.65,), _TWO_EDGES, offsets=(644.3,)),
    Grid("Mn3+", _steps(0.4, 2.4, 0.2), (0.65, 0.8), _TWO_EDGES, fields=_tetragonal(0.8, 1.6, 2.4), offsets=(644.15,)),
    Grid(
        "Mn3+",
        _steps(0.4, 2.4, 0.2),
        (0.65, 0.8),
        _TWO_EDGES,
        fields=_tetragonal(0, 0.8, 1.6, 2.4),
        charge_transfer=(ChargeTransfer(4, 1.8), ChargeTransfer(1, 2.3)),
        offsets=(644.3, 644.3),
    ),
    Grid("Mn4+", _steps(0, 2.8, 0.1), (0.8,), _TWO_EDGES),
    Grid("Mn4+", _steps(0, 2.8, 0.1), (0.65,), _TWO_EDGES, offsets=(644.8,)),
    Grid(
        "Mn4+",
        _steps(0.8, 2.8, 0.1),
        (0.65, 0.8),
        _TWO_EDGES,
        charge_transfer=(ChargeTransfer(3, 2.0), ChargeTransfer(1, 2.3), ChargeTransfer(-2, 3.0)),
        offsets=(645.05, 645.2, 645.3),
    ),
)
"""Grids of ``mn-l23``. With these offsets the members fit the measured spectra of MnO, LaMnO3 and SrMnO3 best
(digitised for MnEdgeNet), with 10Dq, width and scales free."""


def _oh(*ions: str, ten_dq: tuple[float, ...] = _steps(0, 2.4, 0.1)) -> tuple[Grid, ...]:
    return tuple(Grid(ion, ten_dq, (0.7, 0.8, 0.9)) for ion in ions)


GRIDS: Mapping[str, tuple[Grid, ...]] = MappingProxyType(
    {
        "mn-l23": _MN,
        "mn-l23-oh": tuple(Grid(ion, _steps(0, 2.5, 0.1)) for ion in ("Mn2+", "Mn3+", "Mn4+")),
        "ti-l23": _oh("Ti2+", "Ti3+", "Ti4+"),
        "v-l23": _oh("V2+", "V3+", "V4+", "V5+"),
        "cr-l23": _oh("Cr2+", "Cr3+", "Cr4+"),
        "fe-l23": _oh("Fe2+", "Fe3+", "Fe4+"),
        "co-l23": _oh("Co2+", "Co3+", "Co4+"),
        "ni-l23": _oh("Ni2+", "Ni3+", "Ni4+"),
    }
)
"""Grids of the libraries of L2,3 edges, by name. ``mn-l23-oh`` holds the 78 spectra of Suzuki et al. (2018)."""

K_EDGES = ("ni-k", "mn-k", "fe-k", "co-k")
"""Libraries of K edges, computed by FEFF10; see `tools.feff`."""

LIBRARIES = (*GRIDS, *K_EDGES)
"""Names that `load_library` accepts."""


def load_library(source: Any) -> Library:
    """Load a library by its name, from files, or from spectra.

    Parameters
    ----------
    source : str, path, list, Spectrum, mapping or Library
        One of the names in `LIBRARIES` (``mn-l23``, ``mn-l23-oh``, ``ti-l23``, ``v-l23``, ``cr-l23``, ``fe-l23``,
        ``co-l23``, ``ni-l23``; ``ni-k``, ``mn-k``, ``fe-k``, ``co-k``). Or an ``.npz`` file that a library was saved
        to. Or text files with spectra (CSV, XDI, Athena, Quanty or Crispy, CTM4XAS ``.xy``, FEFF ``xmu.dat``): one
        path, a folder or a list. Or a list of measured `Spectrum` with valences. Or what `Library.to_plain` gave. Ion
        and crystal field are read from file names such as ``Mn2+ 10Dq 0.9.xy``. Spectra of a K edge are normalized if
        their files say that they are raw.

    Raises
    ------
    OSError
        If a file can't be read.
    ValueError
        If there is no such library, a file holds no spectra, or they share no energies.

    Examples
    --------
    >>> load_library("mn-l23-oh")
    Library('mn-l23-oh', 78 spectra of Mn2+, Mn3+, Mn4+)
    """
    if isinstance(source, Library):
        return source
    if isinstance(source, str) and source in LIBRARIES:
        return _shipped(source)
    if isinstance(source, Mapping) and "build" in source:
        return rebuild(source["build"])
    if isinstance(source, str | Path) and Path(source).suffix == ".npz":
        library = Library.read(source)
        return replace(library, provenance={**library.provenance, "path": str(Path(source).resolve())})
    from napari_xanes.theory.library.sources import library_of_spectra

    if isinstance(source, str) and not Path(source).exists():
        raise ValueError(f"there is no library and no file {source!r}; libraries: {', '.join(LIBRARIES)}")
    return library_of_spectra(source)


@cache
def _shipped(name: str) -> Library:
    library = Library.read(FOLDER / f"{name}.npz")
    return replace(library, provenance={**library.provenance, "shipped": name})


def write_shipped(name: str, folder: Path = FOLDER, *, progress: Progress | None = None) -> None:
    """Compute a library of `GRIDS` again and write it where `load_library` looks for it.

    Developers run this after a change of the grids or the engine. ``mn-l23`` takes five minutes, the others ten
    seconds.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    build_library(GRIDS[name], name=name, progress=progress).save(folder / f"{name}.npz", compress=True)
