"""Valence from edge energy: a curve through references and mixtures of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.spectrum import Spectrum

_NEAREST = 0.01
"""Edges of two references that are nearer to each other, in eV, are taken as equal."""

_SHARES = np.linspace(0.0, 1.0, 21)
"""Shares of the second reference in the mixtures that are synthesised."""

_ALIKE = 0.02
"""Share of the references' range by which a pixel's edge may lie outside it."""

_OFF_THE_CURVE = 0.2
"""How far the valence of a compound half-way between two references lies off their curve, as a share of the distance of
theirs: rms of 12 measured triples (Mn, Fe). More than two references show it by their scatter."""

EdgesOf = Callable[[Float64Array], Float64Array]
"""Takes spectra (E, N) and returns their edge energies (N,) in eV, found as in a pixel."""


@dataclass(frozen=True)
class Calibration:
    """Valences over edge energies.

    Parameters
    ----------
    references : mapping of str to float
        Edge energy of each reference in eV, in rising order.
    energy, valence, model : ndarray, shape (M,)
        The calibration curve: edge energies in eV, the valence at each, and the error of the model there.
    at, mean_energy, per_ev : float
        The straight line through the references: its valence at the mean edge energy, and its slope per eV.
    scatter : float
        Standard deviation of the references' valences about the straight line; 0 for two references.
    warnings : tuple of str
        What a user should know.
    """

    references: Mapping[str, float]
    energy: Float64Array
    valence: Float64Array
    model: Float64Array
    at: float
    mean_energy: float
    per_ev: float
    scatter: float
    warnings: tuple[str, ...] = ()

    def valence_of(
        self, edges: Float64Array, sigma: Float64Array, shift: float = 0.0, disagreement: float = 0.0
    ) -> tuple[Float64Array, Float64Array, BoolArray]:
        """Return valences, their errors, and which lie within the references' range.

        Parameters
        ----------
        edges, sigma : ndarray
            Edge energies and their errors in eV.
        shift : float
            How far all edges may be off together, in eV.
        disagreement : float
            Least model error of the valence.
        """
        edges, sigma = edges.astype(np.float64), sigma.astype(np.float64)
        noise = np.abs(self._on_curve(edges + sigma) - self._on_curve(edges - sigma)) / 2
        axis = np.abs(self._on_curve(edges - shift) - self._on_curve(edges))
        model = np.maximum(self.model_error(edges), abs(disagreement))
        low, high = self.energy[0], self.energy[-1]
        reach = 3 * sigma + _ALIKE * (high - low) + self.scatter / abs(self.per_ev)
        inside = (edges >= low - reach) & (edges <= high + reach)
        return self._on_curve(edges), np.sqrt(noise**2 + axis**2 + model**2), inside

    def model_error(self, edges: Float64Array) -> Float64Array:
        """Return the error of the valence at edge energies in eV that noise has no part in."""
        error: Float64Array = np.hypot(np.interp(edges, self.energy, self.model), self.scatter)
        return error

    def _on_curve(self, edges: Float64Array) -> Float64Array:
        """The valence at each edge energy; outside the curve, its first or last slope goes on."""
        energy, valence = self.energy, self.valence
        inner: Float64Array = np.interp(edges, energy, valence)
        reach = min(2, energy.size - 1)
        first = (valence[reach] - valence[0]) / (energy[reach] - energy[0])
        last = (valence[-1] - valence[-1 - reach]) / (energy[-1] - energy[-1 - reach])
        result: Float64Array = (
            inner + first * np.minimum(edges - energy[0], 0) + last * np.maximum(edges - energy[-1], 0)
        )
        return result

    def to_plain(self) -> dict[str, Any]:
        """Return the calibration as numbers and text, for the metadata of maps."""
        curve = {"energy": self.energy.tolist(), "valence": self.valence.tolist(), "model": self.model.tolist()}
        return {
            "energy": self.mean_energy,
            "at": self.at,
            "per_eV": self.per_ev,
            "scatter": self.scatter,
            "references": dict(self.references),
            "curve": curve,
        }


class _Mixtures(NamedTuple):
    """Edge energies and valences of the mixtures of two references, from the lower to the higher edge."""

    energy: Float64Array
    valence: Float64Array

    @property
    def rises(self) -> bool:
        """Whether each further share of the second reference moves the edge upwards."""
        return bool((np.diff(self.energy) > 0).all())


def calibrate(references: Sequence[Spectrum], spectra: Float64Array, edges_of: EdgesOf) -> Calibration:
    """Find the valence that belongs to each edge energy.

    The curve goes through the references and through mixtures of neighbours, which are processed as pixels are. So
    it is exact for each reference and each mixture of two neighbours. A compound with a valence in between need not be
    such a mixture: its edge may lie anywhere up to the straight line between them. And mixtures may hold references
    that are not neighbours. The model error is the root mean square of what lies evenly between the curve and the
    farthest of these, their distance over the square root of 3. Two references can't show how far compounds lie off
    their curve: a fifth of the distance of their valences, half-way, is added.

    Parameters
    ----------
    references : sequence of Spectrum
        At least two, with valences.
    spectra : ndarray, shape (E, N)
        The references per atom.
    edges_of : callable
        Gives the edge energies of spectra.

    Raises
    ------
    ValueError
        If the edges lie at the same energy, or one is not in the search range.
    """
    edges = edges_of(spectra)
    order = np.argsort(edges, kind="stable")
    references, spectra, edges = [references[i] for i in order], spectra[:, order], edges[order]
    names = [reference.name for reference in references]
    valences = np.array([reference.valence for reference in references], dtype=np.float64)
    distance = edges - edges.mean()
    if edges[-1] - edges[0] < _NEAREST:
        raise ValueError(
            f"the edges of {', '.join(names)} lie at the same energy ({edges.mean():.2f} eV), so they can't tell "
            "valences apart: choose references with different edges"
        )
    per_ev = float(np.sum(distance * valences) / np.sum(distance**2))
    line = valences.mean() + per_ev * distance
    freedom = len(names) - 2
    pairs = _mixtures(spectra, valences, edges_of)
    neighbours = [pairs[i, i + 1] for i in range(len(names) - 1)]
    steps = np.diff(valences)
    ordered = bool((steps >= 0).all() or (steps <= 0).all()) and all(pair.rises for pair in neighbours)
    if ordered:
        energy = np.concatenate([edges[:1], *(pair.energy[1:] for pair in neighbours)])
        valence = np.concatenate([valences[:1], *(pair.valence[1:] for pair in neighbours)])
        others = [np.interp(energy, edges, valences)]
        warnings: tuple[str, ...] = ()
    else:
        energy, others = np.linspace(edges[0], edges[-1], 41), []
        valence = np.interp(energy, edges[[0, -1]], line[[0, -1]])
        warnings = (_out_of_order(names, edges, valences, line),)
    return Calibration(
        references=dict(zip(names, edges.tolist(), strict=True)),
        energy=energy,
        valence=valence,
        model=np.hypot(
            _model_error(energy, valence, [*pairs.values()], others), 0.0 if freedom else _unseen_curvature(valence)
        ),
        at=float(valences.mean()),
        mean_energy=float(edges.mean()),
        per_ev=per_ev,
        scatter=float(np.sqrt(np.sum((valences - line) ** 2) / freedom)) if freedom else 0.0,
        warnings=warnings,
    )


def _mixtures(spectra: Float64Array, valences: Float64Array, edges_of: EdgesOf) -> dict[tuple[int, int], _Mixtures]:
    """The mixtures of each pair of references."""
    pairs = [(a, b) for a in range(len(valences)) for b in range(a + 1, len(valences))]
    mixed = [spectra[:, [a]] * (1 - _SHARES) + spectra[:, [b]] * _SHARES for a, b in pairs]
    edges = edges_of(np.concatenate(mixed, axis=1)).reshape(len(pairs), -1)
    return {
        (a, b): _Mixtures(energy, valences[a] + (valences[b] - valences[a]) * _SHARES)
        for (a, b), energy in zip(pairs, edges, strict=True)
    }


def _model_error(
    energy: Float64Array, valence: Float64Array, mixtures: Sequence[_Mixtures], others: Sequence[Float64Array]
) -> Float64Array:
    """How far off the curve is, on average, if the same edge energy may mean anything up to the farthest of others."""
    largest = np.zeros_like(energy)
    for other in others:
        largest = np.maximum(largest, np.abs(other - valence))
    for pair in mixtures:
        if not np.isfinite(pair.energy).all():
            continue
        rising = np.maximum.accumulate(pair.energy)
        covered = (energy >= rising[0]) & (energy <= rising[-1])
        distance = np.abs(np.interp(energy, rising, pair.valence) - valence)
        largest = np.where(covered, np.maximum(largest, distance), largest)
    largest /= np.sqrt(3)
    return largest


def _unseen_curvature(valence: Float64Array) -> Float64Array:
    """Error by what two references can't show: 0 at both, largest half-way."""
    distance = valence[-1] - valence[0]
    share = (valence - valence[0]) / (distance or 1.0)
    return np.asarray(_OFF_THE_CURVE * abs(distance) * 4 * share * (1 - share))


def _out_of_order(names: list[str], edges: Float64Array, valences: Float64Array, line: Float64Array) -> str:
    """Say that the references allow only a straight line, and how far they lie from it."""
    listed = ", ".join(f"{n} {v:g} at {e:.2f} eV" for n, v, e in zip(names, valences, edges, strict=True))
    for (low, high), (first, second) in zip(pairwise(edges), pairwise(names), strict=True):
        if high - low < _NEAREST:
            listed += f"; {first} and {second} have the same edge"
    return (
        f"the valence of the references does not follow their edges ({listed}), so the calibration is a straight line, "
        f"from which they lie up to {np.abs(valences - line).max():.2f} away; leave out what does not belong"
    )
