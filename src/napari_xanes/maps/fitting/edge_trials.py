"""What trials have shown of the errors of edge energies: a table over the noise of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array, IndexArray

NAMES = ("edge_energy", "derivative_maximum", "white_line")
"""The energies that `EdgeFit` finds."""

_COLUMNS = 1 + 3 * len(NAMES)


class _Place(NamedTuple):
    """Where noise (P,) lies among levels: the level below, and the share of the way to the next one."""

    below: IndexArray
    share: Float64Array

    @classmethod
    def of(cls, noise: Float64Array, levels: Float64Array) -> _Place:
        """Return it; beyond the ends, noise lies at them."""
        if levels.size == 1:
            return cls(np.zeros(noise.size, dtype=np.intp), np.zeros(noise.size))
        below = np.clip(np.searchsorted(levels, noise, side="right") - 1, 0, levels.size - 2)
        # Levels are equal where all pixels have the same noise.
        share = (noise - levels.take(below)) / np.maximum(np.diff(levels), np.finfo(float).tiny).take(below)
        return cls(below, np.clip(share, 0.0, 1.0))

    def in_table(self, table: Float64Array) -> Float64Array:
        """Return values of a table over the levels, on straight lines."""
        return np.asarray(table.take(self.below) + np.diff(table, append=table[-1]).take(self.below) * self.share)


class Trials(NamedTuple):
    """How far noise moves each energy, and its true errors: ``hypot(factor * sigma, error)``.

    Parameters
    ----------
    noise : ndarray, shape (L,)
        Noise of a point at E0, as a share of the edge jump, rising.
    moved : ndarray, shape (3, L)
        How far each energy lies off, in eV.
    error : ndarray, shape (3, L)
        Part of its standard error that is the same for all pixels of this noise, in eV.
    factor : ndarray, shape (3, L)
        Factor of the error that is reckoned from the pixel. Factor and part are 0 from the level on at which an energy
        can't be placed.
    """

    noise: Float64Array
    moved: Float64Array
    error: Float64Array
    factor: Float64Array

    def of(self, name: str, noise: Float64Array, sigma: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return how far noise moves an energy, and its errors, NaN where it can't be placed.

        Parameters
        ----------
        name : str
            One of `NAMES`.
        noise : ndarray, shape (P,)
            Noise of a point at E0, as a share of the edge jump.
        sigma : ndarray, shape (P,)
            Errors as they are reckoned from the pixels, in eV.
        """
        i, n_placed = NAMES.index(name), self.n_placed(name)
        if n_placed == 0:
            return np.zeros_like(noise), np.full_like(noise, np.nan)
        place = _Place.of(noise, self.noise[:n_placed])
        moved, error, factor = (place.in_table(table[i]) for table in (self.moved, self.error, self.factor))
        return moved, np.where(noise <= self.most_noise(name), np.hypot(factor * sigma, error), np.nan)

    def n_placed(self, name: str) -> int:
        """Return at how many levels an energy can be placed."""
        i = NAMES.index(name)
        return int(np.argmin(np.append(self.factor[i] + self.error[i], 0.0) > 0))

    def most_noise(self, name: str) -> float:
        """Return up to which noise an energy can be placed."""
        n = self.n_placed(name)
        if n in (0, self.noise.size):
            return np.inf if n else 0.0
        return float(np.sqrt(self.noise[n - 1] * self.noise[n]))

    def to_numbers(self) -> list[float]:
        """Return the table as numbers, level after level: noise, then three of `moved`, `error` and `factor` each."""
        rows = np.concatenate([self.noise[None], self.moved, self.error, self.factor])
        return [float(f"{value:.4g}") for value in rows.T.ravel()]

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> Trials:
        """Return the table that `to_numbers` has written.

        Raises
        ------
        ValueError
            If the numbers are no whole rows.

        Examples
        --------
        >>> trials = Trials.from_numbers([0.1, 0.0, 0.2, 0.0, 0.3, 0.4, 0.0, 1.0, 1.5, 0.0])
        >>> trials.of("derivative_maximum", np.array([0.05]), np.array([0.2]))
        (array([0.2]), array([0.5]))
        """
        if not numbers or len(numbers) % _COLUMNS:
            raise ValueError(
                f"trials holds {len(numbers)} numbers, but {_COLUMNS} belong to each level of noise: leave trials out"
            )
        table = np.array(numbers, dtype=np.float64).reshape(-1, _COLUMNS).T
        return cls(table[0], *table[1:].reshape(3, len(NAMES), -1))
