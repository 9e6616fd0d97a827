"""A project: what a window holds, as values. `napari_xanes.io.project_file` keeps it in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.history import Source
from napari_xanes.parameter_map import MapSet
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack


@dataclass(frozen=True, eq=False)
class Picture:
    """An image without energies: a photo, a colour mix, a projection.

    Parameters
    ----------
    data : array of numbers
        Of any shape; lazy arrays are written piece by piece.
    """

    data: Any


@dataclass(frozen=True, eq=False)
class Places:
    """Points.

    Parameters
    ----------
    data : ndarray, shape (N, D)
        Their coordinates.
    """

    data: NDArray[Any]


LayerValue = SpectralStack | MapSet | Source | Picture | Places | NDArray[Any] | list[NDArray[Any]]
"""What a layer shows: a stack, the maps of a run, a stack that stays in its own file, labels, or corners of shapes."""


@dataclass(frozen=True, eq=False)
class ProjectLayer:
    """A layer of a project.

    Parameters
    ----------
    name : str
        Name of the layer.
    value : SpectralStack, MapSet, Source, Picture, Places, ndarray of int, or list of ndarray
        What it shows: a stack; the maps of one run; a stack that is read again from its file; an image; points; labels;
        the corners of shapes, each of shape (N, D). Layers may share the same maps, which are written once.
    settings : mapping
        How it is shown: numbers, texts, lists and mappings.
    """

    name: str
    value: LayerValue
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", FrozenMapping(self.settings))


@dataclass(frozen=True, eq=False)
class MissingLayer:
    """A layer whose own file was not found, or can't be read.

    Parameters
    ----------
    index : int
        Which layer of the project it is, from bottom to top.
    name : str
        Name of the layer.
    source : Source
        Its file.
    settings : mapping
        As of `ProjectLayer`.
    reason : str
        What happened.
    """

    index: int
    name: str
    source: Source
    settings: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, eq=False)
class Project:
    """What a window holds.

    Parameters
    ----------
    layers : sequence of ProjectLayer
        From bottom to top.
    references : sequence of Spectrum
        Reference spectra.
    settings : mapping
        All else: recipes, pins, what is chosen; numbers, texts, lists, mappings, arrays, spectra and steps.
    notes : sequence of str
        What a user should know after the project was opened: files that are missing or have changed.
    missing : sequence of MissingLayer
        Layers that are left out.
    indices : sequence of int
        The numbers by which settings name the layers; by default they are counted.
    """

    layers: Sequence[ProjectLayer] = ()
    references: Sequence[Spectrum] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    missing: Sequence[MissingLayer] = ()
    indices: Sequence[int] = ()

    def __post_init__(self) -> None:
        for name in ("layers", "references", "notes", "missing"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "indices", tuple(self.indices) or tuple(range(len(self.layers))))
        object.__setattr__(self, "settings", FrozenMapping(self.settings))
