"""Whether pixels that were matched by one member of a library of L edges are mixtures of two charges.

One member with another 10Dq, shift or width imitates a mixture, and the residual of a pixel does not tell it. Means of
similar pixels have less noise: a mixture of two charges must not fit them much better than one of a single charge.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.computing import computed
from napari_xanes.maps.matching.doubts import Doubt
from napari_xanes.maps.matching.energy_window import EnergyWindow
from napari_xanes.maps.matching.l_edge_matcher import Matcher
from napari_xanes.maps.matching.l_edge_model_error import TIED, error_of, theory_squares, white_variance
from napari_xanes.maps.matching.mean_misfit import NARROWEST, MeanMisfit
from napari_xanes.stack import SpectralStack
from napari_xanes.theory.embedding.placement import background_columns
from napari_xanes.theory.library.model import Library
from napari_xanes.wording import counted

_RATIO = 2.0
"""How much larger the squared misfit of one charge is at least, beyond noise. A wrong offset or theory gives up to 1.5
(see TIED_RATIO in `l_edge_model_error`)."""

_LEAST_RATIO = 1.3
"""The same with the noise: pixels of a group were chosen by their 10Dq, so their noise is alike."""

_NOISE = 25.0
"""By how many variances of the noise one charge fits worse at least: five standard errors."""

_SIGMAS = 2.0
"""The smaller share of a mixture changes the valence by at least so many errors of the theory."""

_SHIFTS: Float64Array = np.linspace(-0.6, 0.6, 9)
"""Shifts in eV from the offset that single members gave. Mixtures take only those up to `TIED`, as of a calibrated
axis, because they fit at other offsets, too: SrMnO3 fits as 2+ and 4+ at 0.6 eV."""

_WIDTH_FACTORS = (1.2, 1.0, 0.75, 0.55, 0.4, 0.28)
"""Widths over that of single members, which is too large for mixtures."""

_MAX_MEMBERS = 96
"""So many members are tried in pairs."""

_SAMPLE = 1 << 12
"""Pixels whose means are looked at."""

_MAX_GROUPS, _TEN_DQ_BIN = 12, 0.3
"""Largest number of groups, and the width in eV of the 10Dq bins that they are means of."""

_EXCHANGES = 4
"""How often a member of the best pair is exchanged for a better one of the whole library."""

_PARALLEL = 1e-4
"""Pairs of members whose squared sine is smaller are one member."""


class MixedGroup(NamedTuple):
    """Pixels whose mean is a mixture: a flag per pixel (P,), the ``charges`` and the mean ``valence`` of the mixture,
    and the ``misfit`` of one charge and of the mixture, as shares of the spectrum's norm."""

    pixels: BoolArray
    charges: tuple[float, float]
    valence: float
    misfit: tuple[float, float]


class PairFit(NamedTuple):
    """A fit of a mean spectrum by two members: squares, residual (E,), rows of the members, the share of atoms of the
    first."""

    squares: float
    residual: Float64Array
    one: int
    two: int
    share: float


