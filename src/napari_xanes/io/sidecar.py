"""Energies beside an image: in a text of the same stem, in a log of PyXRF, or in the only text that fits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import TEXT_BYTES, first_column, given_energies, to_ev
from napari_xanes.io.energy_limits import HIGHEST, LOWEST, looks_like_energies
from napari_xanes.io.files import files_in, link_warnings, read_text

_TEXT_SUFFIXES = (".txt", ".dat", ".csv")
_MOST_TEXTS = 100
_LOGGED = re.compile(r"incident energy = (\d+\.\d+) keV(?: \(corrected to (\d+\.\d+) keV\))?")


@dataclass(frozen=True)
class Energies:
    """Energies that were found beside an image.

    Parameters
    ----------
    values : array of float64, shape (E,)
        In eV.
    unit : str
        How their unit was known.
    path : Path
        The text that holds them.
    notes : tuple of str
        What people should know of them.
    """

    values: NDArray[np.float64]
    unit: str
    path: Path
    notes: tuple[str, ...] = ()


def same_stem(path: Path) -> Energies | None:
    """Read the energies in ``<stem>.txt`` or ``<stem>_energ*``, whatever their number.

    So a wrong number of energies is not passed over in silence.
    """
    return next((energies for text in _texts_of(path) if (energies := _energies_in(text))), None)


def _texts_of(path: Path) -> list[Path]:
    """Return the texts that belong to an image file by their names."""
    stem = path.stem.lower()
    texts = _texts(path.parent)[0]
    txt_files = [p for p in texts if p.stem.lower() == stem and p.suffix.lower() == ".txt"]
    return txt_files + [p for p in texts if p.stem.lower().startswith(f"{stem}_energ")]


def only_fitting(folder: Path, counts: tuple[int, ...]) -> Energies | None:
    """Read the energies in the only text, or log of PyXRF, of a folder that has one per image."""
    texts = _texts(folder)[0]
    if len(texts) > _MOST_TEXTS:
        return None
    candidates = [energies for p in texts if (energies := _energies_in(p)) and energies.values.size in counts]
    return candidates[0] if len(candidates) == 1 else None


def missing(path: Path) -> str:
    """Return the message for an image file without energies: why its text has none, if there is one."""
    refused = [f"{text.name}: {reason}" for text in _texts_of(path) if (reason := _why_without_energies(text))]
    message = f"no energies found beside it: put them one per line in {path.stem}.txt, or pass energies="
    return "; ".join([*(refused or [message]), *link_warnings(_texts(path.parent)[1])])


def _why_without_energies(text: Path) -> str:
    """Return why a text that should hold energies holds none; empty if it is no list of numbers at all."""
    try:
        values, _ = first_column(read_text(text, limit=TEXT_BYTES))
    except (OSError, ValueError) as error:
        return str(error).removeprefix(f"{text}: ")
    if values is None:
        return ""
    return (
        f"its numbers, {values.min():g} to {values.max():g}, are no photon energies of {LOWEST:g} eV to "
        f"{HIGHEST / 1000:g} keV that mostly go one way"
    )


def given_or_sidecar_energies(
    path: Path, n_images: int, energies: Any
) -> tuple[NDArray[np.float64], dict[str, Any], list[str]]:
    """Return the energies of an image file in eV, given or from a text file, with metadata and notes on the source.

    Raises
    ------
    ValueError
        If there are none, or another number than images.
    """
    notes: list[str] = []
    if energies is not None:
        values, unit = given_energies(energies)
        metadata: dict[str, Any] = {"energy_unit": unit}
    else:
        sidecar = same_stem(path) or only_fitting(path.parent, (n_images,))
        if sidecar is None:
            raise ValueError(missing(path))
        values, notes = sidecar.values, list(sidecar.notes)
        metadata = {"energy_unit": sidecar.unit, "energy_source": str(sidecar.path.resolve())}
    if values.size != n_images:
        raise ValueError(f"{values.size} energies for {n_images} images; {ways_out.ONE_EACH}")
    return values, metadata, notes


def _texts(folder: Path) -> tuple[list[Path], list[Path]]:
    return files_in(folder, _TEXT_SUFFIXES)


def _energies_in(path: Path) -> Energies | None:
    try:
        content = read_text(path, limit=TEXT_BYTES)
    except (OSError, ValueError):
        return None
    if logged := _LOGGED.findall(content):
        return _logged(logged, path)
    try:
        values, unit = first_column(content)
    except ValueError:
        return None  # commas that can be decimals or columns: `missing` says so
    if values is None or not looks_like_energies(values if unit is None else to_ev(values, unit)[0]):
        return None
    energy, source = to_ev(values, unit)
    return Energies(energy, source, path)


def _logged(lines: list[tuple[str, str]], path: Path) -> Energies | None:
    """Read energies from a log of PyXRF, corrected by the user's shift, as PyXRF itself uses them."""
    measured = np.array([float(energy) for energy, _ in lines])
    corrected = np.array([float(shifted or energy) for energy, shifted in lines])
    if not looks_like_energies(corrected):
        return None
    shift = np.round(np.median(corrected - measured) * 1e3, 3)
    notes = (f"energies as corrected by {shift:+g} eV in {path.name}",) if shift else ()
    return Energies(to_ev(corrected, "keV")[0], "keV", path, notes)
