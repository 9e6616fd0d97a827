"""Several maps as the colours of one image: red, green, blue, or the inks cyan, magenta, yellow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from napari_xanes._typing import BoolArray, Float32Array, Float64Array
from napari_xanes.parameter_map import MapSet

Palette = Literal["RGB", "CMY"]
"""Colours of light, which add up from black to white, or inks on white paper, which add up to black."""

CHANNELS: dict[Palette, tuple[str, str, str]] = {
    "RGB": ("red", "green", "blue"),
    "CMY": ("cyan", "magenta", "yellow"),
}
"""Names of the colours, in the order of the maps."""

MOST = 3
"""Most maps in an image: one per colour."""


def common_gain(parts: Sequence[ArrayLike], mask: ArrayLike | None = None) -> float:
    """Return the gain that brings the largest values of several maps to 1, the same for all, so that they compare.

    Parameters
    ----------
    parts : sequence of array_like, each of shape (Y, X) or (Z, Y, X)
        The maps; their 99th percentile becomes 1.
    mask : array_like of bool, same shape, optional
        The pixels that count.

    Returns
    -------
    float
        1 where no map has a value above 0.

    Examples
    --------
    >>> common_gain([np.full((4, 4), 0.25), np.full((4, 4), 0.5)])
    2.0
    """
    values, inside = _checked(parts, mask)
    tops = [float(np.percentile(part[inside], 99)) for part in values if inside.any()]
    top = max(tops, default=0.0)
    return 1 / top if top > 0 else 1.0


def mix_colours(
    parts: Sequence[ArrayLike],
    gains: Sequence[float] | None = None,
    *,
    gamma: float = 1.0,
    palette: Palette = "RGB",
    mask: ArrayLike | None = None,
) -> Float32Array:
    """Return one to three maps as the colours of an image.

    With "RGB", the amounts are red, green and blue light: where none is, the image is black. With "CMY", they are cyan,
    magenta and yellow ink on white paper: where none is, the image is white.

    Parameters
    ----------
    parts : sequence of array_like, each of shape (Y, X) or (Z, Y, X)
        One to three maps, such as fractions of phases.
    gains : sequence of float, optional
        Factor of each map; a product of 1 is the full colour, 0 and less none. By default 1.
    gamma : float
        Exponent of the product, as that of napari's layers: below 1, small amounts are brighter.
    palette : {"RGB", "CMY"}
        Colours of light or inks.
    mask : array_like of bool, same shape, optional
        The pixels to show.

    Returns
    -------
    float32 array, shape (Y, X, 4) or (Z, Y, X, 4)
        Red, green, blue and opacity, 0 to 1. Pixels outside the mask, and those where a map has no value, are
        transparent.

    Raises
    ------
    ValueError
        If there are no maps or more than three, the shapes differ, a gain is missing or no number of 0 or more, or
        gamma is not above 0.

    Examples
    --------
    >>> mix_colours([[[0.5, 1.0]], [[0.5, 0.0]]]).tolist()
    [[[0.5, 0.5, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]]
    >>> mix_colours([[[0.5, 1.0]], [[0.5, 0.0]]], palette="CMY").tolist()
    [[[0.5, 0.5, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]]]
    """
    if palette not in get_args(Palette):
        raise ValueError(f"palette = {palette!r} is neither 'RGB' nor 'CMY'")
    values, inside = _checked(parts, mask)
    factors = [1.0] * len(values) if gains is None else [float(gain) for gain in gains]
    if len(factors) != len(values):
        raise ValueError(f"{len(factors)} gains for {len(values)} maps: give one for each")
    for factor in factors:
        if not (np.isfinite(factor) and factor >= 0):
            raise ValueError(f"a gain must be a number of 0 or more, not {factor:g}")
    if not (np.isfinite(gamma) and gamma > 0):
        raise ValueError(f"gamma must be above 0, not {gamma:g}")
    image = np.zeros((*inside.shape, MOST + 1), dtype=np.float32)
    for channel, (part, factor) in enumerate(zip(values, factors, strict=True)):
        image[..., channel] = np.clip(np.where(inside, part, 0.0) * factor, 0.0, 1.0) ** gamma
    if palette == "CMY":
        # Each ink takes one colour away: cyan red, magenta green, yellow blue.
        image[..., :MOST] = 1.0 - image[..., :MOST]
    image[~inside, :MOST] = 0.0
    image[..., MOST] = inside
    return image


@dataclass(frozen=True)
class ColourMix:
    """Which maps of a run are which colours of an image.

    Parameters
    ----------
    names : tuple of str or None
        Up to three maps, in the order of `CHANNELS`; None leaves a colour out.
    gains : tuple of float
        Factor of each map, in the inverse of its unit: 1 over the value that has the full colour.
    gamma : float
        Exponent of the product, as in `mix_colours`.
    palette : {"RGB", "CMY"}
        Colours of light or inks.

    Raises
    ------
    ValueError
        If no map is named, more than three are, or gains are missing.

    Examples
    --------
    >>> ColourMix(("Fe2+", None, "Fe3+"), (1.0, 1.0, 0.5)).used
    {'Fe2+': 'red', 'Fe3+': 'blue'}
    """

    names: tuple[str | None, ...]
    gains: tuple[float, ...]
    gamma: float = 1.0
    palette: Palette = "RGB"

    def __post_init__(self) -> None:
        if not any(self.names) or len(self.names) > MOST:
            raise ValueError("choose a map for at least one colour, and for at most three")
        if len(self.gains) != len(self.names):
            raise ValueError(f"{len(self.gains)} gains for {len(self.names)} colours: give one for each")

    @property
    def used(self) -> dict[str, str]:
        """The colour of each map, by the map's name."""
        return {name: one for name, one in zip(self.names, CHANNELS[self.palette], strict=False) if name is not None}

    def image(self, maps: MapSet) -> Float32Array:
        """Return the colours (Y, X, 4) or (Z, Y, X, 4); pixels outside the mask of a map are transparent."""
        mask = np.logical_and.reduce([np.asarray(maps[name].mask) for name in self.used])
        # A colour without a map stays empty, so the others keep theirs.
        parts = [np.zeros(mask.shape, np.float32) if name is None else maps[name].data for name in self.names]
        return mix_colours(parts, self.gains, gamma=self.gamma, palette=self.palette, mask=mask)

    def triangle(self, size: int) -> Float32Array:
        """Return the legend: colours (rows, size, 4) of mixtures, transparent outside of a triangle.

        The first colour is full at the top, the second at the left, the third at the right; between them amounts fall
        linearly, from the value that has the full colour to 0 on the opposite side. The corner of a colour without a
        map is what has none of the others.
        """
        rows = round(size * np.sqrt(3) / 2)
        y, x = np.indices((rows, size)) + 0.5
        first = 1 - y / rows
        third = x / size - first / 2
        parts = (first, 1 - first - third, third)
        strengths = [float(name is not None and gain > 0) for name, gain in zip(self.names, self.gains, strict=True)]
        strengths += [0.0] * (MOST - len(strengths))
        inside = np.min(parts, axis=0) >= 0
        return mix_colours(parts, strengths, gamma=self.gamma, palette=self.palette, mask=inside)

    def corners(self, maps: MapSet) -> list[str]:
        """Return what the three corners of the triangle are: a map, and below it its value there; else no text."""
        texts = [""] * MOST
        for i, (name, gain) in enumerate(zip(self.names, self.gains, strict=True)):
            if name is not None:
                unit = "" if maps[name].unit in ("", "1") else f" {maps[name].unit}"
                value = f"{1 / gain:.3g}{unit}" if gain > 0 else "not shown"
                texts[i] = f"{name.replace('_', ' ')}\n{value}"
        return texts


def _checked(parts: Sequence[ArrayLike], mask: ArrayLike | None) -> tuple[list[Float64Array], BoolArray]:
    """Return the maps as float64, and the pixels where all of them can be shown."""
    values = [np.asarray(part, dtype=np.float64) for part in parts]
    if not 1 <= len(values) <= MOST:
        raise ValueError(f"{len(values)} maps can't be mixed: choose one to three, one per colour")
    shapes = {part.shape for part in values}
    if len(shapes) > 1:
        raise ValueError(f"maps that are mixed must have one shape, not {sorted(shapes)}")
    inside = np.ones(values[0].shape, dtype=bool) if mask is None else np.array(mask, dtype=bool)
    if inside.shape != values[0].shape:
        raise ValueError(f"the mask has shape {inside.shape}, the maps {values[0].shape}; give one of their shape")
    for part in values:
        inside &= np.isfinite(part)
    return values, inside
