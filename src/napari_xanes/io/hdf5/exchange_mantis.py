"""MANTiS stacks in Data Exchange: ``/exchange/data`` (X, Y, E) with positions, and I0 as a spectrum.

Those of a tilt series are (X, Y, E, angle): each angle is a stack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import given_energies, to_ev
from napari_xanes.io.frames import filled_length
from napari_xanes.io.hdf5.exchange import is_x_y_e, missing_part
from napari_xanes.io.hdf5.file import array, child, in_words, is_hdf5, load, open_hdf5, row, text
from napari_xanes.io.hdf5.frames import spacing
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.rising_positions import turn_to_rise
from napari_xanes.io.selection import choice_note, selected_index
from napari_xanes.stack import Quantity

_NORMALIZATION = "spectromicroscopy/normalization"


def why_not_readable(path: Path, energies: Any = None) -> str | None:
    """Return why the file was not written by MANTiS, or None if it was."""
    if not is_hdf5(path):
        return "not an HDF5 file"
    with open_hdf5(path) as file:
        if "exchange" not in text(child(file, "implements")).lower():
            return "no /implements in it that says exchange"
        if reason := missing_part(file, energies):
            return reason
        return None if is_x_y_e(file) else "its images are (E, Y, X), as APS writes them"


@reader(
    "exchange_mantis",
    title="MANTiS Data Exchange",
    patterns=("*.hdf5", "*.h5", "*.hdf"),
    why_not_readable=why_not_readable,
)
def read(path: Path, energies: Any = None, select: str | int | None = None) -> RawStack:
    """Read the images turned to (E, Y, X); I0, flat and dark go into the metadata if the file has them.

    Parameters
    ----------
    path : Path
        The file.
    energies : array_like of eV, or path of a text file, optional
        Energies that I0 is wanted on.
    select : str or int, optional
        Which angle of a tilt series, as in ``metadata["available"]``.

    Raises
    ------
    ValueError
        If images or energies are not those of a stack.
    """
    with open_hdf5(path) as file:
        images, axis = array(file, "exchange/data"), row(file, "exchange/energy")
        if images is None or images.ndim not in (3, 4) or 0 in images.shape:
            found = in_words(file, "exchange/data")
            raise ValueError(f"/exchange/data must be (X, Y, E) or (X, Y, E, angle), it holds {found}")
        angles = _angles(file, images.shape[3:])
        at = selected_index(select, angles)
        if axis is None and energies is None:
            raise ValueError("/exchange/energy holds no numbers; pass energies=")
        metadata: dict[str, Any] = {"available": angles, "detector": angles[at]} if images.ndim == 4 else {}
        energy = np.zeros(images.shape[2])
        if axis is not None:
            energy, metadata["energy_unit"] = to_ev(axis[()], text(axis.attrs.get("units", "")))
        warnings: list[str] = []
        for name, key in (("white_data", "flat"), ("dark_data", "dark")):
            dataset = array(file, f"exchange/{name}")
            if dataset is not None and dataset.shape in (images.shape, images.shape[:2]):
                if filled_length(dataset):
                    metadata[key] = _turned(dataset, at)
            elif dataset is not None and dataset.size > 1:
                warnings.append(
                    f"/exchange/{name} has shape {dataset.shape}, the images {images.shape}; it is left out"
                )
        quantity: Quantity = "counts"
        if _is_optical_depth(file, images):
            quantity = "optical_depth"
            metadata["quantity_source"] = "the images are the file's own optical density, of pre-normalized data"
        else:
            metadata |= _i0(file, energy if energies is None else given_energies(energies)[0], warnings)
        sizes = [spacing(row(file, f"exchange/{name}")) for name in "yx"]
        size = (sizes[0], sizes[1]) if sizes[0] and sizes[1] else None
        turn, told = turn_to_rise(*(_positions(file, name) for name in "yx"))
        metadata |= {key: turn(metadata[key]) for key in ("flat", "dark") if key in metadata}
        notes = choice_note(at, angles) + told
        data = turn(_turned(images, at))
        return RawStack(data, energy, quantity, size, metadata, warnings, notes, interruptible=True)


def _positions(file: h5py.File, name: str) -> Any:
    field = row(file, f"exchange/{name}")
    return None if field is None else field[()]


def _angles(file: h5py.File, lengths: tuple[int, ...]) -> list[str]:
    """Return the names of the stacks of a tilt series; one name for a stack without an axis of angles."""
    if not lengths:
        return ["the stack"]
    angles = row(file, "exchange/theta")
    if angles is None or angles.size != lengths[0]:
        return [f"projection {i}" for i in range(lengths[0])]
    return [f"{angle:g} degrees" for angle in np.ravel(angles[()])]


def _turned(values: h5py.Dataset, at: int) -> Any:
    """Values (X, Y), (X, Y, E) or (X, Y, E, angle) as (Y, X) or (E, Y, X)."""
    turned = load(values, range(values.ndim)[::-1])
    return turned[at] if values.ndim == 4 else turned


def _is_optical_depth(file: h5py.File, images: h5py.Dataset) -> bool:
    """Whether the images are the optical density that the file has as well, with an I0 of 1, as MANTiS saves both."""
    white, density = row(file, f"{_NORMALIZATION}/white_spectrum"), array(file, "spectromicroscopy/optical_density")
    if white is None or density is None or not white.size or (white[()] != 1).any():
        return False
    if images.ndim == 4:
        return False
    nx, ny, n_energies = images.shape
    if density.shape != (nx * ny, n_energies):
        return False
    # Counts are never their own logarithm: the first and the last frame tell.
    return all(
        np.allclose(density[:, at].reshape((nx, ny), order="F"), images[:, :, at], rtol=1e-5, equal_nan=True)
        for at in (0, n_energies - 1)
    )


def _i0(file: h5py.File, energy: NDArray[np.float64], warnings: list[str]) -> dict[str, Any]:
    """I0 on the stack's energies, from the spectrum that MANTiS keeps with the stack."""
    white, keys = (row(file, f"{_NORMALIZATION}/white_spectrum{end}") for end in ("", "_energy"))
    if white is None or white.size < 2:
        return {}
    values = np.ravel(white[()]).astype(np.float64)
    axis = energy if keys is None else to_ev(keys[()], text(keys.attrs.get("units", "")))[0]
    if axis.size != values.size or not (values > 0).all():
        warnings.append(
            "the white spectrum of the file is no I0 and left out: it must be positive at each of its energies"
        )
        return {}
    order = np.argsort(axis, kind="stable")
    i0 = np.interp(energy, axis[order], values[order], left=np.nan, right=np.nan)
    if not np.isfinite(i0).all():
        warnings.append(
            f"the white spectrum of the file is left out: it covers {axis.min():g} to {axis.max():g} eV, "
            f"the stack {energy.min():g} to {energy.max():g} eV"
        )
        return {}
    return {"i0": i0}
