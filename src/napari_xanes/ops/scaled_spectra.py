"""`normalize`: spectra divided by their own area, maximum, range, mean or norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes import blocks
from napari_xanes._typing import Block
from napari_xanes.edge import Range, raise_if_frame_empty, require_absorption
from napari_xanes.noise import AmountNoise
from napari_xanes.parameter_map import ParameterMap
from napari_xanes.parameters import Param
from napari_xanes.progress import Progress
from napari_xanes.registry import estimated, method
from napari_xanes.scaling import SIGNIFICANT, By, Ruler, Scaling, frames_within
from napari_xanes.stack import SpectralStack

_LEAST_FOR_NOISE = 3
"""From so many energies on, `scatter` gives the noise."""

_BIASED = 0.05
"""A share of the factor that is only noise is told from this size on."""


def _fit(
    stack: SpectralStack,
    *,
    by: By,
    energy: Range | None,
    background: Range | None,
    min_factor: float | None,
    **_: Any,
) -> Mapping[str, Any]:
    """Find the energies that are used."""
    require_absorption(stack, "normalize", normalized=False)
    if min_factor is None and stack.noise is None and stack.energy.size < _LEAST_FOR_NOISE:
        raise ValueError(
            f"{stack.name!r} has {stack.energy.size} energies, and its noise can only be estimated from "
            f"{_LEAST_FOR_NOISE} or more: give min_factor, the smallest factor that is no noise"
        )
    least = 1 if by in ("mean", "maximum") else 2
    used = {"energy": _used(stack, "energy", energy or (float(stack.energy[0]), float(stack.energy[-1])), least)}
    return used if background is None else used | {"background": _used(stack, "background", background, 1)}


def _used(stack: SpectralStack, name: str, limits: Range, least: int) -> Range:
    """Return the first and last energy of the frames in a range."""
    frames = frames_within(stack.energy, limits)
    if frames.size < least:
        raise ValueError(
            f"{name} = {limits[0]:g} to {limits[1]:g} eV holds {frames.size} of the energies of {stack.name!r} "
            f"({stack.energy[0]:g} to {stack.energy[-1]:g} eV), but {least} are needed: widen it"
        )
    return float(stack.energy[frames[0]]), float(stack.energy[frames[-1]])


@method(looks_at="pixel", fit=_fit)
def normalize(
    stack: SpectralStack,
    /,
    *,
    by: Annotated[By, Param(label="divide by")] = "area",
    energy: Annotated[Range | None, Param(unit="eV", ge=0, label="energies", auto="all")] = None,
    background: Annotated[
        Range | None, Param(unit="eV", ge=0, label="background, if any", auto="none is subtracted")
    ] = None,
    min_factor: Annotated[float | None, Param(ge=0, label="smallest factor", auto="4 sigma")] = None,
    progress: Progress | None = None,
) -> SpectralStack:
    """Each spectrum divided by its own area, maximum, range, mean or norm.

    This compares shapes where no edge jump can be measured. The result is no absorption that is normalized to an edge
    jump of 1: `normalize_edge` makes that.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        Optical depth or fluorescence.
    by : {"area", "maximum", "min-max", "mean", "vector"}
        What becomes 1: the area below the spectrum, by trapezoids in eV; its highest value; the distance from its
        lowest value, which becomes 0, to its highest; its mean; or the root of the sum of its squares.
    energy : tuple of float, optional
        Where it is measured, in eV, ends included; by default at all energies.
    background : tuple of float, optional
        Energies in eV whose mean is subtracted from all values first, such as a range below the edge; by default
        nothing is subtracted.
    min_factor : float, optional
        Pixels with a smaller factor become NaN: divided by about zero, they would be noise. In the unit of the factor;
        by default those that do not exceed what noise alone gives by four standard errors.

    Returns
    -------
    SpectralStack
        float32, quantity "scaled", unit 1 or, by area, 1/eV. ``metadata["scale"]`` is a ParameterMap of the factors
        with their standard error and the mask of the pixels that were divided, ``metadata["scaling"]`` says by what.

    Raises
    ------
    ValueError
        If the stack does not hold absorption or is normalized already, a range holds too few energies, or no pixel has
        a factor that is large enough.

    Notes
    -----
    The standard error comes from the photons or from the errors of a cleaned stack, where they are known, else from
    how far the values of a pixel lie off the line through their neighbours. It is an error of all values of a pixel
    together, so it changes no shares of references.

    Examples
    --------
    >>> data = np.array([0.1, 0.3, 0.5], np.float32).reshape(3, 1, 1)
    >>> scaled = normalize(SpectralStack(data, [700, 710, 720], "optical_depth"), by="maximum", min_factor=0.01)
    >>> scaled.data.astype(float).ravel().round(3).tolist(), scaled.quantity, scaled.metadata["scale"].data.item()
    ([0.2, 0.6, 1.0], 'scaled', 0.5)
    """
    require_absorption(stack, "normalize", normalized=False)
    scaling = Scaling(by, estimated("energy", energy), background)
    result = _Result(Ruler(stack.energy, scaling, stack.noise), min_factor, int(np.prod(stack.shape[1:])))
    blocks.over_pixels(result.measure, stack.data, progress=progress, message="normalization")
    if not result.mask.any():
        raise_if_frame_empty(stack)
        raise ValueError(
            f"no pixel of {stack.name!r} has a large enough {scaling}: the largest is "
            f"{np.nanmax(result.factor, initial=-np.inf):.3g}; choose other energies, or lower min_factor"
        )
    result.factor[~result.mask] = np.nan
    data = blocks.transform_frames(result.divide, stack.data)
    scale = ParameterMap(
        result.factor.reshape(stack.shape[1:]),
        scaling.unit_of_factor(stack.unit),
        result.sigma.reshape(stack.shape[1:]),
        result.mask.reshape(stack.shape[1:]),
    )
    told: dict[str, Any] = {
        "scale": scale,
        "scaling": scaling,
        "warnings": [*stack.metadata.get("warnings", ()), *result.warnings()],
    }
    if isinstance(stack.noise, AmountNoise):
        told["noise"] = _noise_above(stack.noise, scaling, stack).divided_by(scale.data)
    return stack.with_data(data, quantity="scaled", metadata=told)


def _noise_above(noise: AmountNoise, scaling: Scaling, stack: SpectralStack) -> AmountNoise:
    """Return the noise of spectra whose mean over the background is subtracted."""
    if scaling.background is None:
        return noise
    columns = np.asarray(noise.columns)
    return replace(noise, columns=columns - columns[frames_within(stack.energy, scaling.background)].mean(axis=0))


class _Result:
    """The factors of block after block, (P,)."""

    def __init__(self, ruler: Ruler, min_factor: float | None, n_pixels: int) -> None:
        self._ruler, self._least = ruler, min_factor
        self.offset, self.factor, self.sigma, self._chance = (
            np.full(n_pixels, np.nan, dtype=np.float32) for _ in range(4)
        )
        self.mask = np.zeros(n_pixels, dtype=bool)

    def measure(self, block: Block, pixels: slice) -> None:
        """Measure the factors of a block (E, P), and mark those that are large enough, of spectra without gaps."""
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            found = self._ruler.measure(block, pixels)
            enough = found.factor > (
                found.chance + SIGNIFICANT * np.nan_to_num(found.sigma) if self._least is None else self._least
            )
            good = np.isfinite(block.sum(axis=0, dtype=np.float32)) & (found.factor > 0) & enough
        self.mask[pixels], self.sigma[pixels], self._chance[pixels] = good, found.sigma, found.chance
        self.offset[pixels], self.factor[pixels] = found.offset, found.factor

    def divide(self, block: NDArray[Any], frames: slice, pixels: slice) -> NDArray[np.float32]:
        """Return the values of a block without their offset, over the factors."""
        result: NDArray[np.float32] = (block - self.offset[pixels]) / self.factor[pixels]
        return result.astype(np.float32, copy=False)

    def warnings(self) -> list[str]:
        """Say how much of the factors is noise, where it does not average out."""
        by = self._ruler.scaling.by
        share = float(np.median(self._chance[self.mask] / self.factor[self.mask]))
        share = share**2 / 2 if by == "vector" else share
        if not share > _BIASED:
            return []
        return [
            f"noise makes the {by} of a typical pixel larger by up to {share:.0%}, more where there is less material: "
            "scale by area or mean, or smooth the spectra first"
        ]
