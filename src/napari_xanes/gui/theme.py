"""Plot colours that follow napari's theme."""

from __future__ import annotations

from dataclasses import dataclass

from napari_xanes.colours import on_light


@dataclass(frozen=True)
class PlotColours:
    """Colours of a plot, as hex text."""

    background: str
    foreground: str
    grid: str
    accent: str


def plot_colours(theme: str) -> PlotColours:
    """Return the plot colours of a napari theme (``viewer.theme``)."""
    from napari.utils.theme import get_theme

    colours = get_theme(theme)
    return PlotColours(
        colours.background.as_hex(format="long"),
        colours.text.as_hex(format="long"),
        colours.secondary.as_hex(format="long"),
        colours.current.as_hex(format="long"),
    )


def readable(colour: str, background: str, contrast: float = 3.0) -> str:
    """Darken or lighten a colour until it stands out from the background.

    On light backgrounds, colours of the palette take their darker forms, which stay apart.

    Parameters
    ----------
    colour, background : str
        Colours as ``#rrggbb``.
    contrast : float
        Ratio of luminances to reach, as in the Web Content Accessibility Guidelines.

    Examples
    --------
    >>> readable("#E69F00", "#262930"), readable("#F0E442", "#ffffff")
    ('#e69f00', '#474500')
    """
    light = _luminance(_channels(background))
    target = 255 if light < 0.2 else 0
    red, green, blue = _channels(colour if target else on_light(colour))
    for part in range(21):
        mixed = tuple(round(c + (target - c) * part / 20) for c in (red, green, blue))
        high, low = sorted((_luminance(mixed), light), reverse=True)
        if (high + 0.05) / (low + 0.05) >= contrast:
            break
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(channels: tuple[int, ...]) -> float:
    linear = [c / 3294.6 if c <= 10.3 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
