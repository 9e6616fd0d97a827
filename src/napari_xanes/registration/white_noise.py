"""The noise of an image, from the image itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def white_noise(image: NDArray[Any]) -> float:
    """Return the standard deviation of the noise of an image (Y, X), by second differences along both axes.

    Immerkaer, Computer Vision and Image Understanding 64 (1996) 300; the median, because edges are no noise. Missing
    values are left out; 0 if no 3 x 3 pixels have values.

    Examples
    --------
    >>> round(white_noise(np.random.default_rng(0).normal(0, 0.1, (200, 200)) + np.arange(200)), 2)
    0.1
    """
    bent = np.diff(np.diff(image, 2, axis=0), 2, axis=1)
    bent = bent[np.isfinite(bent)]
    return float(np.median(np.abs(bent)) / (6 * 0.6745)) if bent.size else 0.0
