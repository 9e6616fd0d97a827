"""Whether spectra suit the chosen stack, as the window knows it. No Qt widgets."""

from __future__ import annotations

from napari_xanes.gui.energy import energies_of
from napari_xanes.gui.state.stacks import StackFollower
from napari_xanes.reference_checks import UNKNOWN, Absorber, absorber_of, why_unsuitable
from napari_xanes.spectrum import Spectrum


class StackCheck:
    """Compares spectra with the chosen stack.

    Parameters
    ----------
    stacks : StackFollower
        The chosen stack.
    """

    def __init__(self, stacks: StackFollower) -> None:
        self._stacks = stacks

    @property
    def absorber(self) -> Absorber:
        """Element and edge of the chosen stack, as far as it says them."""
        layer = self._stacks.layer
        if layer is None:
            return UNKNOWN
        known = layer.metadata["xanes"]["metadata"]
        return Absorber(known.get("element"), known.get("edge"), named=True)

    def why_unsuitable(self, spectrum: Spectrum, absorber: Absorber | None = None) -> str:
        """Return why a spectrum can't be of use for the chosen stack; no text if it may be.

        Parameters
        ----------
        spectrum : Spectrum
            The spectrum.
        absorber : Absorber, optional
            What it is of, if that is known.
        """
        layer = self._stacks.layer
        if layer is None:
            return ""
        return why_unsuitable(spectrum, absorber or absorber_of(spectrum), energies_of(layer), self.absorber)
