"""What maps of a reference fit carry in their metadata, as a typed value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_xanes._typing import Float64Array
from napari_xanes.field_mapping import FieldMapping


@dataclass(frozen=True, eq=False)
class ReferenceFit(FieldMapping):
    """What is needed to compute a pixel's fit from its maps; ``metadata["fit"]``.

    Parameters
    ----------
    energy : ndarray, shape (E,)
        The fitted energies in eV.
    design : ndarray, shape (E, K)
        The columns of the fit: references, then backgrounds.
    names : list of str
        The map of each column.
    fractions : bool
        Whether the maps of references are fractions of the edge jump.
    """

    energy: Float64Array
    design: Float64Array
    names: list[str]
    fractions: bool


def reference_fit(metadata: Mapping[str, Any]) -> ReferenceFit | None:
    """Return the fit in the metadata of maps, also of maps from a file; None if there is none."""
    return ReferenceFit.from_mapping(metadata.get("fit"))
