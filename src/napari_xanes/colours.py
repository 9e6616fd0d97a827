"""Colours of regions, phases and curves, the same in layers, plots, legends and pictures."""

OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#999999")
"""Eight colours that colour-blind people can tell apart (Okabe and Ito, 2008)."""


def colour_of(number: int) -> str:
    """Return the colour of a label or curve; numbers count from 1.

    Examples
    --------
    >>> colour_of(1) == colour_of(9)
    True
    """
    return OKABE_ITO[(number - 1) % len(OKABE_ITO)]
