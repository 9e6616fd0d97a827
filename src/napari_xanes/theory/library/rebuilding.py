"""Build a library again from what a recipe says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_xanes.progress import Progress
from napari_xanes.theory.library.building import Grid, build_library
from napari_xanes.theory.library.model import Library
from napari_xanes.theory.multiplet.charge_transfer import ChargeTransfer


def rebuild(plain: Mapping[str, Any], progress: Progress | None = None) -> Library:
    """Build a library again from what `build_library` wrote into its provenance.

    Raises
    ------
    ValueError
        If it wrote something else.
    """
    try:
        grids = [
            Grid(**{**grid, "charge_transfer": [ChargeTransfer(**c) if c else None for c in grid["charge_transfer"]]})
            for grid in plain["grids"]
        ]
        broadening = (plain["lorentz_l3"], plain["lorentz_l2"])
        fixed = {key: plain[key] for key in ("growth", "temperature", "model_error", "name")}
    except (LookupError, TypeError) as error:
        raise ValueError(f"a library can't be built from {str(plain)[:60]!r}: {error}") from None
    return build_library(grids, broadening=broadening, **fixed, progress=progress)
