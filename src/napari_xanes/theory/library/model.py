"""The library: spectra of known parameters on one axis, evaluated at any energies, width and shift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes._typing import Float64Array
from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.io.read_errors import wrap_read_errors
from napari_xanes.spectrum import Spectrum
from napari_xanes.theory.library.archive import read_archive, write_archive
from napari_xanes.theory.library.conventions import AXIS_STEP, COLUMN_UNITS
from napari_xanes.theory.library.weights import weights_at

_HARD = 2000.0
"""Above this energy in eV an edge of a 3d metal is its K edge: a step, whose shape depends on the neighbours too."""


@dataclass(frozen=True, eq=False)
class Library:
    """Spectra of known parameters.

    Parameters
    ----------
    name : str
        Name of the library.
    energy : array_like, shape (R,)
        Energies in eV in steps of 0.05, counted from each member's offset.
    spectra : array_like, shape (M, R)
        Absorption per atom, stored as float32. Simulated spectra have the width of the lifetime, without that of the
        instrument.
    table : mapping of str to array_like, shape (M,)
        Parameters of the members, named as in `COLUMN_UNITS`. Required: ``charge`` and ``offset`` (eV: the photon
        energy at 0 of the axis).
    provenance : mapping, optional
        How the spectra were made, in plain values.

    Raises
    ------
    ValueError
        If lengths differ, a column is unknown or missing, the axis is not even, or a spectrum is not finite or zero.

    Examples
    --------
    >>> axis = np.arange(630, 660, 0.05)
    >>> line = np.exp(-((axis - 640) ** 2))
    >>> table = {"name": ["a", "b"], "charge": [2, 3], "offset": [0, 1]}
    >>> library = Library("lines", axis, [line, line], table)
    >>> library.at([640.0, 641.0], broadening=0.0).round(3).tolist()
    [[1.0, 0.368], [0.368, 1.0]]
    """

    name: str
    energy: Float64Array
    spectra: NDArray[np.float32]
    table: Mapping[str, NDArray[Any]]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        energy = np.array(self.energy, dtype=np.float64)
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            spectra = np.array(self.spectra, dtype=np.float32)
        if energy.ndim != 1 or energy.size < 2 or not np.allclose(np.diff(energy), AXIS_STEP, rtol=0, atol=1e-6):
            raise ValueError(f"library {self.name!r}: the axis must have even steps of {AXIS_STEP} eV")
        if spectra.ndim != 2 or spectra.shape[1] != energy.size or spectra.shape[0] == 0:
            raise ValueError(f"library {self.name!r}: {energy.size} energies but spectra of shape {spectra.shape}")
        wrong = ~np.isfinite(spectra).all(axis=1) | ~spectra.any(axis=1)
        if wrong.any():
            raise ValueError(
                f"library {self.name!r}: spectrum {int(wrong.argmax())} is not finite or zero everywhere; leave it out"
            )
        table = {name: np.array(column) for name, column in self.table.items()}
        unknown = sorted(set(table) - set(COLUMN_UNITS))
        missing = sorted({"charge", "offset"} - set(table))
        if unknown:
            known = ", ".join(COLUMN_UNITS)
            raise ValueError(f"library {self.name!r}: no column is called {unknown[0]!r}; known: {known}")
        if missing:
            raise ValueError(f"library {self.name!r}: no {missing[0]}")
        for name, column in table.items():
            if column.shape != spectra.shape[:1]:
                raise ValueError(f"library {self.name!r}: {len(spectra)} spectra, but column {name} is {column.shape}")
            if COLUMN_UNITS[name]:
                table[name] = column.astype(np.float64)
        arrays: list[NDArray[Any]] = [energy, spectra, *table.values()]
        for array in arrays:
            array.flags.writeable = False
        object.__setattr__(self, "energy", energy)
        object.__setattr__(self, "spectra", spectra)
        object.__setattr__(self, "table", FrozenMapping(table))
        object.__setattr__(self, "provenance", FrozenMapping(self.provenance))

    def __len__(self) -> int:
        return len(self.spectra)

    def __repr__(self) -> str:
        return f"Library({self.name!r}, {len(self)} spectra of {', '.join(dict.fromkeys(self.species))})"

    @cached_property
    def species(self) -> list[str]:
        """Ion of each member, such as ``Mn2+``, or the member's name if charge or element are unknown."""
        charges = self.table["charge"]
        names = self.table.get("name", np.array([f"{self.name} {i}" for i in range(len(self))]))
        elements = self.table.get("element", np.array([""] * len(self)))
        return [
            f"{element}{charge:.0f}+" if element and charge == round(charge) else str(name)
            for element, charge, name in zip(elements, np.nan_to_num(charges, nan=0.5), names, strict=True)
        ]

    @cached_property
    def tracks(self) -> list[NDArray[np.intp]]:
        """Rows of members that differ in 10Dq only, in order of 10Dq. A member without 10Dq is a track of its own."""
        n = len(self)
        ten_dq = self.column("ten_dq")
        keys = [
            self.table[name].round(6).astype(str) if COLUMN_UNITS[name] else self.table[name]
            for name in self.table
            if name not in ("ten_dq", "ten_dq_sigma", "offset", "name")
        ]
        single = np.where(np.isnan(ten_dq), np.arange(n), -1).astype(str)
        _, number = np.unique(np.stack([*(k.astype(str) for k in keys), single], axis=1), axis=0, return_inverse=True)
        number = number.ravel()
        first = [int(np.flatnonzero(number == i)[0]) for i in range(number.max() + 1)]
        rows = [np.flatnonzero(number == number[i]) for i in sorted(first)]
        return [r[np.argsort(ten_dq[r], kind="stable")] for r in rows]

    def column(self, name: str) -> Float64Array:
        """Return a column of numbers, all NaN if the library does not have it."""
        column: Float64Array = self.table.get(name, np.full(len(self), np.nan))
        return column

    @property
    def span(self) -> tuple[float, float]:
        """Range of photon energies in eV that all members cover."""
        offset = self.table["offset"]
        return float(self.energy[0] + offset.max()), float(self.energy[-1] + offset.min())

    @property
    def is_k_edge(self) -> bool:
        """Whether the spectra are steps at a hard X-ray edge, not lines at a soft one."""
        return at_k_edge(*self.span)

    @property
    def needs_calibration(self) -> bool:
        """Whether the energies come from a theory that is wrong by some eV, so that they need a calibration."""
        return self.provenance.get("energies") == "theory"

    def at(
        self, energy: ArrayLike, *, broadening: float = 0.25, shift: float = 0.0, rows: Any = slice(None)
    ) -> Float64Array:
        """Evaluate the spectra at photon energies.

        Parameters
        ----------
        energy : array_like, shape (E,)
            Photon energies in eV.
        broadening : float
            Full width of the instrument's Gaussian in eV. Below 0.1 the spectra are interpolated without it.
        shift : float
            Shift of every member to higher energies, in eV.
        rows : slice or array of int
            Members to evaluate.

        Returns
        -------
        ndarray, shape (M, E)
            float64; 0 beyond the axis of a member.
        """
        axis = np.asarray(energy, dtype=np.float64)
        spectra, offset = self.spectra[rows], self.table["offset"][rows] + shift
        out = np.empty((len(spectra), axis.size))
        for value in np.unique(offset):
            same_offset = offset == value
            out[same_offset] = spectra[same_offset] @ weights_at(self.energy, axis - value, broadening)
        return out

    def spectrum(self, row: int, energy: ArrayLike | None = None, *, broadening: float = 0.25) -> Spectrum:
        """Return one member as a `Spectrum`, for a plot or as a reference.

        Parameters
        ----------
        row : int
            Number of the member.
        energy : array_like, shape (E,), optional
            Photon energies in eV; by default the member's own axis.
        broadening : float
            Full width of a Gaussian in eV.
        """
        offset = float(self.table["offset"][row])
        axis = self.energy + offset if energy is None else np.asarray(energy, dtype=np.float64)
        charge = float(self.table["charge"][row])
        mu = self.at(axis, broadening=broadening, rows=[row])[0]
        metadata = {"normalized": True, "parameters": self.parameters(row), "library": self.name}
        return Spectrum(self.label(row), axis, mu, None if np.isnan(charge) else charge, metadata=metadata)

    def parameters(self, row: int) -> dict[str, Any]:
        """Return the parameters that a member has, as plain values."""
        values = {name: column[row].item() for name, column in self.table.items()}
        return {name: value for name, value in values.items() if value == value and value != ""}

    def label(self, row: int) -> str:
        """Return the name of a member for a legend, such as ``Mn2+ 10Dq 0.9 eV``."""
        ten_dq = self.column("ten_dq")[row]
        return self.species[row] if np.isnan(ten_dq) else f"{self.species[row]} 10Dq {ten_dq:.2g} eV"

    def members(self, rows: Any) -> Library:
        """Return a library of some of the members."""
        table = {name: column[rows] for name, column in self.table.items()}
        energy_scale = {"energies": "theory"} if self.needs_calibration else {}
        return replace(self, spectra=self.spectra[rows], table=table, provenance={"part of": self.name, **energy_scale})

    def to_plain(self) -> Any:
        """Return what a recipe stores of the library: its name, its path, or how to build it again.

        Raises
        ------
        ValueError
            If neither name nor file nor build parameters are known.
        """
        for key in ("path", "shipped"):
            if key in self.provenance:
                return self.provenance[key]
        for key in ("build", "spectra"):
            if key in self.provenance:
                return {key: self.provenance[key]}
        raise ValueError(
            f"library {self.name!r} is in no file, so a recipe can't refer to it; write it with Library.save"
        )

    def save(self, path: str | Path, *, compress: bool = False, every: int = 1) -> None:
        """Write the library to an ``.npz`` file; it appears whole or not at all.

        Parameters
        ----------
        path : path
            The file to write.
        compress : bool
            Round the spectra to within `LOSS` of the highest value, which makes the file far smaller.
        every : int
            Store only every n-th point, for smooth spectra; reading interpolates them by a spline.

        Raises
        ------
        OSError
            If the file can't be written.
        ValueError
            If thinning would lose the last point.
        """
        metadata = {"name": self.name, "provenance": self.provenance}
        write_archive(path, self.energy, self.spectra, self.table, metadata, compress=compress, every=every)

    @classmethod
    def read(cls, path: str | Path) -> Library:
        """Read a library that `save` wrote.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If the file is not a library; the message names the file.
        """
        with wrap_read_errors(Path(path)):
            return cls(**read_archive(path))


def at_k_edge(low: float, high: float) -> bool:
    """Whether energies (eV) from `low` to `high` lie around a K edge of a 3d metal, not its L2,3 edge.

    Examples
    --------
    >>> at_k_edge(8300.0, 8400.0), at_k_edge(630.0, 660.0)
    (True, False)
    """
    return (low + high) / 2 > _HARD
