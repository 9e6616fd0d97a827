"""One absorption spectrum: a reference, an I0 curve, a region's mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.history import to_plain
from napari_xanes.masked_values import nan_for_masked
from napari_xanes.spectrum_lines import LINES, checked_lines, chosen_lines, with_chosen_lines
from napari_xanes.spectrum_source import RECORD, SHIFT, SpectrumSource, record_of, shift_of, source_of

KEV_LIMIT = 30.0
"""Axes that end below this value are probably in keV: no absorption edge that is imaged lies below 30 eV."""

MAX_GRID = 2_000_000
"""Most energies of an even grid: those of the hardest edges, 120 keV, in steps of 0.1 eV, and some more."""

VALENCE_GUESSED = "valence_guessed"
"""Entry of a spectrum's metadata: its valence was guessed from its name."""

_WRITTEN = ("path", "fingerprint", "normalized", "warnings", "reading", "column", RECORD, SHIFT, VALENCE_GUESSED, LINES)
"""Metadata of a spectrum that a recipe keeps."""


def checked_energy(energy: ArrayLike, *, what: str) -> NDArray[np.float64]:
    """Return an energy axis as float64 in eV, after checking it.

    Parameters
    ----------
    energy : array_like, shape (E,)
        Photon energies in eV.
    what : str
        What the energies belong to, for error messages.

    Raises
    ------
    ValueError
        If the axis is empty, not one-dimensional, not finite, not positive, not strictly increasing, or in keV.
    """
    axis = np.array(energy, dtype=np.float64)
    if axis.ndim != 1 or axis.size == 0:
        raise ValueError(f"{what}: the energies must be a list of at least one value, not shape {axis.shape}")
    if not np.isfinite(axis).all():
        i = int(np.flatnonzero(~np.isfinite(axis))[0])
        raise ValueError(f"{what}: energy {i} is not a number; leave that row out")
    if (axis <= 0).any():
        i = int(np.argmax(axis <= 0))
        raise ValueError(f"{what}: {axis[i]:g} at position {i} is no photon energy; energies are above 0 eV")
    if axis.max() < KEV_LIMIT:
        raise ValueError(
            f"{what}: energies of {axis.min():g} to {axis.max():g} eV look like keV; multiply them by 1000"
        )
    not_rising = np.flatnonzero(np.diff(axis) <= 0)
    if not_rising.size:
        i = int(not_rising[0])
        kind = "twice" if axis[i] == axis[i + 1] else "out of order"
        raise ValueError(
            f"{what}: energies must increase strictly, but {axis[i + 1]:g} eV at position {i + 1} comes {kind} "
            f"(after {axis[i]:g} eV); napari_xanes.io.ordered(data, energy) sorts frames and averages repeats"
        )
    return axis


