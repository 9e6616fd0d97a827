"""Libraries in files: NumPy archives without pickle, their spectra as a few patterns and 16-bit weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes.history import to_plain
from napari_xanes.io.files import replacing
from napari_xanes.theory.library import STEP, UNITS, Library

_FORMAT = "napari-xanes library 1"

LOSS = 3e-5
"""Largest error of a spectrum in a compressed file, in units of the library's highest value."""


def save_library(library: Library, path: str | Path, *, compress: bool = False) -> None:
    """Write a library to an ``.npz`` file; it appears whole or not at all.

    Parameters
    ----------
    library : Library
        What to write.
    path : path
        Where to.
    compress : bool
        Keep only as many patterns (singular vectors) as reproduce every spectrum to `LOSS`, in 16-bit integers.

    Raises
    ------
    OSError
        If the file can't be written.
    """
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
        content["spectra"] = library.spectra
    with replacing(Path(path)) as (draft,), draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **content)


def _compressed(library: Library) -> dict[str, Any]:
    spectra = library.spectra.astype(np.float64)
    u, s, vt = np.linalg.svd(spectra, full_matrices=False)
    scale = spectra.max()
    rank = 8
    while True:
        weights, patterns = u[:, :rank] * np.sqrt(s[:rank]), vt[:rank] * np.sqrt(s[:rank])[:, None]
        made = {name: _integers(array.T).T for name, array in (("weights", weights.T), ("patterns", patterns))}
        steps = {f"{name}_step": _step(array.T) for name, array in (("weights", weights.T), ("patterns", patterns))}
        found = _expand({**made, **steps})
        if np.abs(found - spectra).max() <= LOSS * scale or rank >= s.size:
            return made | steps
        rank = min(s.size, rank + 8)


def _step(columns: Any) -> Any:
    """The unit of each column's integers, so that its largest value is 32767."""
    return np.maximum(np.abs(columns).max(axis=0), 1e-300) / 32767


def _integers(columns: Any) -> Any:
    return np.rint(columns / _step(columns)).astype(np.int16)


def _expand(content: Any) -> Any:
    weights = content["weights"] * content["weights_step"][:, None]
    patterns = content["patterns"] * content["patterns_step"][:, None]
    return weights.T @ patterns


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
    spectra = content["spectra"] if "spectra" in content else _expand(content)
    table = {name: content[f"column_{name}"] for name in UNITS if f"column_{name}" in content}
    axis = float(content["start"]) + STEP * np.arange(spectra.shape[1])
    return Library(str(content["name"]), axis, spectra, table, json.loads(str(content["provenance"])))
