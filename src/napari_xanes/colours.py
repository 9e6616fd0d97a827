"""Colours of regions, phases and curves, the same in layers, plots, legends and pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_HEX = re.compile("#[0-9A-Fa-f]{6}")
"""What a file gives as a colour may be any text; only this is one."""

OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#606060")
"""Eight colours that colour-blind people can tell apart: seven of Okabe and Ito (2008), and a dark grey.

Their eighth is black, which is not seen on dark images; a grey of middle lightness is their pink to people without
green cones.
"""

ON_LIGHT = ("#B27D00", "#008BBE", "#005C3C", "#703765", "#00448F", "#C47349", "#474500", "#838383")
"""The same on a light background, which needs darker ones.

Darkened alike, orange, vermilion and yellow would become one brown to people without red or green cones. These keep
the hue, within 0.2 rad, and were searched for the largest least distance in CIELAB under the simulations of Machado et
al. (2009), with at least three times the contrast to white; ``tests/test_colours.py`` measures it.
"""

DIVERGING = "PiYG"
"""Colours of differences, in napari and matplotlib: pink below the middle of their limits, white there, green above."""


def about_zero(low: float, high: float) -> tuple[float, float]:
    """Return limits of colours that hold given ones, with zero in their middle.

    Examples
    --------
    >>> about_zero(-0.5, 0.2), about_zero(0.0, 0.0)
    ((-0.5, 0.5), (-1.0, 1.0))
    """
    largest = max(abs(low), abs(high)) or 1.0
    return -largest, largest


def on_light(colour: str) -> str:
    """Return the darker form of a colour of the palette, for light backgrounds; another colour as it is.

    Examples
    --------
    >>> on_light("#e69f00"), on_light("#123456")
    ('#B27D00', '#123456')
    """
    palette = [one.lower() for one in OKABE_ITO]
    return ON_LIGHT[palette.index(colour.lower())] if colour.lower() in palette else colour


def colour_of(number: int) -> str:
    """Return the colour of a label or curve; numbers count from 1.

    Examples
    --------
    >>> colour_of(1) == colour_of(9)
    True
    """
    return OKABE_ITO[(number - 1) % len(OKABE_ITO)]


def label_colours(labels: Mapping[int, str], metadata: Mapping[str, Any]) -> dict[int, str]:
    """Return the colour of each label of a map: that of the curve with its name, or else that of its number.

    Parameters
    ----------
    labels : mapping of int to str
        Names of the labels, from 1.
    metadata : mapping
        Metadata of the maps. ``"colours"`` holds colours such as ``"#0072B2"`` by name, where the window gave some.

    Examples
    --------
    >>> label_colours({1: "NiO", 2: "none"}, {"colours": {"NiO": "#0072B2"}})
    {1: '#0072B2', 2: '#56B4E9'}
    """
    given = metadata.get("colours")
    named = given if isinstance(given, Mapping) else {}
    chosen = {label: str(named.get(name)) for label, name in labels.items()}
    return {label: text if _HEX.fullmatch(text) else colour_of(label) for label, text in chosen.items()}
