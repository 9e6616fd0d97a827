"""The fit that is drawn over the measured spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import ref

from qtpy.QtCore import QObject, Signal

from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.state.asked import WhileAsked


class FitCurve(NamedTuple):
    """A fitted spectrum: photon energies (E,) in eV, and mu in the unit of the measured spectra.

    Of the kind ``residual``, it is drawn below them, with the residual of the pixel.
    """

    name: str
    energy: Values
    mu: Values
    kind: str = "fit"


class ShownFit(WhileAsked):
    """The curves and the residual of a fit. Panels write them, plots draw them and ask for them while they are seen.

    Signals
    -------
    changed :
        There is another fit, or none.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.curves: list[FitCurve] = []
        self.residual: tuple[Values, Values] | None = None
        self._writer: ref[QObject] | None = None

    def show(self, writer: QObject, curves: Sequence[FitCurve], residual: tuple[Values, Values] | None = None) -> None:
        """Show curves over the measured spectra, for example the fit of a pixel.

        Parameters
        ----------
        writer : QObject
            The panel that shows them; only it can clear them.
        curves : sequence of FitCurve
            The curves.
        residual : (energy in eV, residual), each of shape (E,), optional
            Drawn below the spectra.
        """
        self._writer = ref(writer)
        self._set(list(curves), residual)

    def clear(self, writer: QObject) -> None:
        """Remove the fit of a panel; the fit of another panel stays."""
        if self._writer is not None and self._writer() in (writer, None):
            self._writer = None
            self._set([], None)

    def _set(self, curves: list[FitCurve], residual: tuple[Values, Values] | None) -> None:
        self.curves, self.residual = curves, residual
        self.changed.emit()
