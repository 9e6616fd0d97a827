"""The curves of the plot of spectra, by where they come from. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from napari_xanes.colours import colour_of
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.spectra.curves import ABSORPTION

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_xanes.gui.state.fit import FitCurve
    from napari_xanes.gui.state.pin_spectra import PinSpectrum
    from napari_xanes.gui.state.pins import Pin
    from napari_xanes.gui.state.references import ReferenceSet
    from napari_xanes.gui.state.regions import Region

_FIRST_FIT_COLOUR = 4

Keyed = tuple[str, Curve]
"""A curve with its key, which no other curve of the plot has."""


class CurveSources:
    """Keeps the curves of cursor, regions, pins, references and fits.

    Attributes
    ----------
    hidden : set of str
        Keys of the regions and pins that are not drawn.
    """

    def __init__(self) -> None:
        self.cursor: Curve | None = None
        self.hidden: set[str] = set()
        self._regions: dict[str, tuple[Region, Curve]] = {}
        self._pins: dict[str, tuple[Pin, Curve]] = {}
        self._references: list[Curve] = []
        self._fits: list[Curve] = []

    @property
    def cursor_values(self) -> Values | None:
        """The spectrum under the cursor, shape (E,); None outside the image."""
        return self.cursor.values if self.cursor is not None else None

    def set_cursor(self, layer: Layer, values: Values, sigma: Values | None, place: str) -> None:
        """Set the spectrum under the cursor: values (E,) of a stack layer, their errors if known, and where it is."""
        self.cursor = Curve("cursor", energies_of(layer), values, "cursor", sigma=sigma, place=place)

    def set_regions(self, layer: Layer | None, regions: Iterable[Region]) -> None:
        """Set the mean spectra of regions over a stack layer; without a layer there are none."""
        self.hidden -= self._regions.keys()
        self._regions = {}
        for region in regions if layer is not None else ():
            key = f"region {region.number} of {id(region.layer)}"
            curve = Curve(region.name, energies_of(layer), region.mean, "region", region.colour, region.spread)
            self._regions[key] = region, curve
            self.hidden |= {key} if region.hidden else set()

    def set_pins(self, spectra: Iterable[PinSpectrum]) -> None:
        """Set the spectra of pins on the stack; those outside it have none."""
        self.hidden -= self._pins.keys()
        self._pins = {}
        for found in spectra:
            if found.curve is not None:
                key = f"pin {found.pin.number}"
                self._pins[key] = found.pin, found.curve
                self.hidden |= set() if found.pin.visible else {key}

    def set_references(self, references: ReferenceSet) -> None:
        """Set the ticked references and the curve that is tried out."""
        self._references = [
            Curve(spectrum.name, spectrum.energy, spectrum.mu, "reference", colour)
            for spectrum, colour in references.drawn
        ]

    def set_fits(self, fits: Sequence[FitCurve]) -> None:
        """Set fitted curves (name, energy in eV, mu)."""
        self._fits = [
            Curve(name, energy, mu, kind, colour_of(_FIRST_FIT_COLOUR + number))
            for number, (name, energy, mu, kind) in enumerate(fits)
        ]

    def measured(self) -> list[Keyed]:
        """Return the measured curves and fits, in the order of the legend."""
        curves = [("cursor", self.cursor)] if self.cursor is not None else []
        curves += [(key, curve) for key, (_, curve) in self._regions.items()]
        curves += [(key, curve) for key, (_, curve) in self._pins.items()]
        curves += [(f"fit {number}", curve) for number, curve in enumerate(self._fits)]
        return curves

    def comparable_references(self, quantity: str) -> list[Curve]:
        """Return the references, or none if the spectra of the stack are not absorption; no text without a stack."""
        return self._references if quantity in ("", "reference", *ABSORPTION) else []

    def region(self, key: str) -> Region | None:
        """Return the region of a curve; None if it is another curve."""
        return self._regions[key][0] if key in self._regions else None

    def pin(self, key: str) -> Pin | None:
        """Return the pin of a curve; None if it is another curve."""
        return self._pins[key][0] if key in self._pins else None

    def warning(self, layer: Layer | None, quantity: str) -> str:
        """Return why the plot of a stack can't show all curves; empty if it can."""
        if layer is None:
            return ""
        if len(self.comparable_references(quantity)) < len(self._references):
            return f"References show absorption: convert {quantity} to optical depth first (Prepare dock)"
        if energies_of(layer).size == 1:
            return "This stack has one energy: a spectrum is a single value, not a curve"
        return ""
