"""`fit_references` that grows with each frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.live.running.model_errors import FROM_SAMPLE, with_model_errors
from napari_xanes.live.running.solved import Solved, solve
from napari_xanes.live.running.spectra import RunningMoments
from napari_xanes.live.running.sums import FrameSums
from napari_xanes.maps.fitting.design import Design, build_design
from napari_xanes.maps.fitting.interpolation import reference_columns
from napari_xanes.maps.fitting.reference_scale import on_one_scale
from napari_xanes.maps.fitting.result import ReferenceFit
from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import Quantity, SpectralStack
from napari_xanes.wording import counted

ONLY_NOISE = "errors of these maps count noise only; those of the final maps count misfit, too"

_DESIGN = ("constant", "slope", "nonnegative", "sum_to_one", "normalize_references")


class NotYet(ValueError):
    """What can't be known from the energies that were measured so far."""


class RunningFit:
    """A fit of references to all pixels, from frames that come one by one, in any order of energies.

    Parameters
    ----------
    parameters : mapping
        Checked parameters of `fit_references`.
    quantity : str
        What the frames are: absorption.
    unit : str
        Their unit.
    shape : tuple of int
        Shape of a frame, (Y, X) or (Z, Y, X).

    Raises
    ------
    ValueError
        If the references can't be brought to one scale.
    """

    def __init__(self, parameters: Mapping[str, Any], quantity: Quantity, unit: str, shape: tuple[int, ...]) -> None:
        self._parameters, self._quantity, self._unit, self._shape = parameters, quantity, unit, shape
        self._references: list[Spectrum] = on_one_scale(
            parameters["references"], parameters["normalize_references"], []
        )
        self._columns: dict[float, Float64Array] = {}
        self._added: set[float] = set()
        self._first = 0.0
        self._sums = FrameSums(len(self._references) + 2, int(np.prod(shape)))

    @property
    def energies(self) -> list[float]:
        """Energies of the frames that are in the sums, rising."""
        return sorted(self._added)

    def announce(self, energies: Iterable[float]) -> bool:
        """Say which energies there are so far, of frames that are added and of those that will be; see `add`.

        Returns
        -------
        bool
            False if this is too late: energies have become so dense near the edge that references are interpolated in
            another way. Then all frames must be added anew, to a new fit.
        """
        axis = sorted(energy for energy in energies if self._is_covered(energy))
        columns, _ = reference_columns(self._references, np.array(axis), []) if axis else (np.empty((0, 0)), None)
        new = dict(zip(axis, columns, strict=True))
        if not all(energy in new and np.array_equal(new[energy], self._columns[energy]) for energy in self._added):
            return False
        self._columns = new
        return True

    def add(self, energy: float, frame: Any) -> None:
        """Add a frame; one outside the references or the range of the fit is left out.

        Parameters
        ----------
        energy : float
            eV; it was announced.
        frame : ndarray of `shape`
            Absorption.

        Raises
        ------
        ValueError
            If a frame of this energy was added before.
        """
        if energy in self._added:
            raise ValueError(f"the frame at {energy:g} eV was added before; add each frame once")
        if not self._is_covered(energy):
            return
        if not self._added:
            self._first = energy
        self._added.add(energy)
        self._sums.add(self._weights(energy), np.asarray(frame).ravel())

    def remove(self, energy: float, frame: Any) -> None:
        """Take out a frame that was added with the same values; one that was left out is none."""
        if energy in self._added:
            self._added.remove(energy)
            self._sums.remove(self._weights(energy), np.asarray(frame).ravel())

    def _weights(self, energy: float) -> Float64Array:
        return np.array([*self._columns[energy], 1.0, energy - self._first])

    def _is_covered(self, energy: float) -> bool:
        low, high = self._parameters["energy"] or (-np.inf, np.inf)
        low = max(low, *(reference.energy[0] for reference in self._references))
        high = min(high, *(reference.energy[-1] for reference in self._references))
        return bool(low <= energy <= high)

    def maps(self) -> MapSet:
        """Return the maps from the frames that were added.

        Raises
        ------
        NotYet
            If energies are too few, or none lies above the edge of the references: a fit would give any amounts.
        """
        design = self._design()
        solved = solve(
            design,
            self._sums,
            self._first,
            fractions=self._parameters["fractions"],
            min_jump=self._parameters["min_jump"],
        )
        return _maps(design, solved, self._unit, self._shape, fractions=self._parameters["fractions"])

    def maps_with_model_errors(self, sample: RunningMoments) -> MapSet:
        """Return the maps; errors also count misfit, as far as a sample of the same frames shows it. See `maps`."""
        maps = self.maps()
        raised = with_model_errors(maps, sample, self._parameters, self._quantity)
        if raised is None:
            return maps
        told = [FROM_SAMPLE if text == ONLY_NOISE else text for text in raised.metadata["warnings"]]
        return replace(raised, metadata={**raised.metadata, "warnings": told})

    def _design(self) -> Design:
        needed = len(self._references) + self._parameters["constant"] + self._parameters["slope"] + 1
        energies = self.energies
        if len(energies) < needed:
            raise NotYet(
                f"a fit of {counted(len(self._references), 'reference', 'references')} needs at least {needed} "
                f"energies that all references cover; there are {len(energies)}"
            )
        edge = max(_edge_of(reference) for reference in self._references)
        if energies[-1] <= edge:
            raise NotYet(
                f"the energies so far end at {energies[-1]:g} eV, below the edge of the references ({edge:.5g} eV); "
                "wait for frames above it"
            )
        axis = np.array(energies)
        empty = SpectralStack(np.zeros((axis.size, 1, 1), np.float32), axis, self._quantity)
        try:
            return build_design(
                empty,
                self._parameters["references"],
                self._parameters["energy"],
                **{name: self._parameters[name] for name in _DESIGN},
            )
        except ValueError as error:
            raise NotYet(str(error)) from None