def check_grid(low: float, high: float, step: float, *, what: str) -> None:
    """Check that an even grid of energies is not too long, before it is made.

    Parameters
    ----------
    low, high, step : float
        In eV.
    what : str
        What the grid is for, for the error message.

    Raises
    ------
    ValueError
        If the range is not finite, or has more than `MAX_GRID` energies: a few numbers in a file or a parameter can ask
        for any amount of memory.

    Examples
    --------
    >>> check_grid(8300, 8400, 0.1, what="a reference")
    """
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{what}: {low:g} to {high:g} eV is no range of energies; give two finite ones")
    n_energies = (high - low) / step + 1
    if n_energies > MAX_GRID:
        raise ValueError(
            f"{what}: {low:g} to {high:g} eV in steps of {step:.3g} eV are {n_energies:.3g} energies, "
            f"more than {MAX_GRID}; check the unit of the energies, or choose a smaller range"
        )


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An absorption spectrum on its own energy axis.

    Parameters
    ----------
    name : str
        Name of the measured substance, for legends and as the name of its map.
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    mu : array_like, shape (E,)
        Absorption, I0 or another signal at these energies.
    valence : float, optional
        Formal valence of the absorbing element, when known.
    sigma : array_like, shape (E,), optional
        Standard error of `mu`.
    metadata : mapping, optional
        Other facts from the file. ``normalized`` is False for a measured spectrum with its background, True after
        normalization, absent when unknown; ``path`` is the file, ``fingerprint`` its content hash, ``file_record``
        tells which of its spectra this is, ``shift_ev`` what was added to its energies in eV.

    Raises
    ------
    ValueError
        If lengths differ, the energies do not increase, or they look like keV.

    Examples
    --------
    >>> Spectrum("NiO", [8330, 8350, 8400], [0.0, 1.4, 1.0], valence=2).at([8340])
    array([0.7])
    """

    name: str
    energy: NDArray[np.float64]
    mu: NDArray[np.float64]
    valence: float | None = None
    sigma: NDArray[np.float64] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        energy = checked_energy(self.energy, what=f"spectrum {self.name!r}")
        object.__setattr__(self, "energy", energy)
        for name in ("mu", "sigma"):
            values = getattr(self, name)
            if values is None:
                continue
            values = np.array(nan_for_masked(values), dtype=np.float64)
            if values.shape != energy.shape:
                raise ValueError(f"spectrum {self.name!r}: {energy.size} energies but {name} has shape {values.shape}")
            object.__setattr__(self, name, values)
        if self.valence is not None:
            object.__setattr__(self, "valence", float(self.valence))
        object.__setattr__(self, "metadata", FrozenMapping(self.metadata))

    def at(self, energy: ArrayLike) -> NDArray[np.float64]:
        """Return the spectrum interpolated linearly to other energies, NaN outside its own range.

        Parameters
        ----------
        energy : array_like
            Photon energies in eV.
        """
        return np.interp(np.asarray(energy, dtype=np.float64), self.energy, self.mu, np.nan, np.nan)

    @property
    def shift(self) -> float:
        """What was added to the energies by `shifted`, in eV."""
        return shift_of(self.metadata)

    def shifted(self, shift: float) -> Spectrum:
        """Return the spectrum with energies that lie so far from the measured ones.

        Parameters
        ----------
        shift : float
            In eV, in the place of an earlier shift.

        Raises
        ------
        ValueError
            If an energy would not be above 0.

        Examples
        --------
        >>> once = Spectrum("NiO", [8330, 8350], [0, 1]).shifted(0.5)
        >>> once.energy.tolist(), once.shifted(-0.5).energy.tolist(), once.shifted(0).shift
        ([8330.5, 8350.5], [8329.5, 8349.5], 0.0)
        """
        metadata = {key: value for key, value in self.metadata.items() if key != SHIFT}
        if shift:
            metadata[SHIFT] = float(shift)
        moved = replace(self, energy=self.energy - self.shift + shift, metadata=metadata)
        return (
            moved.with_lines(**self.lines | {"e0": self.lines["e0"] - self.shift + shift})
            if "e0" in self.lines
            else moved
        )

    @property
    def lines(self) -> dict[str, Any]:
        """E0 in eV and ranges in eV from it that were chosen for `normalize_spectrum`; what is absent is automatic."""
        return chosen_lines(self.metadata)

    def with_lines(
        self, e0: float | None = None, pre: Sequence[float] | None = None, post: Sequence[float] | None = None
    ) -> Spectrum:
        """Return the spectrum to be normalized by this E0 and these lines; without any, by automatic ones.

        Parameters
        ----------
        e0 : float, optional
            In eV, on the axis of the spectrum as it is shifted.
        pre, post : (float, float), optional
            Ranges of the two lines in eV from E0.

        Raises
        ------
        ValueError
            If a value is not finite, or a range does not go up.

        Examples
        --------
        >>> chosen = Spectrum("NiO", [8330, 8350], [0, 1]).with_lines(e0=8341.0, pre=(-60, -20))
        >>> chosen.lines, chosen.shifted(0.5).lines["e0"], chosen.with_lines().lines
        ({'e0': 8341.0, 'pre': [-60.0, -20.0]}, 8341.5, {})
        """
        try:
            given = checked_lines(e0, pre, post)
        except ValueError as error:
            raise ValueError(f"spectrum {self.name!r}: {error}") from None
        return replace(self, metadata=with_chosen_lines(self.metadata, given))

    def read_from_file(self, fingerprint: str) -> Spectrum:
        """Return the spectrum with a note that its name and values are those of a file with this content hash."""
        record = record_of(self.name, self.energy, self.mu, self.valence)
        metadata = {key: value for key, value in self.metadata.items() if key != SHIFT}
        return replace(self, metadata={**metadata, "fingerprint": fingerprint, RECORD: record})

    @property
    def source(self) -> SpectrumSource | None:
        """The file and record whose values these are, with the shift; None if there is none or the values changed."""
        return source_of(self.metadata, self.energy, self.mu)

    def by_file(self) -> dict[str, Any] | None:
        """Return a mapping that names file and record, as parameters for references take it; None if there is none.

        `napari_xanes.arguments.load_references` reads from it a spectrum with the same name, values, valence and shift.
        """
        source = self.source
        if source is None:
            return None
        plain = source.to_plain()
        if self.name != source.record:
            plain["name"] = self.name
        if self.lines:
            plain[LINES] = self.lines
        if self.valence != self.metadata[RECORD].get("valence"):
            plain["valence"] = self.valence
        return plain

    def to_plain(self) -> dict[str, Any]:
        """Return the spectrum as plain values with all its numbers, so that a recipe needs no other file."""
        plain: dict[str, Any] = {"name": self.name}
        if self.valence is not None:
            plain["valence"] = self.valence
        plain |= {key: to_plain(self.metadata[key]) for key in _WRITTEN if key in self.metadata}
        plain |= {"energy": to_plain(self.energy), "mu": to_plain(self.mu)}
        if self.sigma is not None:
            plain["sigma"] = to_plain(self.sigma)
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Spectrum:
        """Return the spectrum that `to_plain` wrote.

        Raises
        ------
        ValueError
            If name, energy or mu is absent or of another kind, or energy and mu differ in length.
        """
        missing = [key for key in ("name", "energy", "mu") if key not in plain]
        if missing:
            raise ValueError(f"a spectrum needs name, energy and mu, but {missing[0]!r} is missing")
        metadata = {key: plain[key] for key in _WRITTEN if key in plain}
        name = str(plain["name"])
        try:
            return cls(name, plain["energy"], plain["mu"], plain.get("valence"), plain.get("sigma"), metadata)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"spectrum {name!r}: energy, mu, sigma and valence are numbers ({error})") from None
