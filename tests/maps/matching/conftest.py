"""A library for all tests of K edges."""

from __future__ import annotations

import pytest

from napari_xanes.theory import Library, load_library


@pytest.fixture(scope="session")
def library() -> Library:
    return load_library("ni-k")
