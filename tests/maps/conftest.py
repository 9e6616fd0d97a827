"""Simulated samples with known parameters, for several tests."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.theory import Library, build_library


@pytest.fixture(scope="session")
def truth() -> Library:
    """Return ions with values of 10Dq between the grid points of the library."""
    ten_dq = np.arange(0.15, 2.4, 0.17)
    return build_library(["Mn2+", "Mn3+", "Mn4+"], ten_dq, model_error=False, name="truth")
