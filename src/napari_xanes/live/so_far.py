"""Maps of a scan that is still being measured: they say so in their name, warnings and metadata."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes.live.quick import quick_maps
from napari_xanes.live.running.fit import NotYet, RunningFit
from napari_xanes.live.running.framewise import Framewise, framewise, is_kept, prepared
from napari_xanes.live.running.origins import Origin, origins_of
from napari_xanes.live.running.spectra import RunningMoments
from napari_xanes.live.source import View
from napari_xanes.parameter_map import MapSet
from napari_xanes.progress import Progress
from napari_xanes.recipe import Recipe, method_of, run
from napari_xanes.registry import with_warnings
from napari_xanes.stack import SpectralStack
from napari_xanes.wording import counted

logger = logging.getLogger(__name__)

KEY = "so_far"
"""Metadata of maps that are not final: number of energies, their range, how many are expected, why a map can't be known
yet, and how many spectra stand out from the noise so far."""


class MapsSoFar:
    """The maps of a recipe from the frames that are there, updated view by view.

    If all steps change each frame alone and `fit_references` follows, sums are kept, and a view costs what its new
    frames cost. A frame whose flat comes later, or that is averaged with a repeat, is taken out of the sums and added
    again; the others stay. Any other recipe is carried out on all frames so far.

    Parameters
    ----------
    recipe : Recipe
        The steps of the final maps.

    Raises
    ------
    ValueError
        If a step is unknown or has invalid parameters.
    """

    def __init__(self, recipe: Recipe) -> None:
        for step in recipe:
            method_of(step.name).validated(step.parameters)
        self._recipe = recipe
        self._plan: Framewise | str = ""
        self._generation = -1
        self._fit: RunningFit | None = None
        self._taken: dict[float, Origin] = {}
        self._stack: SpectralStack | None = None
        self._pixel_size: tuple[float, ...] | None = None
        self._moments = RunningMoments(0)

    @property
    def is_slow(self) -> bool:
        """Whether all frames are taken anew for each view."""
        return isinstance(self._plan, str)

    def update(self, view: View, progress: Progress | None = None) -> MapSet | SpectralStack | None:
        """Return the maps of a view; None before the first frame.

        Raises
        ------
        OSError
            If a frame can't be read any more.
        ValueError
            If a step does not fit the stack, whatever frames will come.
        """
        if view.stack is None:
            return None
        if isinstance(self._plan, str) or view.generation != self._generation:
            before, self._plan = self._plan, framewise(self._recipe, view.stack)
            if isinstance(before, str) or isinstance(self._plan, str):
                self._begin()
        reason = ""
        try:
            if isinstance(self._plan, str):
                made = self._of_all(view.stack, progress)
            else:
                made = self._grown(self._plan, view, view.stack, progress)
        except NotYet as error:
            made, reason = self._quick(view.stack), str(error)
        return _marked(made, view, reason, self._moments.count(), self._recipe)

    def _begin(self) -> None:
        self._fit, self._taken = None, {}

    def _take_out(self, plan: Framewise, view: View, origins: Mapping[float, Origin]) -> None:
        """Take frames out of the sums that are not what they were; all, where that is less work."""
        voids = view.generation != self._generation
        stale = [
            energy
            for energy, origin in self._taken.items()
            if energy not in origins or origin.is_other(origins[energy], may_have_changed=voids)
        ]
        if 2 * len(stale) > len(self._taken):
            return self._begin()
        try:
            for energy in stale:
                self._take_out_one(plan, energy)
        except (OSError, ValueError) as error:  # files that were written again do not say what they were
            logger.info("all frames are added anew: %s", error)
            self._begin()

    def _take_out_one(self, plan: Framewise, energy: float) -> None:
        assert self._stack is not None
        frame = prepared(plan.steps, self._stack, int(np.flatnonzero(self._stack.energy == energy)[0]))
        if frame is not None and self._fit is not None:
            self._fit.remove(energy, frame.data[0])
        del self._taken[energy]

    def _grown(self, plan: Framewise, view: View, stack: SpectralStack, progress: Progress | None) -> MapSet:
        """Add the new frames to the sums."""
        origins = origins_of(stack)
        self._take_out(plan, view, origins)
        self._generation, self._stack = view.generation, stack
        if self._fit is not None and not self._fit.announce(_kept_energies(plan, stack)):
            logger.info("references are interpolated in another way now: all frames are added anew")
            self._begin()
        new = [i for i, energy in enumerate(stack.energy) if float(energy) not in self._taken]
        like = None
        for done, i in enumerate(new):
            frame = prepared(plan.steps, stack, i)
            if frame is not None:
                fit, like = self._fitting(plan, frame, stack), frame
                fit.add(float(stack.energy[i]), frame.data[0])
                self._moments.add(float(stack.energy[i]), frame.data[0])
            self._taken[float(stack.energy[i])] = origins[float(stack.energy[i])]
            if progress is not None:
                progress((done + 1) / (len(new) + 1), "frames")
        if self._fit is None:
            raise NotYet("no frame is left by the recipe so far; if it stays so, widen its energies")
        maps = self._fit.maps_with_model_errors(self._moments)
        self._pixel_size = self._pixel_size if like is None else like.pixel_size
        return replace(maps, pixel_size=self._pixel_size, history=(*stack.history, *self._recipe))

    def _fitting(self, plan: Framewise, frame: SpectralStack, stack: SpectralStack) -> RunningFit:
        if self._fit is None:
            self._fit = RunningFit(plan.parameters, frame.quantity, frame.unit, frame.shape[1:])
            self._fit.announce(_kept_energies(plan, stack))
            self._moments = RunningMoments(int(np.prod(frame.shape[1:])))
        return self._fit

    def _of_all(self, stack: SpectralStack, progress: Progress | None) -> MapSet | SpectralStack:
        """Carry out the whole recipe on the frames so far."""
        try:
            return run(self._recipe, stack, progress=progress)
        except ValueError as error:
            raise NotYet(str(error)) from None

    def _quick(self, stack: SpectralStack) -> MapSet:
        steps = self._plan.steps if isinstance(self._plan, Framewise) else ()
        ends = [prepared(steps, stack, i) for i in sorted({0, stack.energy.size - 1})]
        known = [frame for frame in ends if frame is not None]
        if not known:  # the recipe leaves them out
            known = [replace(one, data=np.asarray(one.data)) for one in (stack.isel(np.array([0])),)]
        return quick_maps(known[0], known[1] if len(known) > 1 else None)


def _kept_energies(plan: Framewise, stack: SpectralStack) -> list[float]:
    return [float(energy) for energy in stack.energy if is_kept(plan.steps, float(energy))]


def _marked(
    made: MapSet | SpectralStack, view: View, reason: str, n_spectra: int | None, recipe: Recipe
) -> MapSet | SpectralStack:
    """Return the maps with all that says that they are not final."""
    assert view.stack is not None
    axis = view.stack.energy
    of = "" if view.expected is None else f" of {view.expected}"
    text = f"{counted(axis.size, 'energy', 'energies')}{of}, {axis[0]:g} to {axis[-1]:g} eV"
    told = [f"not final: made from the {text}, while the scan is being measured"]
    if reason:
        told.append(f"the maps of {recipe[-1].name} can't be known yet: {reason}")
    name = str(made.metadata.get("name") or view.stack.name)
    so_far: dict[str, Any] = {
        "energies": int(axis.size),
        "expected": view.expected,
        "range": (float(axis[0]), float(axis[-1])),
        "reason": reason,
        "spectra": n_spectra,
    }
    # The newest warning first: it is what must not be overlooked.
    metadata = with_warnings({**made.metadata, "name": f"{name}, {axis.size} energies so far", KEY: so_far}, told)
    return replace(made, metadata=metadata, source=made.source or view.stack.source)


def is_so_far(maps: MapSet | SpectralStack) -> bool:
    """Whether maps are not final.

    Examples
    --------
    >>> is_so_far(MapSet({}, metadata={"so_far": {"energies": 3}}))
    True
    """
    return KEY in maps.metadata
