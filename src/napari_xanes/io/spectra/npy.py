"""Arrays of columns in NumPy's ``.npy``: energies and mu(E) as two columns or two rows, or fields with names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.allocation_limits import LONGEST_LIST
from napari_xanes.io.column_choice import NOTHING, Choice
from napari_xanes.io.energy_limits import looks_like_energies
from napari_xanes.io.files import starts_with
from napari_xanes.io.npz_archive import mapped_array
from napari_xanes.io.registry import spectra_reader
from napari_xanes.io.spectra.columns import spectra_of
from napari_xanes.io.spectra.table import MOST_COLUMNS, Table
from napari_xanes.spectrum import Spectrum

_NPY = b"\x93NUMPY"


def why_not_readable(path: Path) -> str | None:
    """Return why the file is no array of columns, or None if it is."""
    if starts_with(path, 6) != _NPY:
        return "not an .npy array"
    array = mapped_array(path)
    if array.dtype.names is None and array.ndim != 2:
        return f"an array of shape {array.shape}, not columns (rows, columns)"
    return None


@spectra_reader("npy", title="NumPy columns", patterns=("*.npy",), why_not_readable=why_not_readable)
def read_spectra(path: Path, *, choice: Choice = NOTHING) -> list[Spectrum]:
    """Read mu(E) of columns: the first one, or that of a field called energy, holds the energies.

    Raises
    ------
    OSError
        If the file is damaged.
    ValueError
        If the array holds no numbers, or energies can be along both of its axes or along none.
    """
    array = mapped_array(path)
    names = list(array.dtype.names) if array.dtype.names else None
    values = _of_fields(array, names) if names else _upright(array, choice)
    if values.shape[0] > LONGEST_LIST or values.shape[1] > MOST_COLUMNS:
        raise ValueError(f"its shape {array.shape} is an image rather than columns of spectra; open it as a stack")
    return spectra_of(Table(values, names, []), path.stem, {"path": str(path)}, choice=choice)


def _of_fields(array: Any, names: list[str]) -> NDArray[np.float64]:
    if array.ndim != 1 or any(array.dtype[name].kind not in "fiu" or array.dtype[name].shape for name in names):
        raise ValueError(
            f"its fields {array.dtype} of shape {array.shape} are not columns of numbers; {ways_out.WRITE_COLUMNS}"
        )
    if array.size > LONGEST_LIST:
        raise ValueError(f"its {array.size} rows are no spectrum; {ways_out.WRITE_COLUMNS}")
    return np.stack([np.asarray(array[name], np.float64) for name in names], axis=1)


def _upright(array: Any, choice: Choice) -> NDArray[np.float64]:
    """The array with a column for each quantity, whichever way it was saved."""
    if array.dtype.kind not in "fiu" or min(array.shape) < 2 or array.size > LONGEST_LIST * MOST_COLUMNS:
        raise ValueError(
            f"its {array.dtype} of shape {array.shape} are not columns of energies and mu(E); {ways_out.WRITE_COLUMNS}"
        )
    values = np.asarray(array, np.float64)
    if choice.energy is not None:
        return values
    # One quantity along an axis of two or three: a row of energies rises over more points than there are quantities.
    upright, lying = looks_like_energies(values[:, 0]), looks_like_energies(values[0])
    if values.shape[0] > values.shape[1] == 2:
        lying = False  # of two numbers a row is no axis
    if upright and lying and values.shape[0] == values.shape[1]:
        raise ValueError(
            f"its shape {values.shape} does not say whether energies are a row or a column; save (rows, 2)"
        )
    if upright and lying:
        upright = values.shape[0] > values.shape[1]
    return values if upright or not lying else values.T
