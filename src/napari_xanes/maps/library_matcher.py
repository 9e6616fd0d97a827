"""The kernel of `match_library`: species, 10Dq and shift of each pixel of a block, and their errors.

The best of the first looks is refined by Gauss-Newton steps on the compressed spectra. With a pixel's shift drawn from
a normal distribution of known width, what is minimized is ``|y - A m(10Dq, s)|² / noise² + s² / spread²``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes.maps.library_nodes import Nodes
from napari_xanes.maps.library_search import Floats, Indices, Singles

_STEPS = 2
_LEAST_SPREAD = 1e-3
"""In eV: shifts that spread less are one."""

DOUBTS = {
    1: "weak signal",
    2: "poor fit",
    3: "ambiguous",
    4: "10Dq beyond the library",
    5: "no finite spectrum",
}
"""Why a pixel is not assigned."""


@dataclass(frozen=True)
class Limits:
    """What makes a pixel doubtful: see `match_library`."""

    spread: float
    min_signal: float | None
    max_misfit: float
    min_evidence: float
    ambiguous: NDArray[np.bool_]


class Refined(NamedTuple):
    """Where the fit of each pixel ended, all (P,)."""

    node: Indices
    ten_dq: Floats
    beyond: Floats
    shift: Floats
    squares: Floats
    ten_dq_variance: Floats
    shift_variance: Floats
    amplitude: Floats


@dataclass
class Matcher:
    """Matches block after block of a stack into flat arrays, one value per pixel.

    Parameters
    ----------
    nodes : Nodes
        The library on the stack's energies.
    frames : slice
        The stack's frames that are used.
    limits : Limits
        When to doubt.
    n_pixels : int
        Number of pixels of the stack.
    """

    nodes: Nodes
    frames: slice
    limits: Limits
    n_pixels: int
    values: dict[str, NDArray[np.float32]] = field(init=False)
    species: NDArray[np.int16] = field(init=False)
    doubt: NDArray[np.uint8] = field(init=False)
    row: NDArray[np.int32] = field(init=False)

    fits_shift = True
    NAMES = (
        "ten_dq",
        "ten_dq_noise",
        "ten_dq_model",
        "ten_dq_grid",
        "shift",
        "shift_sigma",
        "signal",
        "signal_sigma",
        "misfit",
        "margin",
    )

    def __post_init__(self) -> None:
        self.values = {name: np.full(self.n_pixels, np.nan, np.float32) for name in self.NAMES}
        self.species = np.full(self.n_pixels, -1, np.int16)
        self.doubt = np.zeros(self.n_pixels, np.uint8)
        self.row = np.full(self.n_pixels, -1, np.int32)

    def block(self, spectra: NDArray[Any], pixels: slice) -> None:
        """Match the spectra (E, P) of some pixels."""
        found = self.match(spectra[self.frames])
        finite = found.pop("finite")
        self.doubt[pixels] = np.where(finite, found.pop("doubt"), 5)
        self.species[pixels] = np.where(finite, found.pop("species"), -1)
        self.row[pixels] = np.where(finite, found.pop("row"), -1)
        for name, values in found.items():
            self.values[name][pixels] = np.where(finite, values, np.nan)

    def match(self, spectra: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Everything about the spectra (E, P) of some pixels; see `NAMES`."""
        nodes, n_energies = self.nodes, spectra.shape[0]
        y = spectra.astype(np.float32)
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(y).all(axis=0))
        if not finite.all():
            y[:, ~finite] = 0
        y -= nodes.free @ (nodes.free.T @ y)
        inside = nodes.patterns.T @ y
        a = np.ascontiguousarray(inside.T)
        held = np.einsum("pk,pk->p", a, a).astype(np.float64)
        # What is left is summed as such: as a difference of squares single precision would lose it.
        y -= nodes.patterns @ inside
        left = np.einsum("ep,ep->p", y, y).astype(np.float64)
        n_free, n_patterns = nodes.free.shape[1], nodes.patterns.shape[1]
        noise = (left + 1e-12 * held + 1e-30) / max(n_energies - n_free - n_patterns, 1)
        spread = max(self.limits.spread, _LEAST_SPREAD)
        penalty = noise / (2 * spread**2 * np.sqrt(held + 1e-30))
        looks = np.concatenate([a, penalty[:, None]], axis=1, dtype=np.float32)
        scores, places = zip(*(search.best(looks) for search in nodes.searches), strict=True)
        order = np.argsort(-np.stack(scores), axis=0, kind="stable")
        at, pixels = np.stack(places), np.arange(left.size)
        first = self._refined(a, left, noise, spread, at[order[0], pixels])
        freedom = max(n_energies - n_free - 3, 1)
        if len(scores) > 1:
            second = self._refined(a, left, noise, spread, at[order[1], pixels])
            swap = second.squares < first.squares
            best = Refined(*(np.where(swap, b, f) for f, b in zip(first, second, strict=True)))
            other = np.where(swap, first.squares, second.squares)
            margin = 1 - np.sqrt(best.squares / np.maximum(other, 1e-30))
        else:
            best, margin, other = first, np.ones(left.size), np.full(left.size, np.inf)
        return self._judged(best, margin, other, n_energies, freedom, finite)

    def _refined(self, a: Singles, left: Floats, noise: Floats, spread: float, node: Indices) -> Refined:
        """Gauss-Newton steps from a node in 10Dq and shift; each goes to the next node and on from there."""
        nodes, tracks = self.nodes, self.nodes.tracks
        track = nodes.track[node]
        n_shifts, n_fields = nodes.shifts.size, tracks.n_fields[track]
        first, step = tracks.first[track], tracks.step[track]
        unstep = 1 / np.where(step > 0, step, 1.0)
        middle = n_shifts // 2
        pitch = nodes.shifts[1] - nodes.shifts[0] if n_shifts > 1 else 1.0
        free_field, free_shift = n_fields > 1, n_shifts > 1
        for _ in range(_STEPS):
            local = node - tracks.start[track]
            field_at, shift_at = local // n_shifts, nodes.shifts[local % n_shifts]
            products = np.matmul(nodes.tangents[node], a[:, :, None])[:, :, 0].astype(np.float64)
            amplitude = np.maximum(products[:, 0], 1e-9 * np.sqrt(left) + 1e-30)
            qq, qs, ss = nodes.metric[node].T
            qq = np.where(free_field, qq + 1e-12, 1.0)
            prior = noise / (amplitude * spread) ** 2
            ss = ss + prior if free_shift else np.ones_like(prior)
            pull_q = np.where(free_field, products[:, 1] / amplitude, 0.0)
            pull_s = products[:, 2] / amplitude - prior * shift_at if free_shift else np.zeros_like(prior)
            qs = np.where(free_field, qs, 0.0) if free_shift else np.zeros_like(qs)
            determinant = np.maximum(qq * ss - qs * qs, 1e-12)
            move_q = np.clip((ss * pull_q - qs * pull_s) / determinant, -0.15, 0.15)
            move_s = np.clip((qq * pull_s - qs * pull_q) / determinant, -0.15, 0.15)
            ten_dq = first + field_at * step + move_q
            shift = shift_at + move_s
            last = node
            to_field = np.clip(np.rint((ten_dq - first) * unstep), 0, n_fields - 1).astype(np.intp)
            to_shift = np.clip(np.rint(shift / pitch) + middle, 0, n_shifts - 1).astype(np.intp)
            node = tracks.start[track] + to_field * n_shifts + to_shift
        share = nodes.share[last]
        moves = np.stack([np.ones_like(move_q), np.where(free_field, move_q, 0), move_s if free_shift else 0 * move_s])
        off = a - np.matmul((amplitude * moves).T[:, None, :].astype(np.float32), nodes.tangents[last])[:, 0]
        # Of the fit itself a part lies beside the patterns too, as large as that of the member.
        beside = np.maximum(left - amplitude**2 * (1 / share**2 - 1), 0.1 * left)
        squares = beside + np.einsum("pk,pk->p", off, off) + 1e-30
        limit = first + (n_fields - 1) * step
        inside = np.clip(ten_dq, first, limit)
        per_noise = 1 / amplitude**2
        return Refined(
            node=last,
            ten_dq=inside,
            beyond=np.where(free_field, np.abs(ten_dq - inside), 0.0),
            shift=np.clip(shift, nodes.shifts[0], nodes.shifts[-1]),
            squares=squares,
            ten_dq_variance=np.where(free_field, ss / determinant * per_noise, 0.0),
            shift_variance=qq / determinant * per_noise if free_shift else np.zeros_like(qq),
            amplitude=np.where(products[:, 0] > 0, amplitude / share, 0.0),
        )

    def _judged(
        self,
        best: Refined,
        margin: Floats,
        other: Floats,
        n_energies: int,
        freedom: int,
        finite: NDArray[np.bool_],
    ) -> dict[str, NDArray[Any]]:
        """Errors from the misfit, and which pixels to doubt."""
        nodes, limits = self.nodes, self.limits
        variance = best.squares / freedom
        height = nodes.height[best.node]
        signal, signal_sigma = best.amplitude * height, np.sqrt(variance) * height
        noise = np.sqrt(best.ten_dq_variance * variance)
        misfit = np.sqrt(best.squares / n_energies) / np.maximum(signal, 1e-30)
        species = nodes.tracks.species[nodes.track[best.node]]
        least = 5 * signal_sigma if limits.min_signal is None else limits.min_signal
        weak = ~(signal > least)
        unclear = np.asarray(limits.ambiguous[species]) | ((other - best.squares) / variance < limits.min_evidence)
        doubt = np.select(
            [weak, misfit > limits.max_misfit, unclear, best.beyond > np.maximum(noise, 0.05)], [1, 2, 3, 4], 0
        )
        return {
            "finite": finite,
            "doubt": doubt,
            "species": species,
            "row": nodes.row[best.node],
            "ten_dq": np.where(weak, np.nan, best.ten_dq),
            "ten_dq_noise": noise,
            "ten_dq_model": nodes.model[best.node],
            "ten_dq_grid": nodes.grid[best.node],
            "shift": np.where(weak, np.nan, best.shift),
            "shift_sigma": np.sqrt(best.shift_variance * variance),
            "signal": signal,
            "signal_sigma": signal_sigma,
            "misfit": np.where(weak, np.nan, misfit),
            "margin": np.where(weak, np.nan, np.clip(margin, 0, 1)),
        }
