"""Zeiss (Xradia) ``.xrm`` and ``.txrm``: one image, a stack of energies, or the projections of a tomography."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.frames import one_per_file
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.registry import reader
from napari_xanes.io.selection import selected_index, with_choice
from napari_xanes.io.series import other_views
from napari_xanes.io.zeiss.file import (
    Content,
    image_loader,
    read_content,
    reference_loader,
    why_no_image,
    why_not_zeiss,
)
from napari_xanes.io.zeiss.image_part import CORRECTED, unused_references
from napari_xanes.io.zeiss.xrm_names import SAME_ENERGY
from napari_xanes.spectrum import KEV_LIMIT
from napari_xanes.stack import Quantity


def why_not_readable(path: Path) -> str | None:
    """Return why the file is not of a Zeiss microscope; None if it is."""
    return why_not_zeiss(path)


@reader("zeiss", title="Zeiss XRM", patterns=("*.xrm", "*.txrm"), why_not_readable=why_not_readable)
def read(path: Path, energies: Any = None, select: str | int | None = None) -> RawStack:
    """Read the images; of a tomography at one energy one projection, the first unless selected.

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
        If no image is complete, or energies are missing.
    """
    content = read_content(path)
    if not content.numbers:
        raise ValueError(f"{path}: {why_no_image(content)}")
    numbers = np.array(content.numbers)
    energy, unit = (np.zeros(numbers.size), "") if energies is not None else _energies(content, numbers)
    # A monochromator drifts while a sample turns; energies in keV are refused later.
    drift = SAME_ENERGY if energy.max() > KEV_LIMIT else 0.0
    if numbers.size > 1 and energies is None and np.ptp(energy) <= drift:
        return _one_projection(content, numbers, energy, unit, select)
    if select is not None:
        raise ValueError(f"{path}: select={select!r}, but there are no projections of one energy to select from")
    stack = _stack(content, numbers, energy, unit)
    if energies is None and content.angle.size > numbers.max():
        stack.warnings += other_views(content.angle[numbers])
    return stack


def _one_projection(
    content: Content, numbers: IndexArray, energy: Float64Array, unit: str, select: str | int | None
) -> RawStack:
    available = [f"projection {number}" for number in numbers]
    index = selected_index(select, available)
    number = numbers[index]
    stack = _stack(content, numbers[index : index + 1], energy[:1], unit)
    if content.angle.size > number:
        stack.metadata["angle"] = float(content.angle[number])
    stack.notes.append(f"{numbers.size} images at one energy are taken for projections")
    return with_choice(stack, index, available)


def _stack(content: Content, numbers: IndexArray, energy: Float64Array, unit: str) -> RawStack:
    """Return the images of some numbers, with the reference of the file."""
    warnings, notes = [], []
    if missing := content.n_taken - len(content.numbers):
        warnings.append(f"{missing} of {content.n_taken} images are missing or cut short, and are dropped")
    if min(content.tiles) > 0:
        notes.append(f"a mosaic of {content.tiles[0]} x {content.tiles[1]} tiles, as the microscope stitched it")
    if content.corrected:
        notes.append(CORRECTED)
    metadata = {"energy_unit": unit} | _exposure(content, numbers) | _flat(content, numbers.size, warnings)
    data = one_per_file([image_loader(content, int(i)) for i in numbers], content.shape, content.dtype)
    quantity: Quantity = "transmission" if content.corrected else "counts"
    return RawStack(data, energy, quantity, content.pixel_sizes, metadata, warnings, notes)


def _exposure(content: Content, numbers: IndexArray) -> dict[str, Any]:
    """Return the exposure in s: one for all, or one for each image; nothing if one is not known."""
    if content.exposure.size <= numbers.max():
        return {}
    times = content.exposure[numbers]
    if not ((times > 0) & (times < np.inf)).all():
        return {}
    return {"exposure": float(times[0]) if np.ptp(times) == 0 else times}


def _flat(content: Content, n_images: int, warnings: list[str]) -> dict[str, Any]:
    """Return the reference of the file, unless the microscope has applied it."""
    if content.corrected:
        return {}
    if content.reference_type is None:
        warnings += unused_references([content])
        if content.reference_broken:
            warnings.append(
                "the reference image in the file is cut short or of another size, and is not used; copy it again"
            )
        return {}
    if n_images > 1:
        warnings.append("the file has one reference image for all energies; give optical_depth flats of each energy")
    exposure = {"flat_exposure": content.reference_exposure} if content.reference_exposure else {}
    return {"flat": reference_loader(content)(), "n_flat": 1} | exposure


def _energies(content: Content, numbers: IndexArray) -> tuple[Float64Array, str]:
    """Return the energies of the images in eV, and how their unit was known.

    If a header has only one energy besides zeros, it is that of all images.
    """
    energy = content.energy
    different = np.unique(energy[energy != 0])
    if different.size == 1:
        energy = np.full(numbers.max() + 1, different[0])
    is_long_enough = energy.size > numbers.max()
    if is_long_enough and np.isfinite(energy[numbers]).all() and (energy[numbers] > 0).all():
        return energy[numbers], "eV"
    name_energy = energy_in(content.path.stem)
    if name_energy is not None and numbers.size == 1:
        return np.array([name_energy[0]]), f"{name_energy[1]} (file name)"
    has_none = not is_long_enough or not energy[numbers].any()
    missing = "has no energies" if has_none else "has no energy for some images"
    raise ValueError(
        f"{content.path}: the header {missing}; pass energies=, one in eV for each of {numbers.size} images"
    )
