"""The text of energies beside a TIFF, for other programs: written only where no other text is lost."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import TEXT_BYTES, read_energies
from napari_xanes.io.tiff.file import STACK, is_tiff, open_tiff, own_notes


def energies_text(energies: Iterable[float]) -> bytes:
    """Return energies in eV, one a line, so that they read back exactly."""
    return "".join(f"{float(energy)!r}\n" for energy in energies).encode("ascii")


def is_free(text: Path, image: Path) -> bool:
    """Whether a text is missing, or is the one that napari-xanes wrote with the image beside it.

    Parameters
    ----------
    text : Path
        The text.
    image : Path
        The TIFF of the same stem, before it is replaced.
    """
    if not os.path.lexists(text):
        return True
    try:
        if not text.is_file() or text.stat().st_size > TEXT_BYTES or not is_tiff(image):
            return False
        with open_tiff(image) as tiff:
            notes = own_notes(tiff, STACK)
        return notes is not None and text.read_bytes() == energies_text(notes["energy"])
    except (OSError, LookupError, TypeError, ValueError):  # a damaged image proves nothing
        return False


def holds(text: Path, energy: NDArray[np.float64]) -> bool:
    """Whether a text holds these energies (E,) in eV."""
    try:
        return text.is_file() and np.array_equal(read_energies(text)[0], energy)
    except (OSError, ValueError):
        return False
