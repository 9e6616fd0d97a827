"""Zeiss (Xradia) ``.xrm`` and ``.txrm``: one image, a stack of energies, or the projections of a tomography."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.frames import one_per_file
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import choice_note, chosen
from napari_xanes.io.zeiss.file import REFERENCE, Content, content, image, why_not


def why_not_readable(path: Path) -> str | None:
    """Why the file is none of a Zeiss microscope; None if it is."""
    return why_not(path)


@reader("zeiss", title="Zeiss XRM", patterns=("*.xrm", "*.txrm"), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None, select: str | int | None = None) -> RawStack:
    """The images as counts; of a tomography at one energy one projection, the first unless selected.

    A reference in the file becomes ``flat`` (Y, X); ``exposure`` and ``flat_exposure`` are in s.

    Parameters
    ----------
    path : Path
        The file.
    energies : array_like of eV, or path of a text file, optional
        Then energies are not looked for, and the images are not taken for projections.
    select : str or int, optional
        Which projection, such as ``"projection 3"``.

    Raises
    ------
    OSError
        If the file is damaged.
    ValueError
        If no image is whole, or energies are missing.
    """
    found = content(path)
    if not found.images:
        raise ValueError(
            f"{path}: the exposure was aborted, no image was taken; leave the file out"
            if not found.announced or not found.energy.size
            else f"{path}: none of {found.announced} images is in the file as a whole, it is cut short; copy it again"
        )
    told, notes = [], []
    if missing := found.announced - len(found.images):
        told.append(f"{missing} of {found.announced} images are missing or cut short, and are dropped")
    if min(found.tiles) > 0:
        notes.append(f"a mosaic of {found.tiles[0]} x {found.tiles[1]} tiles, as the microscope stitched it")
    names = list(found.images)
    at = np.array(found.at)
    metadata: dict[str, Any] = {}
    energy, metadata["energy_unit"] = (np.zeros(at.size), "") if energies is not None else _energies(found, at)
    if at.size > 1 and energies is None and np.ptp(energy) == 0:
        available = [f"projection {i}" for i in at]
        one = chosen(select, available)
        metadata |= {"available": available, "detector": available[one]}
        if found.angle.size > at[one]:
            metadata["angle"] = float(found.angle[at[one]])
        notes += [f"{at.size} images at one energy are taken for projections", *choice_note(one, available)]
        names, at, energy = [names[one]], at[one : one + 1], energy[:1]
    elif select is not None:
        raise ValueError(f"{path}: select={select!r}, but there are no projections of one energy to select from")
    exposure = found.exposure[at] if found.exposure.size > at.max() else found.exposure[:0]
    if exposure.size and (exposure > 0).all() and np.isfinite(exposure).all():
        metadata["exposure"] = float(exposure[0]) if np.ptp(exposure) == 0 else exposure
    if found.corrected:
        notes.append("the microscope has divided by the reference; it is not applied again")
    elif found.reference is not None:
        metadata |= {"flat": image(found.path, REFERENCE, found.shape, found.reference), "n_flat": 1}
        if found.reference_exposure:
            metadata["flat_exposure"] = found.reference_exposure
        if at.size > 1:
            told.append("the file has one reference image for all energies; give optical_depth flats of each energy")
    elif found.reference_broken:
        told.append("the reference image in the file is cut short or of another size, and is not used; copy it again")
    parts = [partial(image, found.path, name, found.shape, found.dtype) for name in names]
    data = one_per_file(parts, found.shape, found.dtype.newbyteorder("="))
    size = None if found.pixel_size is None else (found.pixel_size, found.pixel_size)
    return RawStack(data, energy, "transmission" if found.corrected else "counts", size, metadata, told, notes)


def _energies(found: Content, at: NDArray[np.intp]) -> tuple[NDArray[np.float64], str]:
    """Energies of the images in eV and how they are known.

    Where a header has but one energy, whatever the number of times and the zeros between, it is that of all images.
    """
    energy = found.energy
    different = np.unique(energy[energy != 0])
    if different.size == 1:
        energy = np.full(at.max() + 1, different[0])
    there = energy.size > at.max()
    if there and np.isfinite(energy[at]).all() and (energy[at] > 0).all():
        return energy[at], "eV"
    named = energy_in(found.path.stem)
    if named is not None and at.size == 1:
        return np.array([named[0]]), f"{named[1]} (file name)"
    what = "has no energies" if not there or not energy[at].any() else "has no energy for some images"
    raise ValueError(f"{found.path}: the header {what}; pass energies=, one in eV for each of {at.size} images")
