"""One image of a Zeiss file as a frame of a series, and whether the microscope has divided it by a reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_xanes.io.files import first_names
from napari_xanes.io.part import Part
from napari_xanes.io.zeiss.file import Content, image_loader, reference_loader

CORRECTED = "the microscope has divided by the reference; it is not applied again"


def image_part(path: Path, content: Content, number: int, energy: float | None, unit: str) -> Part:
    """Return one image as a frame, with the reference of the file, if it is complete and not applied yet.

    Parameters
    ----------
    path : Path
        The file, as it was named.
    content : Content
        Its header.
    number : int
        Which image, from 0.
    energy : float or None
        eV.
    unit : str
        How the unit of the energy was known.
    """
    exposure, angle = (values[number : number + 1] for values in (content.exposure, content.angle))
    flat = None
    if content.reference_type is not None and not content.corrected:
        flat = Part(
            path,
            energy,
            content.shape,
            content.reference_type,
            reference_loader(content),
            exposure=content.reference_exposure or 0.0,
        )
    return Part(
        path,
        energy,
        content.shape,
        content.dtype,
        image_loader(content, number),
        unit,
        exposure=float(exposure[0]) if exposure.size else 0.0,
        pixel_size=content.pixel_sizes,
        angle=float(angle[0]) if angle.size else None,
        flat=flat,
    )


def are_corrected(place: Path, contents: Sequence[Content]) -> bool:
    """Whether the microscope has divided by the references in all files, or in none.

    Raises
    ------
    ValueError
        If it has in some.
    """
    corrected = [content.path.name for content in contents if content.corrected]
    if 0 < len(corrected) < len(contents):
        raise ValueError(
            f"{place}: in {len(corrected)} of {len(contents)} files the microscope has divided by the reference "
            f"({first_names(corrected)}), in the others not; open either by themselves"
        )
    return bool(corrected)


def one_reference(parts: Sequence[Part]) -> list[str]:
    """Return a warning if the references within the files of several energies are one and the same image."""
    if len(parts) < 2 or parts[0].flat is None or parts[-1].flat is None or parts[0].energy == parts[-1].energy:
        return []
    if not np.array_equal(parts[0].flat.load(), parts[-1].flat.load()):
        return []
    return ["the files hold one reference image for all energies; give optical_depth flats of each energy"]


def unused_references(contents: Sequence[Content]) -> list[str]:
    """Return a warning if files hold several references each, and no single one that is taken."""
    if not any(c.has_several_references and c.reference_type is None and not c.corrected for c in contents):
        return []
    return [
        "several reference images (MultiReferenceData) are not used, because nothing says to which images they belong; "
        "export them as .xrm, and give them to optical_depth as flat"
    ]
