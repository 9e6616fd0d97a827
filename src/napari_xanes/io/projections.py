"""One projection of tomographies at several energies: which files have it, and whether all show one view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.files import listed

SAME_VIEW = 0.5
"""Images whose angles differ by more degrees do not show the same thing."""


class _InFile(Protocol):
    @property
    def path(self) -> Path: ...


Scan = TypeVar("Scan", bound=_InFile)


def those_with(scans: Sequence[Scan], has: Callable[[Scan], bool], projection: str, told: list[str]) -> list[Scan]:
    """The files that have a projection; the user is told of the others."""
    if short := [scan.path.name for scan in scans if not has(scan)]:
        told.append(f"{len(short)} of {len(scans)} files have no {projection} and are left out: {listed(short)}")
    return [scan for scan in scans if has(scan)]


def view(angles: NDArray[np.float64], projection: str, told: list[str]) -> dict[str, Any]:
    """The angle of a projection in degrees, from those that are known; the user is told if the files show no one view.

    Parameters
    ----------
    angles : array, shape (N,)
        Of the files that say it.
    projection : str
        What it is called.
    told : list of str
        What the user must be told.
    """
    if not angles.size:
        return {}
    if np.ptp(angles) > SAME_VIEW:
        told.append(f"{projection} was taken at {angles.min():g} to {angles.max():g} degrees: not one view")
    return {"angle": float(angles[0])}
