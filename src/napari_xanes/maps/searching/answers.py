"""What a search found: combinations of references with errors and tests, in numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np

from napari_xanes._typing import Float64Array

_ALIKE = 6.0
"""Difference of BIC below which one answer is not strongly better than another (Kass and Raftery, 1995)."""


@dataclass(frozen=True, eq=False)
class Answer:
    """References that together make a spectrum.

    Parameters
    ----------
    names : tuple of K str
        Of the references, largest fraction first.
    fractions : ndarray, shape (K,)
        Shares in the sum of the amounts; where references have an edge jump of 1, shares of the absorbing atoms.
    noise_sigma, model_sigma : ndarray, shape (K,)
        Standard errors of the fractions by noise, and by what the references do not describe.
    shift, shift_sigma : float
        By which the energies of the spectrum lie above those of the library, and its standard error, in eV.
    bic : float
        Bayesian information criterion, extended by the number of combinations that were tried; lower is better.
    p_value : float
        Of an F-test against the best of the answers without one of the references (of a single one: against none),
        times the number of references that were tried in its place. A large one says that fewer are enough.
    chi_square : float
        Reduced, in units of the noise.
    misfit : float
        Root mean square that is left over beyond noise, as a share of the edge jump.
    alternatives : tuple of K tuples of str
        For each reference, others of the library that can't be told from it here.
    probability : float
        Of this answer and its alternatives among all that were tried, as BIC tells it.
    fitted : ndarray, shape (E,)
        The fit with its background at the `energy` of `FoundReferences`, in the unit of the spectrum.
    """

    names: tuple[str, ...]
    fractions: Float64Array
    noise_sigma: Float64Array
    model_sigma: Float64Array
    shift: float
    shift_sigma: float
    bic: float
    p_value: float
    chi_square: float
    misfit: float
    alternatives: tuple[tuple[str, ...], ...] = ()
    probability: float = 0.0
    fitted: Float64Array = field(default_factory=lambda: np.empty(0))

    @property
    def sigma(self) -> Float64Array:
        """Standard errors of the fractions, of noise and model together."""
        return np.hypot(self.noise_sigma, self.model_sigma)

    @property
    def words(self) -> str:
        """The answer as a sentence.

        Examples
        --------
        >>> two = Answer(("Fe2O3", "FeOOH"), np.array([0.62, 0.38]), np.full(2, 0.03), np.zeros(2), 0.1, 0.1, 5.0,
        ...              0.01, 1.0, 0.0, ((), ("ferrihydrite",)))
        >>> two.words
        'Fe2O3 62 ± 3 %, FeOOH 38 ± 3 %; FeOOH or ferrihydrite cannot be told apart here'
        """
        if len(self.names) == 1:
            parts = self.names[0]
        else:
            parts = ", ".join(
                f"{name} {_percent(fraction, sigma)}"
                for name, fraction, sigma in zip(self.names, self.fractions, self.sigma, strict=True)
            )
        doubts = [
            f"{_choice((name, *others))} cannot be told apart here"
            for name, others in zip(self.names, self.alternatives, strict=False)
            if others
        ]
        return "; ".join([parts, *doubts])

    def to_plain(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return {
            "names": list(self.names),
            "fractions": self.fractions.tolist(),
            "noise_sigma": self.noise_sigma.tolist(),
            "model_sigma": self.model_sigma.tolist(),
            **{key: float(getattr(self, key)) for key in ("shift", "shift_sigma", "bic", "p_value", "chi_square")},
            "misfit": float(self.misfit),
            "alternatives": [list(others) for others in self.alternatives],
            "probability": float(self.probability),
            "fitted": self.fitted.tolist(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Answer:
        """Return the answer that `to_plain` wrote."""
        values = dict(plain)
        for key in ("fractions", "noise_sigma", "model_sigma", "fitted"):
            values[key] = np.asarray(values[key], dtype=np.float64)
        values["names"] = tuple(values["names"])
        values["alternatives"] = tuple(tuple(others) for others in values["alternatives"])
        return cls(**values)


@dataclass(frozen=True, eq=False)
class FoundReferences(Sequence[Answer]):
    """Answers to what a spectrum is made of, best first.

    Parameters
    ----------
    spectrum : str
        Name of the spectrum.
    answers : tuple of Answer
        Best first. Those that differ from a better one by a reference that can't be told apart are its alternatives.
    in_library : bool
        Whether the best answer leaves over no more than noise, or than what measurements of one substance differ by.
    names : tuple of str
        The references that were tried.
    presence : ndarray, shape (N,)
        For each of the names, the probability that it is one of the references, over all answers.
    energy, mu : ndarray, shape (E,)
        Energies in eV that were compared, and the spectrum there.
    warnings : list of str
        What a user should know.
    """

    spectrum: str
    answers: tuple[Answer, ...]
    in_library: bool
    names: tuple[str, ...]
    presence: Float64Array
    energy: Float64Array
    mu: Float64Array
    warnings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.answers)

    @overload
    def __getitem__(self, index: int) -> Answer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Answer]: ...
    def __getitem__(self, index: int | slice) -> Answer | Sequence[Answer]:
        return self.answers[index]

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    @property
    def words(self) -> str:
        """The best answer as a sentence, or that the spectrum is not in the library."""
        best = self.answers[0]
        if self.in_library:
            return best.words
        return f"not in the library; nearest is {best.words}, which misses it by {_share(best.misfit)} of the edge jump"


class Group(NamedTuple):
    """An answer and those that can't be told from it: its number, for each of its references the others that may be
    there in its place, and the probability of all."""

    leader: int
    alternatives: tuple[tuple[int, ...], ...]
    probability: float


def grouped(rows: Sequence[tuple[int, ...]], bic: Float64Array, weights: Float64Array, count: int) -> list[Group]:
    """Return the best combinations of references, best first, each with those that can't be told from it.

    Parameters
    ----------
    rows : sequence of M tuples of int
        The references of each combination.
    bic, weights : ndarray, shape (M,)
        Bayesian information criterion and probability of each.
    count : int
        So many at most.
    """
    leaders: list[int] = []
    others: dict[int, list[list[int]]] = {}
    total: dict[int, float] = {}
    for i in np.argsort(bic, kind="stable").tolist():
        for leader in leaders:
            place = _exchanged(rows[leader], rows[i])
            if place is not None and bic[i] - bic[leader] < _ALIKE:
                others[leader][place[0]].append(place[1])
                total[leader] += float(weights[i])
                break
        else:
            leaders.append(i)
            others[i], total[i] = [[] for _ in rows[i]], float(weights[i])
    return [Group(i, tuple(map(tuple, others[i])), total[i]) for i in leaders[:count]]


def _exchanged(rows: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the place and the new reference if others are the same references but for one."""
    new, old = set(others) - set(rows), set(rows) - set(others)
    if len(rows) != len(others) or len(new) != 1:
        return None
    return rows.index(old.pop()), new.pop()


def _percent(fraction: float, sigma: float) -> str:
    digits = 0 if 100 * sigma >= 0.95 else 1
    return f"{100 * fraction:.{digits}f} ± {100 * sigma:.{digits}f} %"


def _choice(names: Sequence[str]) -> str:
    shown = list(names[:4]) + ([f"{len(names) - 4} more"] if len(names) > 4 else [])
    return f"{', '.join(shown[:-1])} or {shown[-1]}"


def _share(misfit: float) -> str:
    return f"{100 * misfit:.2g} %"
