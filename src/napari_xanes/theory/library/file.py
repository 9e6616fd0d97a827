"""Libraries in files: NumPy archives without pickle, their spectra as a few patterns and 16-bit weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.history import to_plain
from napari_xanes.io.files import replacing
from napari_xanes.theory.library.model import STEP, UNITS, Library

_FORMAT = "napari-xanes library 1"

LOSS = 3e-4
"""Largest error of a spectrum in a compressed file, in units of the library's highest value."""


def save_library(library: Library, path: str | Path, *, compress: bool = False, every: int = 1) -> None:
    """Write a library to an ``.npz`` file; it appears whole or not at all.

    Parameters
    ----------
    library : Library
        What to write.
    path : path
        Where to.
    compress : bool
        Keep only as many patterns (singular vectors) as reproduce every spectrum to `LOSS`, in 16-bit integers.
    every : int
        Keep only every so many-th point, for spectra that are smooth; reading draws a spline through them.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If the last point would not be kept.
    """
    if (library.energy.size - 1) % every:
        raise ValueError(f"{library.energy.size} points can't be thinned to every {every}-th: the last would be lost")
    content: dict[str, Any] = {
        "format": _FORMAT,
        "name": library.name,
        "start": library.energy[0],
        "provenance": json.dumps(to_plain(library.provenance)),
    }
    content |= {f"column_{name}": column for name, column in library.table.items()}
    if compress:
        content |= _compressed(library)
    else:
        content |= {"spectra": library.spectra[:, ::every], "every": every}
    with replacing(Path(path)) as (draft,), draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **content)


def _compressed(library: Library) -> dict[str, Any]:
    """Weights (rank, M) and patterns (rank, R) as integers of one unit, so that faint patterns have small ones."""
    spectra = library.spectra.astype(np.float64)
    u, s, vt = np.linalg.svd(spectra, full_matrices=False)
    weights, patterns = (u * np.sqrt(s)).T, vt * np.sqrt(s)[:, None]
    allowed = LOSS * spectra.max()
    rank = 1
    while rank < s.size and np.abs(weights[:rank].T @ patterns[:rank] - spectra).max() > allowed / 2:
        rank = min(s.size, rank + 1 + rank // 8)
    unit = max(np.abs(weights).max(), np.abs(patterns).max()) / 32767
    found = _integers(weights[:rank], patterns[:rank], unit)
    while True:
        tried = _integers(weights[:rank], patterns[:rank], 2 * unit)
        if np.abs(_expanded(tried) - spectra).max() > allowed:
            return found
        found, unit = tried, 2 * unit


def _integers(weights: Any, patterns: Any, unit: float) -> dict[str, Any]:
    made = {name: np.rint(array / unit).astype(np.int16) for name, array in (("w", weights), ("p", patterns))}
    return {"weights": made["w"], "patterns": made["p"], "unit": np.float64(unit)}


def _expanded(content: Any) -> Any:
    return (content["weights"].T * float(content["unit"]) ** 2) @ content["patterns"].astype(np.float64)


def read_library(path: str | Path) -> Library:
    """Read a library that `save_library` wrote.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it is no library; the message names the file.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: no library of napari-xanes ({error})") from None
    if not isinstance(content, dict) or str(content.get("format")) != _FORMAT:
        raise ValueError(f"{path}: no library of napari-xanes; load_library makes one of spectra in text files")
    spectra = content["spectra"] if "spectra" in content else _expanded(content)
    table = {name: content[f"column_{name}"] for name in UNITS if f"column_{name}" in content}
    every = int(content.get("every", 1))
    axis = float(content["start"]) + STEP * np.arange((spectra.shape[1] - 1) * every + 1)
    if every > 1:
        from scipy.interpolate import CubicSpline

        spectra = CubicSpline(axis[::every], spectra, axis=1)(axis)
    return Library(str(content["name"]), axis, spectra, table, json.loads(str(content["provenance"])))
