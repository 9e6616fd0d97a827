"""How several stacks became one, as ``metadata["stitch"]`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping, FrozenMapping


@dataclass(frozen=True, eq=False)
class Stitching(FieldMapping):
    """Where stacks lie in a joined one, how their values were matched, and how well they agree at their seams.

    Parameters
    ----------
    kind : {"segments", "tiles"}
        Whether the stacks are parts of an energy scan, or of a mosaic.
    sources : sequence of mapping, one per stack
        ``name``, ``shape``, ``energies`` (first and last, eV), ``steps`` since it was read, and where it was read from
        a file also ``path``, ``fingerprint`` and ``reading``.
    members : ndarray of bool, shape (E, N)
        Which of N stacks each frame was made from.
    position : ndarray, shape (N, 2)
        Where the first pixel of each stack lies in the joined image, (y, x) in pixels.
    sigma : ndarray, shape (N, 2)
        Standard errors of the positions relative to the first stack, in pixels; NaN where images did not tell them.
    placed_by : sequence of str, one per stack
        What the position comes from.
    factor, offset : ndarray, shape (N,)
        The values of each stack were multiplied by the factor, and then the offset was added.
    seams : sequence of mapping
        One for each pair of stacks that share pixels and energies, or are neighbours in energy (see docs/stitch.md).
    parameters : mapping
        Parameters of `stitch`.
    energy : ndarray, shape (E,)
        Energies of the frames in eV.
    report : str
        What was done and found, in words.

    Raises
    ------
    ValueError
        If the numbers of stacks or frames do not fit each other.
    """

    kind: str
    sources: tuple[Mapping[str, Any], ...]
    members: BoolArray
    position: Float64Array
    sigma: Float64Array
    placed_by: tuple[str, ...]
    factor: Float64Array
    offset: Float64Array
    seams: tuple[Mapping[str, Any], ...]
    parameters: Mapping[str, Any]
    energy: Float64Array
    report: str

    def __post_init__(self) -> None:
        if self.kind not in ("segments", "tiles"):
            raise ValueError(f"stacks are joined as segments or tiles, not as {str(self.kind)[:60]!r}")
        count = len(self.sources)
        energy = _numbers("energy", self.energy, None)
        object.__setattr__(self, "energy", energy)
        shapes = {"position": (count, 2), "sigma": (count, 2), "factor": (count,), "offset": (count,)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, _numbers(name, getattr(self, name), shape))
        members = np.asarray(self.members)
        if members.dtype != bool or members.shape != (energy.size, count):
            raise ValueError(f"members of {energy.size} frames and {count} stacks, not {str(self.members)[:60]}")
        object.__setattr__(self, "members", members)
        for name in ("sources", "seams"):
            items = getattr(self, name)
            if not all(isinstance(item, Mapping) for item in items):
                raise ValueError(f"{name} of a joined stack are mappings, not {str(items)[:60]}")
            object.__setattr__(self, name, tuple(FrozenMapping(item) for item in items))
        object.__setattr__(self, "placed_by", tuple(map(str, self.placed_by)))
        object.__setattr__(self, "parameters", FrozenMapping(self.parameters))

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> Stitching:
        """Return the value for some frames; positions stay those in the whole image."""
        return replace(self, members=self.members[frames], energy=self.energy[frames])

    def names_of(self, frame: int) -> list[str]:
        """Return the names of the stacks that a frame was made from."""
        return [str(self.sources[k]["name"]) for k in np.flatnonzero(self.members[frame])]


def as_stitching(value: Any, count: int) -> Any:
    """Return a mapping from a file as the value for `count` frames; a value that is something else as it is."""
    try:
        found = Stitching.from_mapping(value)
    except (ValueError, TypeError):
        return value
    return value if found is None or found.energy.size != count else found


def _numbers(name: str, values: Any, shape: tuple[int, ...] | None) -> Float64Array:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} of a joined stack are numbers, not {str(values)[:60]}") from None
    if (shape is not None and numbers.shape != shape) or numbers.ndim == 0:
        raise ValueError(f"{name} of a joined stack has shape {numbers.shape}, not {shape}")
    return numbers
