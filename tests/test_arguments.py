from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.arguments import as_mask


@pytest.mark.parametrize(
    ("region", "text"),
    [
        (np.zeros((4, 5), bool), "empty"),
        (np.ones((5, 4), bool), "has shape"),
        ((0, 5, 0, 5), "does not lie"),
        ((2, 2, 0, 5), "does not lie"),
        ((1, 2), "is a boolean mask or a box"),
    ],
)
def test_regions_that_do_not_fit_are_refused(region: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        as_mask(region, (4, 5))  # type: ignore[arg-type]
