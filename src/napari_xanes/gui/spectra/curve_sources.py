"""The curves of the Spectra dock, by where they come from. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from napari_xanes.colours import colour_of
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.present import present
from napari_xanes.gui.spectra.curves import ABSORPTION

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.gui.state.fit import FitCurve
    from napari_xanes.gui.state.pin_spectra import PinSpectrum
    from napari_xanes.gui.state.references import ReferenceSet
    from napari_xanes.gui.state.regions import Region

_FIRST_FIT_COLOUR = 4


class CurveSources:
    """Keeps the curves of cursor, regions, pins, references and fits."""

    def __init__(self) -> None:
        self.cursor: Curve | None = None
        self.regions: list[Curve] = []
        self.pins: list[tuple[str, Curve]] = []
        self.references: list[Curve] = []
        self.fits: list[Curve] = []

    @property
    def cursor_values(self) -> Values | None:
        """The spectrum under the cursor, shape (E,); None outside the image."""
        return self.cursor.values if self.cursor is not None else None

    def set_cursor(self, layer: Layer, values: Values) -> None:
        """Set the spectrum under the cursor, values (E,) of a stack layer."""
        self.cursor = Curve("cursor", energies_of(layer), values, "cursor")

    def set_regions(self, layer: Layer | None, regions: Iterable[Region]) -> None:
        """Set the mean spectra of regions over a stack layer; without a layer there are none."""
        self.regions = [
            Curve(region.name, energies_of(layer), region.mean, "region", region.colour, region.spread)
            for region in (regions if layer is not None else ())
            if not region.hidden
        ]

    def set_references(self, references: ReferenceSet) -> None:
        """Set the ticked references and the curve that is tried out."""
        self.references = [
            Curve(spectrum.name, spectrum.energy, spectrum.mu, "reference", colour)
            for spectrum, colour in references.drawn
        ]

    def set_fits(self, fits: Sequence[FitCurve]) -> None:
        """Set fitted curves (name, energy in eV, mu)."""
        self.fits = [
            Curve(name, energy, mu, "fit", colour_of(_FIRST_FIT_COLOUR + number))
            for number, (name, energy, mu) in enumerate(fits)
        ]

    def set_pins(self, spectra: Iterable[PinSpectrum]) -> None:
        """Set the spectra of pins on the stack; those outside it have none."""
        shown = [found for found in spectra if found.curve is not None and found.pin.visible]
        self.pins = [(f"pin {found.pin.number}", present(found.curve)) for found in shown]

    def measured(self) -> list[tuple[str, Curve]]:
        """Return the measured curves and fits, each with a unique key, in the order of the legend."""
        curves = [("cursor", self.cursor)] if self.cursor is not None else []
        curves += [(f"region {number}", curve) for number, curve in enumerate(self.regions)]
        curves += self.pins
        curves += [(f"fit {number}", curve) for number, curve in enumerate(self.fits)]
        return curves

    def comparable_references(self, quantity: str) -> list[Curve]:
        """Return the references, or none if the spectra of the stack are not absorption; no text without a stack."""
        return self.references if quantity in ("", *ABSORPTION) else []

    def warning(self, layer: Layer | None, quantity: str) -> str:
        """Return why the plot of a stack can't show all curves; empty if it can."""
        if layer is None:
            return ""
        if len(self.comparable_references(quantity)) < len(self.references):
            return f"References show absorption: convert {quantity} to optical depth first (Prepare dock)"
        if energies_of(layer).size == 1:
            return "This stack has one energy: a spectrum is a single value, not a curve"
        return ""
