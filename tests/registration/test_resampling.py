"""Rows of a moved image are those of the whole moved image."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.registration.resampling import moved_back, rows_moved_back, rows_needed


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -1.7), (-6.4, 2.0), (31.5, 0.2), (-55.2, -3.3), (59.9, 0.0)])
@pytest.mark.parametrize("missing", [False, True])
def test_bands_are_those_of_the_whole(shift: tuple[float, float], missing: bool, rng: np.random.Generator) -> None:
    image = rng.normal(1, 0.3, (60, 23)).astype(np.float32)
    if missing:
        image[rng.random(image.shape) < 0.02] = np.nan
        image[20:50, :17] = np.nan
    by = np.array(shift)
    whole = moved_back(image, by)
    for first in range(0, 60, 7):
        rows = slice(first, min(first + 7, 60))
        needed = rows_needed(by, rows, 60)
        band = rows_moved_back(image[needed], by, rows, 60, needed.start)
        np.testing.assert_allclose(band, whole[rows], atol=1e-5)
