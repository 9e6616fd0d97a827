"""The normalization of one reference, while the user looks at it and changes it. No Qt widgets."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_xanes.edge.one_spectrum import LinesOfSpectrum, lines_of_spectrum
from napari_xanes.gui.state.preview_curves import EdgeCurves, PixelSpectrum
from napari_xanes.gui.state.references import ReferenceSet
from napari_xanes.spectrum import Spectrum


class ReferenceLines(QObject):
    """Keeps E0 and the lines of the reference that is looked at.

    Parameters
    ----------
    references : ReferenceSet
        The references; those of a project or recipe keep what is set here.

    Attributes
    ----------
    problem : str
        Why the reference can't be normalized; no text if it can.

    Signals
    -------
    changed :
        Another reference is looked at, or none, or its lines are others.
    """

    changed = Signal()

    def __init__(self, references: ReferenceSet) -> None:
        super().__init__()
        self._references = references
        self._name: str | None = None
        self._normalized = False
        self._seen: Spectrum | None = None
        self._lines: LinesOfSpectrum | None = None
        self.problem = ""
        references.changed.connect(self._refresh)

    @property
    def spectrum(self) -> Spectrum | None:
        """The reference that is looked at."""
        return next((one for one in self._references.spectra if one.name == self._name), None)

    @property
    def lines(self) -> LinesOfSpectrum | None:
        """Its lines; None if none is looked at, or it can't be normalized."""
        return self._lines

    @property
    def edge(self) -> EdgeCurves | None:
        """The reference as it is in its file, with its lines; None while it is shown normalized."""
        if self._seen is None or self._lines is None or self._normalized:
            return None
        found = self._lines.normalized
        raw = PixelSpectrum(self._seen.energy, self._seen.mu, "reference")
        post = np.where(self._seen.energy >= found.e0, self._lines.post, np.nan)
        return EdgeCurves(raw, self._lines.pre, post, found.e0, (found.pre, found.post))

    @property
    def curve(self) -> PixelSpectrum | None:
        """What the plot shows of the reference: as it is, or normalized; None if none is looked at."""
        if self._seen is None:
            return None
        if self._normalized and self._lines is not None:
            return PixelSpectrum(self._seen.energy, self._lines.normalized.mu, "normalized")
        return PixelSpectrum(self._seen.energy, self._seen.mu, "reference")

    def look_at(self, name: str | None, normalized: bool = False) -> None:
        """Show a reference with its lines, or normalized; None shows the spectra of the stack again."""
        if (name, normalized) != (self._name, self._normalized):
            self._name, self._normalized = name, normalized
            self._measure()

    def change(self, **values: Any) -> None:
        """Set E0 (eV) or a range (eV from E0): ``e0``, ``pre``, ``post``; without values all are automatic again.

        Raises
        ------
        ValueError
            If a range does not go up.
        """
        spectrum = self.spectrum
        if spectrum is not None:
            self._references.put(spectrum.with_lines(**(spectrum.lines | values if values else {})))

    def _refresh(self) -> None:
        if self.spectrum is not self._seen:
            self._measure()

    def _measure(self) -> None:
        spectrum = self._seen = self.spectrum
        self._lines, self.problem = None, ""
        if spectrum is not None:
            try:
                self._lines = lines_of_spectrum(spectrum)
            except ValueError as error:
                self.problem = str(error)
        self.changed.emit()
