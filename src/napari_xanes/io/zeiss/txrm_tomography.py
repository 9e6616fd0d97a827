"""One ``.txrm`` with the projections of a tomography: its energy, and reading its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.projections import SAME_VIEW
from napari_xanes.io.zeiss.file import REFERENCE, Content, content, image
from napari_xanes.io.zeiss.xrm_names import MOST_APART, SAME_ENERGY


@dataclass(frozen=True)
class Tomography:
    """What is known of a file before its frames are read.

    Parameters
    ----------
    path : Path
        The file, as it was named.
    held : Content
        What it holds; at least one image.
    header, named : float
        Energy in eV in the header, if one for all images, and in the name; NaN where there is none.
    """

    path: Path
    held: Content
    header: float
    named: float

    @property
    def is_one(self) -> bool:
        """Whether it has one energy: in the header, or, whatever stands there, in the name while the sample turned."""
        angles = self.held.angle[np.isfinite(self.held.angle)]
        turned = angles.size > 1 and np.ptp(angles) > SAME_VIEW
        several = np.isnan(self.header) and (self.held.energy > 0).any()
        return not several or bool(turned and not np.isnan(self.named))

    def differs(self, other: Tomography) -> bool:
        """Whether the energy is another, or may be, as far as headers and names tell."""
        apart = np.abs([self.header - other.header, self.named - other.named])
        return bool(np.isnan(apart).all() or np.nanmax(apart) > SAME_ENERGY)


def tomography(path: Path) -> Tomography | None:
    """What is known of a file, be it a tomography or a stack of energies; None if it is damaged or holds no image."""
    try:
        held = content(path)
    except (OSError, ValueError):
        return None
    told = held.energy[np.isfinite(held.energy) & (held.energy > 0)]
    agree = told.size > 0 and np.ptp(told) <= SAME_ENERGY
    named = energy_in(path.stem)
    found = Tomography(path, held, float(told.mean()) if agree else np.nan, np.nan if named is None else named[0])
    return found if held.images else None


def energies_of(found: Sequence[Tomography]) -> tuple[NDArray[np.float64], str, str]:
    """The energies of tomographies in eV, how they are known, and what to note.

    Those of the names are taken where a header has none or that of something else, and then for all files, because
    the two scales differ.

    Raises
    ------
    ValueError
        If one has none.
    """
    headers, names = (np.array([getattr(one, key) for one in found]) for key in ("header", "named"))
    apart = np.abs(headers - names)
    wrong = np.isnan(headers) | (apart > MOST_APART)
    named = not np.isnan(names).any()
    if not wrong.any() and not (named and np.unique(headers).size < np.unique(names).size):
        told = f"; those of the file names differ by up to {apart.max():.2f} eV" if named else ""
        return headers, "eV", f"energies of the headers{told}"
    if named:
        return names, "eV (file names)", "energies of the file names: the headers have not one that fits for each file"
    energy = np.where(wrong, names, headers)
    if np.isnan(energy).any():
        one = found[int(np.flatnonzero(np.isnan(energy))[0])]
        raise ValueError(
            f"{one.path}: no energy in its header or its name; put it into the name, such as _8333.0eV, or pass "
            f"energies=, one in eV for each of {len(found)} files"
        )
    return energy, "eV (headers and file names)", "energies of the file names where headers have none that fits"


def projection(held: Content, number: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """One projection (Y, X)."""
    return image(held.path, held.images[held.at.index(number)], held.shape, held.dtype).astype(dtype, copy=False)


def flat(held: Content, factor: float) -> NDArray[np.float32]:
    """The reference (Y, X), times a factor."""
    values = image(held.path, REFERENCE, held.shape, held.reference or held.dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # pixels that are no numbers, or too large ones, stay so
        return (values * factor).astype(np.float32)
