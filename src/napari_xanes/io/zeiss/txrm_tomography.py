"""One ``.txrm`` with the projections of a tomography, and its energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.series import SAME_VIEW
from napari_xanes.io.zeiss.file import Content, content_with_image
from napari_xanes.io.zeiss.xrm_names import MOST_APART, SAME_ENERGY


@dataclass(frozen=True)
class Tomography:
    """The facts of a file, known before its frames are read.

    Parameters
    ----------
    path : Path
        The file, as it was named.
    content : Content
        Its header; at least one image is complete.
    header_energy, name_energy : float
        Energy in eV in the header, if it is one for all images, and in the name; NaN where there is none.
    """

    path: Path
    content: Content
    header_energy: float
    name_energy: float

    @property
    def has_one_energy(self) -> bool:
        """Whether the file is a tomography at one energy, not a stack of several.

        The energy is in the header, or in the name if the sample turned, whatever the header says then.
        """
        angles = self.content.angle[np.isfinite(self.content.angle)]
        turned = angles.size > 1 and np.ptp(angles) > SAME_VIEW
        has_several = np.isnan(self.header_energy) and (self.content.energy > 0).any()
        return not has_several or bool(turned and not np.isnan(self.name_energy))

    def differs(self, other: Tomography) -> bool:
        """Whether the energies differ, or may differ, as far as headers and names tell."""
        differences = np.abs([self.header_energy - other.header_energy, self.name_energy - other.name_energy])
        return bool(np.isnan(differences).all() or np.nanmax(differences) > SAME_ENERGY)


def parse_tomography(path: Path) -> Tomography:
    """Read the facts of a file, a tomography or a stack of energies.

    Raises
    ------
    OSError
        If it is damaged or holds no image.
    """
    content = content_with_image(path)
    energies = content.energy[np.isfinite(content.energy) & (content.energy > 0)]
    agree = energies.size > 0 and np.ptp(energies) <= SAME_ENERGY
    match = energy_in(path.stem)
    return Tomography(path, content, float(energies.mean()) if agree else np.nan, np.nan if match is None else match[0])


def energies_of(tomographies: Sequence[Tomography]) -> tuple[Float64Array, str, str]:
    """Choose between the energies of headers and of names.

    The energies of the names are taken if a header has none or that of something else, and then for all files,
    because the two scales differ.

    Returns
    -------
    energy : array, shape (N,)
        eV; NaN if a file has none.
    unit : str
        How their unit was known.
    note : str
        Which energies were taken.
    """
    headers = np.array([tomography.header_energy for tomography in tomographies])
    names = np.array([tomography.name_energy for tomography in tomographies])
    difference = np.abs(headers - names)
    unusable = np.isnan(headers) | (difference > MOST_APART)
    all_named = not np.isnan(names).any()
    if not unusable.any() and not (all_named and np.unique(headers).size < np.unique(names).size):
        comparison = f"; those of the file names differ by up to {difference.max():.2f} eV" if all_named else ""
        return headers, "eV", f"energies of the headers{comparison}"
    if all_named:
        return names, "eV (file names)", "energies of the file names: the headers have not one that fits for each file"
    note = "energies of the file names where headers have none that fits"
    return np.where(unusable, names, headers), "eV (headers and file names)", note
