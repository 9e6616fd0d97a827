"""References that a stack is made of: found in mean spectra, then told apart in each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BeforeValidator

from napari_xanes._typing import Block, Float64Array, IndexArray
from napari_xanes.field_mapping import FieldMapping
from napari_xanes.history import Plain, to_plain
from napari_xanes.maps.fitting.target_transform import (
    ACCEPTABLE,
    UNACCEPTABLE,
    n_components,
    target_transforms,
)
from napari_xanes.maps.searching.answers import FoundReferences
from napari_xanes.parameters import Param

MOST_REFERENCES = 6
"""So many references are told apart in pixels."""

NOT_IN_LIBRARY = "not in the library"

_RANKED = 5
"""So many answers of each mean spectrum are kept."""

_NAMED = 6
"""Longest list of names in a sentence."""

_LEAST_TILES = 8
"""Fewer tiles do not tell the number of independent spectra."""

_BY_CHANCE = 1e-5
"""Probability of the misfit of a pixel by noise, below which no reference fits."""


@dataclass(frozen=True, eq=False)
class StackReferences(FieldMapping):
    """References that mean spectra of a stack are made of.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        Energies in eV that were compared.
    names : list of R str
        Of the references.
    columns : ndarray, shape (R, E)
        Their spectra at these energies, moved by the shift.
    shift : float
        By which the energies of the stack lie above those of the library, in eV.
    answers : list of dict
        What was found for each mean spectrum: ``spectrum``, ``words``, ``names``, ``in_library``, ``probability``,
        ``misfit``; ``measured`` (E,), and the best answers as ``ranked``, each with numbers, ``words`` and ``fitted``
        (E,).
    targets : list of dict
        Spectra of the library that can be among those that the stack is made of, and those of the answers that can't:
        ``name``, ``spoil``, ``outside`` (`target_transform`). Empty where that can't be told.
    warnings : list of str
        What a user should know.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """

    energy: Float64Array
    names: list[str]
    columns: Float64Array
    shift: float
    answers: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    warnings: list[str]

    def __post_init__(self) -> None:
        for name in ("energy", "columns"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        if self.columns.shape != (len(self.names), self.energy.size) or not self.names:
            raise ValueError(
                f"{len(self.names)} references at {self.energy.size} energies have one row each, not shape "
                f"{self.columns.shape}"
            )

    def to_plain(self) -> Plain:
        """Return plain values."""
        return to_plain(dict(self))


FoundArgument = Annotated[
    Any,
    BeforeValidator(StackReferences.or_none("found is what an earlier run of search_references has found")),
    Param(kind="stack_references", auto="from the library"),
]
"""`StackReferences`, or None to find them."""


def described(found: FoundReferences) -> dict[str, Any]:
    """Return the best answer as plain values."""
    best = found[0]
    return {
        "spectrum": found.spectrum,
        "words": found.words,
        "names": list(best.names),
        "in_library": found.in_library,
        "probability": float(best.probability),
        "misfit": float(best.misfit),
        "measured": _short(found.mu),
        "ranked": [
            {"words": answer.words, **answer.to_plain(), "fitted": _short(answer.fitted)} for answer in found[:_RANKED]
        ],
    }


def _short(values: Float64Array) -> list[float]:
    """Return values with the digits that a plot needs, because recipes keep them."""
    return [float(f"{value:.5g}") for value in values]


def targets_of(
    tiles: Float64Array, columns: Float64Array, names: Sequence[str], background: Float64Array, named: Sequence[str]
) -> list[dict[str, Any]]:
    """Return which spectra of a library can be among those that a stack is made of.

    Parameters
    ----------
    tiles : ndarray, shape (E, T)
        Means of tiles of the stack.
    columns : ndarray, shape (N, E)
        The library at the shift that was found.
    names : sequence of N str
        Their names.
    background : ndarray, shape (E, F)
        Columns that do not count.
    named : sequence of str
        Those of the answers: they are told, whatever comes out.
    """
    lost = background.shape[1]
    if tiles.shape[1] < _LEAST_TILES or len(tiles) - lost < len(named) + 2:
        return []
    basis = np.linalg.qr(background)[0] if lost else np.zeros((len(tiles), 0))
    bare, targets = (values - basis @ (basis.T @ values) for values in (tiles, columns.T))
    n = n_components(bare, lost)
    if n >= len(tiles) - lost - 1:
        return []
    tested = zip(names, target_transforms(bare, targets, n, lost), strict=True)
    told = [(name, target) for name, target in tested if target.spoil < ACCEPTABLE or name in named]
    told.sort(key=lambda item: item[1].spoil)
    return [{"name": name, "spoil": target.spoil, "outside": target.outside, "independent": n} for name, target in told]


def words_of_targets(targets: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence which spectra can be in a stack; nothing if that can't be told.

    Examples
    --------
    >>> words_of_targets([{"name": "Fe2O3", "spoil": 1.2, "outside": 0.01, "independent": 2},
    ...                   {"name": "FeO", "spoil": 8.1, "outside": 0.2, "independent": 2}])
    'of the 2 independent spectra of the stack, Fe2O3 can be one; FeO can not, 20 % of it lies outside (SPOIL 8.1)'
    """
    if not targets:
        return ""
    n = targets[0]["independent"]
    there = [target["name"] for target in targets if target["spoil"] < ACCEPTABLE]
    parts = [f"{_listed(there)} can be one" if there else "no spectrum of the library can be one"]
    parts += [
        f"{target['name']} {'can not' if target['spoil'] > UNACCEPTABLE else 'may not'}, "
        f"{100 * target['outside']:.2g} % of it lies outside (SPOIL {target['spoil']:.2g})"
        for target in targets
        if target["spoil"] >= ACCEPTABLE
    ]
    spectra = "the independent spectrum" if n == 1 else f"the {n} independent spectra"
    return f"of {spectra} of the stack, {'; '.join(parts)}"


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])]
    return shown[0] if len(shown) == 1 else f"each of {', '.join(shown[:-1])} and {shown[-1]}"


