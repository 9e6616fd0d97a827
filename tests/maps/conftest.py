"""Simulated truths that several tests share."""

from __future__ import annotations

import numpy as np
import pytest

from napari_xanes.theory import Library, build_library


@pytest.fixture(scope="session")
def truth() -> Library:
    """Ions at 10Dq between the library's steps."""
    ten_dq = np.arange(0.15, 2.4, 0.17)
    return build_library(["Mn2+", "Mn3+", "Mn4+"], ten_dq, model_error=False, name="truth")
