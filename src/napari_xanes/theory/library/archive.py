"""Read and write libraries as NumPy archives without pickle; compressed spectra are whole numbers of a small unit."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array, Float64Array
from napari_xanes.history import to_plain
from napari_xanes.io.allocation_limits import LONGEST_LIST
from napari_xanes.io.metadata_json import expect
from napari_xanes.io.npz_archive import HEADER_ERRORS, check_archive
from napari_xanes.io.read_errors import DAMAGE_ERRORS, wrap_read_errors
from napari_xanes.saving.replacing import replacing
from napari_xanes.theory.library.conventions import AXIS_STEP

_FORMATS = ("napari-xanes library 1", "napari-xanes library 2")
"""The second holds `_rounded` spectra. Of the first, compressed files held patterns with weights; they are read."""

_COLUMN = "column_"

_ERRORS: tuple[type[Exception], ...] = (*DAMAGE_ERRORS, *HEADER_ERRORS)

_MAX_BYTES = 2 << 30
"""A few patterns of a small file could unpack to any number of spectra."""

LOSS = 3e-4
"""Largest error of a spectrum in a compressed file, in units of the library's highest value."""


def write_archive(
    path: str | Path,
    energy: Float64Array,
    spectra: Float32Array,
    table: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, Any],
    *,
    compress: bool,
    every: int,
) -> None:
    """Write the values of a library to an ``.npz`` file; see `Library.save`.

    Parameters
    ----------
    path : path
        The file to write; it appears whole or not at all.
    energy : ndarray, shape (R,)
        Axis in eV, in steps of `AXIS_STEP`.
    spectra : ndarray, shape (M, R)
        Absorption of each member.
    table : mapping of str to ndarray, shape (M,)
        Parameters of the members.
    metadata : mapping
        ``name`` and ``provenance``.
    compress, every
        As in `Library.save`.

    Raises
    ------
    OSError
        If the file can't be written.
    ValueError
        If thinning would lose the last point.
    """
    if (energy.size - 1) % every:
        raise ValueError(
            f"{energy.size} points can't be thinned to every {every}-th point, because the last one would be lost; "
            f"choose a divisor of {energy.size - 1}"
        )
    content: dict[str, Any] = {
        "format": _FORMATS[compress],
        "name": metadata["name"],
        "start": energy[0],
        "provenance": json.dumps(to_plain(metadata["provenance"])),
    }
    content |= {f"{_COLUMN}{name}": column for name, column in table.items()}
    content |= _rounded(spectra) if compress else {"spectra": spectra[:, ::every], "every": every}
    with replacing(Path(path)) as file:
        if compress:
            _save(cast("IO[bytes]", file), content)
        else:
            np.savez_compressed(file, allow_pickle=False, **content)


def _rounded(spectra: Float32Array) -> dict[str, Any]:
    """Return the steps from one energy to the next (M, R) of spectra that are rounded to a unit of twice `LOSS`."""
    unit = 2 * LOSS * float(np.abs(spectra).max()) or 1.0
    return {"unit": unit, "steps": np.diff(np.rint(spectra / unit), axis=1, prepend=0).astype(np.int16)}


def _save(file: IO[bytes], content: Mapping[str, Any]) -> None:
    """Write what `numpy.load` reads, by bzip2: steps take two thirds of what they take by deflate."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        for name, value in content.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(value), allow_pickle=False)


def _expanded(content: Any) -> Any:
    """Return the spectra (M, R) of stored steps, or weights and patterns."""
    if "steps" in content:
        return np.cumsum(content["steps"], axis=1, dtype=np.float64) * float(content["unit"])
    return (content["weights"].T * float(content["unit"]) ** 2) @ content["patterns"].astype(np.float64)


def read_archive(path: str | Path) -> dict[str, Any]:
    """Read the arguments of a `Library` from a file that `write_archive` wrote.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If the file is not a library; the message names the file.
    """
    path = Path(path)
    with wrap_read_errors(path):
        content = _content(path)
        if str(content.get("format")) not in _FORMATS:
            raise ValueError(
                f"{path}: not a library of napari-xanes; load_library makes a library from text files of spectra"
            )
        try:
            return _arguments(content)
        except (TypeError, AttributeError) as error:
            # Arrays of another kind or shape than a library has.
            raise ValueError(f"{path}: damaged ({error})") from None


def _content(path: Path) -> dict[str, Any]:
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError:
        raise
    except _ERRORS as error:
        raise ValueError(f"{path}: not a library of napari-xanes ({error})") from None


def _arguments(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a `Library`; spectra are unpacked only if they fit into memory."""
    every = int(content.get("every", 1))
    n_members, n_points = content["spectra"].shape if "spectra" in content else _expanded_shape(content)
    n_points = (n_points - 1) * every + 1
    if every < 1 or n_points > LONGEST_LIST or 8 * n_members * n_points > _MAX_BYTES:
        raise ValueError(
            f"{n_members} spectra of {n_points} points are more than a library may have: {LONGEST_LIST} points and "
            f"{_MAX_BYTES >> 20} MB"
        )
    spectra = content["spectra"] if "spectra" in content else _expanded(content)
    energy = float(content["start"]) + AXIS_STEP * np.arange(n_points)
    if every > 1:
        from scipy.interpolate import CubicSpline

        spectra = CubicSpline(energy[::every], spectra, axis=1)(energy)
    return {
        "name": str(content["name"]),
        "energy": energy,
        "spectra": spectra,
        "table": {name.removeprefix(_COLUMN): content[name] for name in content if name.startswith(_COLUMN)},
        "provenance": expect(json.loads(str(content["provenance"])), dict, "provenance"),
    }


def _expanded_shape(content: Mapping[str, Any]) -> tuple[int, int]:
    if "steps" in content:
        n_members, n_points = content["steps"].shape
        return n_members, n_points
    (rank, n_members), (n_patterns, n_points) = content["weights"].shape, content["patterns"].shape
    if rank != n_patterns:
        raise ValueError(f"it has {rank} weights for {n_patterns} patterns")
    return n_members, n_points
