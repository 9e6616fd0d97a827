"""PyXAS: images that it has processed, ``img_xanes`` or ``img`` with ``XEng`` or ``X_eng`` in keV.

Image and energy lie side by side at the top of the file; the user types their names, these are the usual ones. A file
that also says what FXI's export says is FXI's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_xanes.io import ways_out
from napari_xanes.io.energies import given_energies, to_ev
from napari_xanes.io.frames import filled_length
from napari_xanes.io.hdf5.file import array, child, in_words, is_hdf5, load, open_hdf5, row, text
from napari_xanes.io.hdf5.frames import check_energies_first
from napari_xanes.io.quantity_guess import guess_quantity
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.stack import Quantity

_IMAGES = ("img_xanes", "img")
_ENERGIES = ("XEng", "X_eng")
_MARKS_OF_FXI = ("uid", "note", "scan_time", "Magnification", "Pixel Size", "img_bkg", "img_dark")


def why_not_readable(path: Path) -> str | None:
    """Return why the file was not saved by PyXAS, or None if it was."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        images, keys = names_in(file)
        if not images or not keys:
            return f"no /{' or /'.join(_ENERGIES if images else _IMAGES)} in it"
        fxi = [name for name in _MARKS_OF_FXI if child(file, name) is not None]
        if fxi and images == "img_xanes" and child(file, "X_eng") is not None:
            return f"/{fxi[0]} marks it as an export of FXI"
        return None


def names_in(file: h5py.File) -> tuple[str | None, str | None]:
    """Return the names of the images and of the energies among the usual ones, or None for each."""
    images = next((name for name in _IMAGES if child(file, name) is not None), None)
    return images, next((name for name in _ENERGIES if child(file, name) is not None), None)


@reader("pyxas", title="PyXAS", patterns=("*.h5", "*.hdf5"), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None) -> RawStack:
    """Read images (E, Y, X) or volumes (E, Z, Y, X); the change with energy tells the quantity.

    Raises
    ------
    ValueError
        If images or energies are not numbers, or all images were taken at one energy.
    """
    with open_hdf5(path) as file:
        names = names_in(file)
        images, keys = array(file, names[0] or ""), row(file, names[1] or "")
        if images is None or images.ndim not in (3, 4) or 0 in images.shape or keys is None:
            found = [in_words(file, name or "") for name in names]
            expected = f"/{names[0]} must be (E, Y, X) or (E, Z, Y, X) and /{names[1]} (E,)"
            raise ValueError(f"{expected}; they hold {found[0]}, and {found[1]}; {ways_out.SAVE_AS}")
        if keys.size == 1 < images.shape[0] and energies is None:
            raise ValueError(
                f"{images.shape[0]} images at one energy: a tomogram and no stack; pass energies= if it is one"
            )
        if not keys.size and energies is None:
            raise ValueError(f"/{names[1]} is empty; pass energies=")
        if energies is None:
            check_energies_first(images, keys.size)
        energy, unit = to_ev(keys[()], text(keys.attrs.get("units", "")))
        data = load(images)
        quantity, source = _quantity(data, energy if energies is None else given_energies(energies)[0])
    metadata: dict[str, Any] = {"energy_unit": unit, "quantity_source": source}
    return RawStack(data, energy, quantity, None, metadata, interruptible=True)


def _quantity(data: Any, energy: Any) -> tuple[Quantity, str]:
    """Return the quantity and the reason: above an edge a sample absorbs more than below it.

    Frames that an interrupted scan left empty are not looked at.
    """
    n_frames = min(filled_length(data), energy.size)
    order = np.argsort(energy[:n_frames], kind="stable") if n_frames else [0, len(data) - 1]
    first, last = (np.asarray(data[int(order[i])], dtype=np.float64) for i in (0, -1))
    finite = np.isfinite(first) & np.isfinite(last)
    guess = guess_quantity(np.stack([first, last])[:, finite].astype(data.dtype))
    if guess[0] == "counts" or not finite.any():
        return guess
    first, last = first[finite], last[finite]
    if last.any() and last.mean() < first.mean():
        return "transmission", "guessed: the images darken from the lowest to the highest energy; quantity= overrides"
    return "optical_depth", "guessed: the images brighten from the lowest to the highest energy; quantity= overrides"
