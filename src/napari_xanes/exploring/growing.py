"""Components of stacks that grow, or of many stacks: each pixel is looked at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.edge import Range
from napari_xanes.exploring.basis import ComponentBasis
from napari_xanes.exploring.moments import RunningMoments
from napari_xanes.exploring.stacks import basis_of, within
from napari_xanes.progress import Progress
from napari_xanes.stack import SpectralStack


class GrowingComponents:
    """Components of pixels that come in pieces: rows of a scan that goes on, tiles, or one stack after the other.

    Only sums are kept, not the pixels: the mean products of all pairs of energies, and a small sample. Components are
    those of all pixels together, whatever the pieces: single precision rounds them by some hundredths of their errors.

    Parameters
    ----------
    energy : tuple of float, optional
        Range of energies to use in eV, both ends included.

    Examples
    --------
    >>> energy = np.linspace(8330, 8400, 30)
    >>> amounts = np.random.default_rng(0).uniform(0, 1, (2, 40, 40))
    >>> spectra = np.stack([np.arctan(energy - 8343), np.arctan(energy - 8347)]) + 1.5
    >>> noise = 0.01 * np.random.default_rng(1).standard_normal((30, 40, 40))
    >>> stack = SpectralStack(np.tensordot(spectra.T, amounts, 1) + noise, energy, "optical_depth")
    >>> growing = GrowingComponents()
    >>> growing.add(stack.isel(box=(slice(0, 25), slice(None))))
    >>> growing.add(stack.isel(box=(slice(25, 40), slice(None))))
    >>> growing.n_pixels, growing.basis().spectra.shape
    (1600, (2, 30))
    """

    def __init__(self, energy: Range | None = None) -> None:
        self._energy = energy
        self._first: _First | None = None
        self._running = RunningMoments(0)

    @property
    def n_pixels(self) -> int:
        """Number of pixels so far that have values at all energies."""
        return self._running.n_pixels

    def add(self, stack: SpectralStack, progress: Progress | None = None) -> None:
        """Add the pixels of a stack (E, Y, X) or (E, Z, Y, X).

        Raises
        ------
        ValueError
            If the stack is no absorption, has too few energies, or differs in energies or quantity from those before.
        """
        stack = within(stack, "components", self._energy)
        if self._first is None:
            self._first = _First(stack.energy, stack.quantity, stack.name)
            self._running = RunningMoments(stack.energy.size)
        energy, quantity, name = self._first
        if stack.energy.shape != energy.shape or not np.allclose(stack.energy, energy, atol=1e-3, rtol=0):
            raise ValueError(
                f"{stack.name!r} has other energies than {name!r}, which came first: interpolate_energy first"
            )
        if stack.quantity != quantity:
            raise ValueError(
                f"{stack.name!r} is {stack.quantity}, but {name!r}, which came first, is {quantity}: bring them to the "
                "same quantity"
            )
        self._running.add(stack, progress)

    def basis(self, count: int | None = None) -> ComponentBasis:
        """Return the components so far, for `napari_xanes.maps.components(stack, basis=...)`.

        Parameters
        ----------
        count : int, optional
            Number of components; by default those that are larger than noise makes them by chance, at least one.

        Raises
        ------
        ValueError
            If no stack was added, no two pixels hold values at all energies, or all values are 0.
        """
        if self._first is None:
            raise ValueError("there are no pixels yet: add a stack first")
        return basis_of(self._running.moments(), self._first.energy, self._first.name, count)


class _First(NamedTuple):
    """What all stacks share."""

    energy: Float64Array
    quantity: str
    name: str