def doubt_mixtures(
    matcher: Matcher,
    library: Library,
    stack: SpectralStack,
    window: EnergyWindow,
    offset: float,
    broadening: float,
    background: str,
) -> list[MixedGroup]:
    """Doubt and return the groups of assigned pixels of one charge and similar 10Dq that are surely mixtures.

    Parameters
    ----------
    matcher : Matcher
        The matcher that has matched the whole stack; pixels of the groups get the doubt ``MIXED``.
    library : Library
        Simulated spectra of L edges.
    stack : SpectralStack
        The stack.
    window : EnergyWindow
        The energies that were matched.
    offset, broadening : float
        Energy offset of the stack and full width of the instrument for single members, in eV.
    background : {"linear", "constant", "none"}
        What is fitted beside the members.
    """
    charges, error = library.table["charge"], error_of(library)
    if error is None or np.unique(charges).size < 2 or not np.isfinite(charges).all():
        return []
    groups, means = _means(stack, window, matcher)
    if not groups:
        return []
    free = background_columns(window.energy, background)
    means -= free @ (free.T @ means)
    heights = np.ptp(means, axis=0) / np.linalg.norm(means, axis=0)
    means /= np.linalg.norm(means, axis=0)
    rows = np.arange(0, len(library), max(1, len(library) // _MAX_MEMBERS))
    misfit = MeanMisfit(library, rows, window.energy, free, means, np.ones(len(groups)))
    widths = np.maximum(np.multiply(_WIDTH_FACTORS, broadening), NARROWEST)
    pairs = _BestPairs(misfit, offset, np.unique(widths))
    freedom = window.energy.size - free.shape[1] - 4
    found = []
    for number, (group, height) in enumerate(zip(groups, heights, strict=True)):
        two = pairs.fit(number, same_charge=False)
        white = white_variance(two.residual[:, None])
        theory = float(theory_squares(np.array([two.squares]), white, freedom)[0])
        allowance = (_RATIO - 1) * theory + _NOISE * float(white[0])
        allowance = max(allowance, (_LEAST_RATIO - 1) * two.squares)
        # The whole library only fits better, so most groups need no look at it.
        if pairs.least_squares(number, same_charge=True) - two.squares <= allowance:
            continue
        one = pairs.fit(number, same_charge=True)
        if one.squares - two.squares <= allowance:
            continue
        pair, shares = charges[[two.one, two.two]], np.array([two.share, 1 - two.share])
        model = error.valence(np.array(np.sqrt(_most(two.squares, white, freedom) / window.energy.size) / height))
        if shares.min() * abs(pair[1] - pair[0]) > _SIGMAS * model:
            low, high = sorted(float(charge) for charge in pair)
            misfits = (float(np.sqrt(one.squares)), float(np.sqrt(max(two.squares, 0.0))))
            matcher.doubt[group] = Doubt.MIXED
            found.append(MixedGroup(group, (low, high), float(pair @ shares), misfits))
    return found


def _most(squares: float, white: Float64Array, freedom: int) -> float:
    """The largest squared misfit of the theory that noise may hide; `theory_squares` is the least."""
    return float(np.maximum(squares - (freedom - 2 * np.sqrt(3.0 * freedom)) * white[0], 0))


def _means(stack: SpectralStack, window: EnergyWindow, matcher: Matcher) -> tuple[list[BoolArray], Float64Array]:
    """The largest groups of assigned pixels, flags (P,) each, and the means (E, G) of every n-th image row."""
    ten_dq = np.nan_to_num(matcher.values["ten_dq"] / _TEN_DQ_BIN).round()
    key = np.where(matcher.doubt == 0, ten_dq + 1e4 * (1 + matcher.species.astype(np.float64)), 0)
    grid = key.reshape(stack.shape[1:])
    rows = np.flatnonzero(grid.any(axis=tuple(i for i in range(grid.ndim) if i != grid.ndim - 2)))
    chosen = rows[:: max(1, int((key > 0).sum()) // _SAMPLE)]
    sampled = grid[..., chosen, :]
    numbers, counts = np.unique(sampled[sampled > 0], return_counts=True)
    numbers = numbers[np.argsort(-counts, kind="stable")[:_MAX_GROUPS]]
    if not numbers.size:
        return [], np.zeros((window.energy.size, 0))
    spectra = np.asarray(computed(stack.data[window.frames, ..., chosen, :]), dtype=np.float64)
    means = np.stack([spectra[:, sampled == number].mean(axis=1) for number in numbers], axis=1)
    return [key == number for number in numbers], means


class _BestPairs:
    """The best pairs of members of one charge, and of two charges, for each mean spectrum of a misfit."""

    def __init__(self, misfit: MeanMisfit, offset: float, widths: Float64Array) -> None:
        self._every = replace(misfit, rows=np.arange(len(misfit.library)))
        self._members = lru_cache(maxsize=4)(self._every.unit_members)
        charge, n_means = misfit.library.table["charge"][misfit.rows], misfit.means.shape[1]
        first, second = np.triu_indices(misfit.rows.size, 1)
        is_single = charge[first] == charge[second]
        self._most = {kind: np.full(n_means, -np.inf) for kind in (True, False)}
        self._found = {kind: [(0, 0, (0.0, 0.0))] * n_means for kind in (True, False)}
        pairs = {kind: (first[is_single == kind], second[is_single == kind]) for kind in (True, False)}
        means = misfit.means.astype(np.float32)
        for shift, width in itertools.product(_SHIFTS.tolist(), widths.tolist()):
            members = misfit.unit_members(offset + shift, width)[0].astype(np.float32)
            cosines, overlaps = members @ means, members @ members.T
            for kind, (one, two) in pairs.items():
                if not one.size or (not kind and abs(shift) > TIED + 1e-9):
                    continue
                explained = _explained(cosines[one], cosines[two], overlaps[one, two][:, None])
                best = explained.argmax(axis=0)
                for number in np.flatnonzero(explained[best, np.arange(n_means)] > self._most[kind]):
                    self._most[kind][number] = explained[best[number], number]
                    rows = misfit.rows[[one[best[number]], two[best[number]]]]
                    self._found[kind][number] = (int(rows[0]), int(rows[1]), (offset + shift, width))

    def least_squares(self, number: int, *, same_charge: bool) -> float:
        """The squares that the best pair of the members that were tried leaves of a mean."""
        return float(1 - self._most[same_charge][number])

    def fit(self, number: int, *, same_charge: bool) -> PairFit:
        """The best pair of members of the whole library for a mean, found from the best of those that were tried."""
        one, two, place = self._found[same_charge][number]
        members, lengths = self._members(*place)
        mean = self._every.means[:, number]
        return _exchanged(self._every.library, members, lengths, mean, one, two, same_charge=same_charge)


def _exchanged(
    library: Library,
    members: Float64Array,
    lengths: Float64Array,
    mean: Float64Array,
    one: int,
    two: int,
    *,
    same_charge: bool,
) -> PairFit:
    """The fit of a mean by two unit members, each in turn exchanged for the best one of the whole library."""
    charge = library.table["charge"]
    cosines = members @ mean
    for _ in range(_EXCHANGES):
        others = np.flatnonzero((charge == charge[two]) == same_charge)
        explained = _explained(cosines[others], cosines[two], members[others] @ members[two])
        one, two = two, int(others[explained.argmax()])
    amounts = _amounts(float(cosines[one]), float(cosines[two]), float(members[one] @ members[two]))
    residual = mean - amounts @ members[[one, two]]
    atoms = amounts / lengths[[one, two]]
    return PairFit(float(residual @ residual), residual, one, two, float(atoms[0] / max(atoms.sum(), 1e-30)))


def _explained(a: Any, b: Any, overlap: Any) -> Any:
    """The part of unit vectors that pairs of unit vectors explain without negative amounts, from their products."""
    sine = np.maximum(1 - overlap**2, _PARALLEL)
    inside = (a > overlap * b) & (b > overlap * a) & (sine > _PARALLEL)
    return np.where(inside, (a * a + b * b - 2 * overlap * a * b) / sine, np.maximum(np.maximum(a, b), 0) ** 2)


def _amounts(a: float, b: float, overlap: float) -> Float64Array:
    """The non-negative amounts of two unit vectors that explain most of another, from their products."""
    sine = 1 - overlap**2
    if sine > _PARALLEL and a > overlap * b and b > overlap * a:
        return np.array([a - overlap * b, b - overlap * a]) / sine
    return np.array([max(a, 0.0), 0.0]) if a >= b else np.array([0.0, max(b, 0.0)])


def mixed_warnings(library: Library, groups: list[MixedGroup], *, mixture: bool) -> list[str]:
    """Return a warning that names the mixtures and the way out; ``mixture`` says whether it was taken."""
    if not groups:
        return []
    names = dict(zip(library.table["charge"].tolist(), library.species, strict=True))
    largest = max(groups, key=lambda group: int(group.pixels.sum()))
    low, high = (names[charge] for charge in largest.charges)
    one, two = largest.misfit
    count = counted(sum(int(group.pixels.sum()) for group in groups), "pixel is", "pixels are")
    way_out = "take the map valence" if mixture else "match with mixture=True, whose valence has an error"
    return [
        f"{count} masked in charge and 10Dq, as no single charge is right: mixtures of two charges fit their mean "
        f"spectra surely better ({low} and {high} with a valence of {largest.valence:.2f} to {two:.1%} of the "
        f"norm, one charge to {one:.1%}); {way_out}"
    ]
