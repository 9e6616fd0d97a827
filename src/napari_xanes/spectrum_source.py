"""Where a spectrum comes from: its file and record, so that a recipe can name them in the place of all numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

RECORD, SHIFT = "file_record", "shift_ev"
"""Entries of a spectrum's metadata: which record of its file it is; by how much its energies were moved, in eV."""

FILE_KEYS = ("path", "fingerprint", RECORD)
"""Entries of a spectrum's metadata that tell about its file: another file must not repeat them."""

_SAME_ENERGY = 1e-6
"""Energies that differ by less, in eV, are the same: what a shift and its reverse leave is 1e-12."""


@dataclass(frozen=True)
class SpectrumSource:
    """The file and record of a spectrum whose values are still those of the file.

    Parameters
    ----------
    path : str
        The file.
    record : str
        Name of the spectrum in the file.
    reading : mapping
        What was chosen when it was read (columns, mode, scan), as `napari_xanes.read_spectra` takes it.
    fingerprint : str, optional
        Content hash of the file when it was read.
    shift : float
        What was added to its energies since then, in eV.
    """

    path: str
    record: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    shift: float = 0.0

    def to_plain(self) -> dict[str, Any]:
        """Return the mapping that a parameter for references takes in the place of the spectrum.

        Examples
        --------
        >>> SpectrumSource("nickel.prj", "NiO foil", shift=0.3).to_plain()
        {'path': 'nickel.prj', 'record': 'NiO foil', 'shift': 0.3}
        """
        plain: dict[str, Any] = {"path": self.path, "record": self.record, **self.reading}
        return plain | ({"shift": self.shift} if self.shift else {})


def record_of(
    name: str, energy: NDArray[np.float64], mu: NDArray[np.float64], valence: float | None = None
) -> dict[str, Any]:
    """Return what tells later whether a spectrum still is a record of its file.

    Parameters
    ----------
    name : str
        Name of the record in the file.
    energy, mu : ndarray, shape (E,)
        Its energies in eV, and its values.
    valence : float, optional
        The valence that the file tells.
    """
    record: dict[str, Any] = {"name": name, "values": _digest(mu), "energies": _summary(energy)}
    return record if valence is None else record | {"valence": valence}


def shift_of(metadata: Mapping[str, Any]) -> float:
    """Return by how much the energies of a spectrum were moved, in eV, as its metadata say."""
    shift = metadata.get(SHIFT, 0.0)
    return float(shift) if isinstance(shift, int | float) else 0.0


def source_of(
    metadata: Mapping[str, Any], energy: NDArray[np.float64], mu: NDArray[np.float64]
) -> SpectrumSource | None:
    """Return the file and record of a spectrum; None if it has no file, or its values are others by now.

    Parameters
    ----------
    metadata : mapping
        Of the spectrum.
    energy, mu : ndarray, shape (E,)
        Its energies in eV, and its values.
    """
    path, record, shift = metadata.get("path"), metadata.get(RECORD), shift_of(metadata)
    if not isinstance(path, str) or not isinstance(record, Mapping):
        return None
    name, values, energies = (record.get(key) for key in ("name", "values", "energies"))
    if not isinstance(name, str) or values != _digest(mu) or not isinstance(energies, Sequence) or len(energies) != 3:
        return None
    if not np.allclose(np.asarray(energies, dtype=np.float64), _summary(energy - shift), rtol=0, atol=_SAME_ENERGY):
        return None
    reading, content = metadata.get("reading"), metadata.get("fingerprint")
    return SpectrumSource(
        path,
        name,
        dict(reading) if isinstance(reading, Mapping) else {},
        content if isinstance(content, str) else None,
        shift,
    )


def _digest(mu: NDArray[np.float64]) -> str:
    return sha256(np.ascontiguousarray(mu, dtype="<f8").tobytes()).hexdigest()[:16]


def _summary(energy: NDArray[np.float64]) -> list[float]:
    return [float(energy[0]), float(energy[-1]), float(np.mean(energy))]
