"""The answers of a search of references as rows of a table, and their fits as curves. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.parameter_map import MapSet

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankedAnswer:
    """One answer to what a mean spectrum is made of.

    Parameters
    ----------
    spectrum, words : str
        Name of the mean spectrum, and the answer as a sentence.
    answer : mapping
        Its numbers: ``probability``, ``bic``, ``shift``, ``shift_sigma``, ``misfit``, ``p_value``, ``chi_square``.
    energy, measured, fitted : ndarray, shape (E,)
        Energies in eV; the mean spectrum and the fit, in the unit of the stack.
    """

    spectrum: str
    words: str
    answer: Mapping[str, Any]
    energy: Values
    measured: Values
    fitted: Values

    @property
    def texts(self) -> tuple[str, ...]:
        """What its row says: spectrum, answer, probability, misfit, shift, BIC."""
        found = self.answer
        return (
            self.spectrum,
            self.words,
            f"{100 * found['probability']:.0f} %",
            f"{100 * found['misfit']:.2g} %",
            f"{found['shift']:.2f} ± {found['shift_sigma']:.2f}",
            f"{found['bic']:.1f}",
        )

    @property
    def tip(self) -> str:
        """Its tests, as a sentence."""
        found = self.answer
        return f"{self.words}\np = {found['p_value']:.2g}, reduced chi square {found['chi_square']:.3g}"


COLUMNS = ("spectrum", "answer", "probability", "misfit", "shift (eV)", "BIC")
"""What `RankedAnswer.texts` are."""


def ranked_of(maps: MapSet) -> list[RankedAnswer]:
    """Return the answers of `search_references`, spectrum by spectrum, best first; none for other methods."""
    energy = np.asarray(maps.metadata.get("energy", ()), dtype=np.float64)
    return [
        RankedAnswer(
            str(found["spectrum"]),
            str(answer["words"]),
            answer,
            energy,
            np.asarray(found["measured"], dtype=np.float64),
            np.asarray(answer["fitted"], dtype=np.float64),
        )
        for found in maps.metadata.get("answers") or []
        for answer in found.get("ranked") or []
    ]