def _edge_of(reference: Spectrum) -> float:
    """Return the energy in eV of the steepest rise."""
    known = np.isfinite(reference.mu)
    energy, mu = reference.energy[known], reference.mu[known]
    i = int(np.argmax(np.diff(mu) / np.diff(energy)))
    return float(energy[i] + energy[i + 1]) / 2


def _maps(design: Design, solved: Solved, unit: str, shape: tuple[int, ...], *, fractions: bool) -> MapSet:
    good = solved.good.reshape(shape)

    def map_of(values: Any, unit: str, sigma: Any = None, mask: Any = good, **options: Any) -> ParameterMap:
        return ParameterMap(
            values.reshape(shape), unit, None if sigma is None else sigma.reshape(shape), mask, **options
        )

    names = design.names
    maps = {
        name: map_of(solved.amounts[i], "1" if fractions else unit, solved.amount_sigma[i])
        for i, name in enumerate(names)
    }
    maps["edge_jump"] = map_of(solved.jump, unit, solved.jump_sigma)
    if design.with_valence.any():
        known = good & np.isfinite(solved.valence).reshape(shape)
        maps["valence"] = map_of(solved.valence, "1", solved.valence_sigma, known)
    maps["dominant"] = map_of(solved.dominant, "1", labels=dict(enumerate(names, start=1)))
    maps["residual_rms"] = map_of(solved.rms, unit, companion="fit")
    for i, name in enumerate(design.backgrounds):
        maps[name] = map_of(solved.background[i], {"constant": unit, "slope": f"{unit}/eV"}[name], companion="fit")
    metadata = {
        "warnings": [ONLY_NOISE, *design.warnings],
        "fit": ReferenceFit(design.energy, design.matrix, [*names, *design.backgrounds], fractions),
    }
    return MapSet(maps, metadata=metadata)