def most_likely(results: Sequence[FoundReferences]) -> list[str]:
    """Return the names that the best answers of several spectra hold, most often and largest first."""
    weights: dict[str, float] = {}
    for found in [r for r in results if r.in_library] or results:
        for answer in found[:3]:
            for name, fraction in zip(answer.names, answer.fractions, strict=True):
                weights[name] = weights.get(name, 0.0) + answer.probability * float(fraction)
    return sorted(weights, key=lambda name: -weights[name])[:MOST_REFERENCES]


def unlike_tiles(tiles: Float64Array, background: Float64Array, count: int) -> IndexArray:
    """Return the numbers of tiles whose spectra differ most in shape, the strongest first.

    Parameters
    ----------
    tiles : ndarray, shape (E, T)
        Means of tiles, each times any factor.
    background : ndarray, shape (E, F)
        Columns that do not count.
    count : int
        So many at most.
    """
    basis = np.linalg.qr(background)[0] if background.size else background
    bare = tiles - basis @ (basis.T @ tiles)
    sizes = np.linalg.norm(bare, axis=0)
    if not (sizes > 0).any():
        return np.zeros(0, np.intp)
    strong = np.flatnonzero(sizes > np.median(sizes) / 2)
    shapes = bare[:, strong] / sizes[strong]
    chosen = [int(np.argmax(sizes[strong]))]
    while len(chosen) < min(count, strong.size):
        nearest = (shapes[:, chosen].T @ shapes).max(axis=0)
        chosen.append(int(np.argmin(nearest)))
    return strong[chosen]


class PixelAnswers(NamedTuple):
    """For each pixel (P,): number of the combination from 1, 0 for none and -1 for no reference that fits; probability
    of it; misfit as a share of the amounts."""

    numbers: IndexArray
    confidence: Float64Array
    misfit: Float64Array


class PixelSearch:
    """Tells for pixels which of a few combinations of references fits best.

    Parameters
    ----------
    columns : ndarray, shape (R, E)
        References.
    background : ndarray, shape (E, F)
        Columns of any sign that are fitted, too.
    most : int
        Largest number of references in a combination.
    tolerance : float
        Misfit, as a share of the amounts, that is allowed.
    """

    def __init__(self, columns: Float64Array, background: Float64Array, most: int, tolerance: float) -> None:
        self._basis = np.linalg.qr(background)[0] if background.size else background
        self._columns = columns.T - self._basis @ (self._basis.T @ columns.T)
        self._gram = self._columns.T @ self._columns
        self._tolerance = tolerance
        sizes = range(1, min(most, len(columns)) + 1)
        self.combinations = [rows for size in sizes for rows in combinations(range(len(columns)), size)]

    def of(self, block: Block) -> PixelAnswers:
        """Return the answers of pixels (E, P); those of pixels without a value are not finite."""
        from scipy.stats import f as f_distribution

        values = block.astype(np.float64)
        bare = values - self._basis @ (self._basis.T @ values)
        own = self._columns.T @ bare
        total = np.einsum("ep,ep->p", bare, bare)
        n, lost = len(values), self._basis.shape[1]
        residual = bare - self._columns @ np.linalg.lstsq(self._gram, own, rcond=None)[0]
        bends = residual[:-2] - 2 * residual[1:-1] + residual[2:]
        noise = np.maximum(np.mean(bends**2, axis=0) / 6, 1e-12 * total / n + np.finfo(float).tiny)
        freedom = max(1, n - lost - len(self._gram))
        unit = np.maximum(noise, np.einsum("ep,ep->p", residual, residual) / freedom)
        bic = np.full((len(self.combinations) + 1, values.shape[1]), np.inf)
        amounts, penalty = np.zeros_like(bic), np.zeros(len(bic))
        bic[0] = total / unit
        for i, rows in enumerate(self.combinations, start=1):
            some = np.linalg.lstsq(self._gram[np.ix_(rows, rows)], own[list(rows)], rcond=None)[0]
            gain = np.einsum("kp,kp->p", some, own[list(rows)])
            good = (some > 0).all(axis=0)
            penalty[i] = len(rows) * np.log(n) + 2 * np.log(comb(len(self._gram), len(rows)))
            bic[i] = np.where(good, (total - gain) / unit + penalty[i], np.inf)
            amounts[i] = some.sum(axis=0)
        numbers = bic.argmin(axis=0)
        pixels = np.arange(len(numbers))
        least = bic[numbers, pixels]
        confidence = 1 / np.exp(-0.5 * (bic - least)).sum(axis=0)
        sizes = np.array([0, *map(len, self.combinations)])[numbers]
        left = np.maximum(least - penalty[numbers], 0) * unit / (n - lost - sizes)
        with np.errstate(all="ignore"):
            misfit = np.sqrt(np.maximum(left - noise, 0)) / amounts[numbers, pixels]
        limit = f_distribution.isf(_BY_CHANCE, n - lost - 1, n / 2)
        unknown = (numbers > 0) & (misfit > self._tolerance) & (left > limit * noise)
        return PixelAnswers(np.where(unknown, -1, numbers), confidence, np.where(numbers > 0, misfit, np.nan))
