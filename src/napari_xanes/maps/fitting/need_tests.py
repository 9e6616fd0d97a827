"""Tests of references in several mean spectra: whether each is needed, and whether it can be there at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.maps.fitting.design import Design
from napari_xanes.maps.fitting.mean_spectra import Means
from napari_xanes.maps.fitting.nested_fits import LeftOut, NestedFits
from napari_xanes.maps.fitting.target_transform import Target, n_components, target_transform
from napari_xanes.progress import Progress

_LEAST_TILES = 12
"""Fewer spectra tell little about how many independent ones there are."""


class NeedTests:
    """Tests of references in several mean spectra."""

    def __init__(
        self,
        design: Design,
        means: Means,
        *,
        nonnegative: bool,
        n_draws: int,
        seed: int,
        progress: Progress | None = None,
    ) -> None:
        self._design, self._means = design, means
        self._nonnegative, self._n_draws, self._seed = nonnegative, n_draws, seed
        n = len(design.names)
        # All references, then one less each time, at most until one is left.
        self._progress, self._done, self._all = progress, 0, len(means.names) * n * (n + 1) / 2

    def of(self, columns: Sequence[int]) -> list[tuple[LeftOut, str]]:
        """Return how much each of some references is needed beside the others, and the spectrum that says so."""
        n = len(self._design.names)
        backgrounds = self._design.matrix[:, n:]
        found: list[list[LeftOut]] = []
        for i, spectrum in enumerate(self._means.spectra.T):
            sigma = self._means.sigma
            scale = np.ones(len(spectrum)) if sigma is None else sigma[:, i]
            fits = NestedFits(
                self._design.matrix[:, list(columns)] / scale[:, None],
                backgrounds / scale[:, None],
                nonnegative=self._nonnegative,
                known=sigma is not None,
            )
            found.append([])
            for k, column in enumerate(columns):
                found[-1].append(fits.left_out(spectrum / scale, k, self._n_draws, self._seed))
                self._tell(f"{self._means.names[i]} without {self._design.names[column]}")
        results = []
        for results_of_one in zip(*found, strict=True):
            best = min(range(len(found)), key=lambda i: (results_of_one[i].p_value, -results_of_one[i].f))
            p_value = min(1.0, len(found) * results_of_one[best].p_value)
            results.append((results_of_one[best]._replace(p_value=p_value), self._means.names[best]))
        return results

    def _tell(self, what: str) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done / self._all, what)

    def fewest(self, found: list[tuple[LeftOut, str]], level: float) -> set[int]:
        """Leave out the reference that is needed least, until all others are needed; return what is left."""
        columns = list(range(len(found)))
        while len(columns) > 1:
            worst = max(range(len(columns)), key=lambda i: (found[i][0].p_value, -found[i][0].f))
            if found[worst][0].p_value < level:
                break
            del columns[worst]
            found = self.of(columns)
        return set(columns)


def can_be_there(design: Design, means: Means, least: int) -> tuple[int | None, list[Target | None]]:
    """Return the number of independent spectra, and for each reference whether it can be one of them.

    Spectra and references are taken without what backgrounds can make. Fewer independent spectra than `least` leave the
    question open.
    """
    n = len(design.names)
    open_question: list[Target | None] = [None] * n
    backgrounds = design.matrix[:, n:]
    lost, tiles = backgrounds.shape[1], means.tiles
    if tiles.shape[1] < _LEAST_TILES or len(tiles) - lost < n + 2:
        return None, open_question
    scale = np.ones(len(tiles)) if means.sigma is None else means.sigma[:, 0] / means.sigma[:, 0].mean()
    basis = np.linalg.qr(backgrounds / scale[:, None])[0] if lost else np.zeros((len(tiles), 0))

    def bare(values: Float64Array) -> Float64Array:
        white = values / scale[:, None]
        result: Float64Array = white - basis @ (basis.T @ white)
        return result

    spectra, targets = bare(tiles), bare(design.matrix[:, :n])
    number = n_components(spectra, lost)
    if number < least:
        return number, open_question
    return number, [target_transform(spectra, target, number, lost) for target in targets.T]
