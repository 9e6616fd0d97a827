"""Spectra of a preview: what the plot shows of a recipe at a pixel. No Qt."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np

from napari_xanes.arguments import load_ranges
from napari_xanes.gui.pixels.spectra import Values
from napari_xanes.gui.state.preview_steps import Box, Preview, in_box
from napari_xanes.history import Step
from napari_xanes.recipe import run
from napari_xanes.stack import SpectralStack


class PixelSpectrum(NamedTuple):
    """The spectrum of a pixel at a stage of the recipe: energies in eV and values, both of shape (E,)."""

    energy: Values
    values: Values
    quantity: str


class PlotCurves(NamedTuple):
    """What the plot shows of a recipe.

    `spectrum` is that after the steps, or that before the selected one if this has handles: `edge` the lines of
    `normalize_edge`, `kept` the energies in eV that `crop` keeps.
    """

    spectrum: PixelSpectrum
    edge: EdgeCurves | None = None
    kept: tuple[float, float] | None = None


class EdgeCurves(NamedTuple):
    """A spectrum before `normalize_edge`, and its lines.

    `pre` and `post` are the lines at all energies, NaN below E0 for `post`; `ranges` are those in eV from E0.
    """

    spectrum: PixelSpectrum
    pre: Values
    post: Values
    e0: float
    ranges: tuple[tuple[float, float], tuple[float, float]]


def around(index: tuple[int, ...], size: int, shape: tuple[int, ...]) -> Box:
    """Return the box of pixels around one, cut off at the border.

    Examples
    --------
    >>> around((0, 5), 3, (8, 8))
    (slice(0, 2, None), slice(4, 7, None))
    """
    half = size // 2
    *slices, y, x = index
    return (
        *(slice(i, i + 1) for i in slices),
        *(slice(max(i - half, 0), min(i + half + 1, n)) for i, n in zip((y, x), shape[-2:], strict=True)),
    )


def stack_at(preview: Preview, box: Box, count: int | None = None) -> SpectralStack:
    """Return the pixels of a box after the first steps of a preview, as they are when the steps are applied.

    Raises
    ------
    ValueError
        If a step needs the whole image.
    """
    part = preview.start.isel(slice(None), box)
    steps = [in_box(step, preview.start.shape[1:], box) for step in preview.steps[:count]]
    return cast(SpectralStack, run(steps, part)) if steps else part


def spectrum_of(stack: SpectralStack) -> PixelSpectrum:
    """Return the mean spectrum of all pixels that have values."""
    values = np.asarray(stack.data, np.float64).reshape(stack.energy.size, -1)
    known = np.isfinite(values)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=1) / np.where(count, count, np.nan)
    return PixelSpectrum(stack.energy, mean, stack.quantity)


def edge_curves(before: SpectralStack, step: Step) -> EdgeCurves:
    """Return the mean spectrum of a few pixels before `normalize_edge`, with the lines that the step fits to it.

    The lines are NaN where the spectrum has no edge jump.
    """
    spectrum, state = spectrum_of(before), {**(step.state or {}), "min_jump": 0.0}
    one = before.isel(slice(None), (slice(0, 1),) * (len(before.shape) - 1))
    one = one.with_data(spectrum.values.reshape(one.shape).astype(np.float32))
    kept = {name: value for name, value in step.parameters.items() if name not in ("regions", "region_edges")}
    try:
        pre, post = _lines(one, Step(step.name, kept, state))
    except ValueError:  # no values at all
        pre = post = np.full(spectrum.energy.size, np.nan)
    e0 = float(state["e0"])
    low, high = (cast(tuple[float, float], tuple(map(float, state[name]))) for name in ("pre", "post"))
    return EdgeCurves(spectrum, pre, np.where(spectrum.energy >= e0, post, np.nan), e0, (low, high))


def _lines(one: SpectralStack, step: Step) -> tuple[Values, Values]:
    """Return both lines of a spectrum at all energies, from what the step makes of it with and without `flatten`.

    This holds for every form of the lines.
    """
    plain, flat = (
        cast(SpectralStack, run([replace(step, parameters={**step.parameters, "flatten": flatten})], one))
        for flatten in (False, True)
    )
    jump = float(np.ravel(plain.metadata["edge_jump"].data)[0])
    normalized, flattened = spectrum_of(plain).values, spectrum_of(flat).values
    pre = spectrum_of(one).values - normalized * jump
    return pre, pre + jump + (normalized - flattened) * jump


def curves_at(preview: Preview, index: tuple[int, ...] | None, size: int, position: int | None) -> PlotCurves:
    """Return what the plot shows for the box of pixels around one.

    Parameters
    ----------
    preview : Preview
        The steps.
    index : tuple of int, optional
        The pixel; by default the mean of the image.
    size : int
        Width of the box in pixels.
    position : int, optional
        Which of the steps has its handles shown; by default the spectrum after all of them is shown.

    Raises
    ------
    ValueError
        If a step can't be carried out on these pixels.
    """
    shape = preview.start.shape[1:]
    box = tuple(slice(None, None, max(1, n // 64)) for n in shape) if index is None else around(index, size, shape)
    if position is None:
        return PlotCurves(_after(preview, None if index is None else box))
    before, step = stack_at(preview, box, position), preview.steps[position]
    spectrum = spectrum_of(before)
    if step.name == "crop":
        return PlotCurves(spectrum, kept=_kept(step, spectrum.energy))
    return PlotCurves(spectrum, edge_curves(before, step))


def _after(preview: Preview, box: Box | None) -> PixelSpectrum:
    """Return the spectrum of a box after all steps; without a box, the mean of the image."""
    if box is None:
        return spectrum_of(preview.stack)
    try:
        return spectrum_of(stack_at(preview, box))
    except ValueError:  # a step that needs the whole image: take the nearest pixel that was computed with it
        return spectrum_of(preview.stack.isel(slice(None), _nearest(preview, box)))


def _nearest(preview: Preview, box: Box) -> Box:
    """Return the computed pixel that is nearest to the begin of a box."""
    steps = (*(1,) * (len(box) - 2), preview.by, preview.by)
    places = [min(part.start // by, n - 1) for part, n, by in zip(box, preview.stack.shape[1:], steps, strict=True)]
    return tuple(slice(place, place + 1) for place in places)


def _kept(step: Step, energy: Values) -> tuple[float, float] | None:
    """Return the range of energies that `crop` keeps, if it is one."""
    ranges = load_ranges(step.parameters.get("energy"))
    if not ranges:
        return float(energy[0]), float(energy[-1])
    return (float(ranges[0][0]), float(ranges[0][1])) if len(ranges) == 1 else None
