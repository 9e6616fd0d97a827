"""Values per pixel with their units and errors: a parameter map, and the set of maps that one run made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.history import Source, Step
from napari_xanes.masked_values import nan_for_masked

_MOST_IMPORTANT = ("valence", "charge")
"""Maps that people look at first."""

DIFFERENCE = " difference"
"""What the name of a difference of two runs ends with."""


def checked_pixel_size(value: float | tuple[float, ...] | None, n_axes: int) -> tuple[float, ...] | None:
    """Return the length of a pixel along each of `n_axes` axes in µm; one number serves all axes.

    Raises
    ------
    ValueError
        If a length is not a positive number, or there is not one per axis.
    """
    if value is None:
        return None
    given = np.asarray(value, dtype=np.float64).ravel()
    if given.size not in (1, n_axes):
        raise ValueError(f"pixel_size has {given.size} lengths, but the images have {n_axes} axes: give 1 or {n_axes}")
    sizes = tuple(float(v) for v in np.broadcast_to(given, (n_axes,)))
    if not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(f"pixel sizes must be positive lengths in µm, not {value!r}")
    return sizes


@dataclass(frozen=True, eq=False)
class ParameterMap:
    """One value per pixel, with its unit, its standard error, and a mask of the pixels where it can be trusted.

    Parameters
    ----------
    data : array_like, shape (Y, X) or (Z, Y, X)
        float32 values, NaN where there is no value; integers for a map of labels, 0 where there is no label. What a
        masked array hides is no value.
    unit : str
        Unit of the values; ``1`` is dimensionless.
    sigma : array_like, same shape, optional
        Standard error, in the same unit.
    mask : array_like of bool, same shape, optional
        True where the value can be trusted. By default, where the value is finite or the label is not 0.
    labels : mapping of int to str, optional
        Meaning of each integer of a label map.
    companion : str, optional
        Name of the map that this one belongs to; the window hides such a map at first.

    Raises
    ------
    ValueError
        If shapes differ, or a label map holds a label without a name.
    """

    data: NDArray[Any]
    unit: str = "1"
    sigma: NDArray[Any] | None = None
    mask: NDArray[np.bool_] | None = None
    labels: Mapping[int, str] | None = None
    companion: str | None = None

    def __post_init__(self) -> None:
        data = np.asarray(nan_for_masked(self.data) if self.labels is None else np.ma.filled(self.data, 0))
        if data.dtype.kind == "f" and data.dtype.itemsize > 4:
            data = data.astype(np.float32)
        if data.ndim not in (2, 3):
            raise ValueError(f"a map is (Y, X) or (Z, Y, X), not {data.shape}")
        object.__setattr__(self, "data", data)
        if self.mask is None:
            mask = np.isfinite(data) if data.dtype.kind == "f" else data != 0
        else:
            mask = np.asarray(self.mask, dtype=bool)
        object.__setattr__(self, "mask", mask)
        if self.sigma is not None:
            object.__setattr__(self, "sigma", np.asarray(nan_for_masked(self.sigma), dtype=np.float32))
        for name, values in (("sigma", self.sigma), ("mask", self.mask)):
            if values is not None and values.shape != data.shape:
                raise ValueError(f"the map has shape {data.shape}, its {name} {values.shape}")
        if self.labels is not None:
            if data.dtype.kind not in "iu":
                raise ValueError(f"a map of labels must hold integers, not {data.dtype}")
            labels = {int(key): str(text) for key, text in self.labels.items()}
            nameless = set(np.unique(data).tolist()) - set(labels) - {0}
            if nameless:
                raise ValueError(f"label {min(nameless)} of the map has no name; give each label one")
            object.__setattr__(self, "labels", FrozenMapping(labels))

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> ParameterMap:
        """Return the map of some pixels, as `SpectralStack.isel` does; `frames` change nothing."""
        if box is None:
            return self
        sigma, mask = (None if values is None else values[box] for values in (self.sigma, self.mask))
        return replace(self, data=self.data[box], sigma=sigma, mask=mask)

    def valid(self) -> NDArray[Any]:
        """Return the values where the mask is True, NaN (0 for labels) elsewhere."""
        empty = 0 if self.labels is not None else np.nan
        return np.where(self.mask, self.data, np.asarray(empty, dtype=self.data.dtype))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class MapSet(Mapping[str, ParameterMap]):
    """Maps that one run of an estimator made, by name, in order.

    Parameters
    ----------
    maps : mapping of str to ParameterMap
        Maps of one shape.
    history : tuple of Step
        Steps that made the maps, the estimator last.
    source : Source, optional
        File that the stack was read from.
    pixel_size : float or tuple, optional
        Length of a pixel along each axis, in µm.
    metadata : mapping, optional
        ``name`` of the stack, ``warnings`` (list of str) that a user should see, ``fit`` (what is needed
        to draw a pixel's fit), and whatever else belongs to all maps.

    Raises
    ------
    ValueError
        If the maps differ in shape.
    """

    maps: Mapping[str, ParameterMap]
    history: tuple[Step, ...] = ()
    source: Source | None = None
    pixel_size: tuple[float, ...] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = {m.data.shape for m in self.maps.values()}
        if len(shapes) > 1:
            raise ValueError(f"the maps of a set must have one shape, not {sorted(shapes)}")
        object.__setattr__(self, "maps", FrozenMapping(self.maps))
        if shapes:
            object.__setattr__(self, "pixel_size", checked_pixel_size(self.pixel_size, len(next(iter(shapes)))))
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "metadata", FrozenMapping(self.metadata))

    def __getitem__(self, name: str) -> ParameterMap:
        try:
            return self.maps[name]
        except KeyError:
            raise KeyError(f"no map {name!r}; there are {', '.join(self.maps)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def name(self) -> str:
        """Name of the stack that the maps describe."""
        return str(self.metadata.get("name", "maps"))

    def __repr__(self) -> str:
        return f"MapSet({self.name!r}: {', '.join(self.maps)})"


def first_map(maps: MapSet) -> str:
    """Return the most important map: valence or charge, else the first that is no companion and no labels.

    Returns
    -------
    str
        Its name; no text if there are no maps.
    """
    main = [name for name, one in maps.items() if not one.companion]
    values = [name for name in main if maps[name].labels is None]
    return next((name for name in _MOST_IMPORTANT if name in maps), next(iter([*values, *main, *maps]), ""))


def is_difference(name: str) -> bool:
    """Return whether a map is the difference of the same map of two runs; its companions are none.

    Examples
    --------
    >>> is_difference("valence difference"), is_difference("valence difference_model")
    (True, False)
    """
    return name.endswith(DIFFERENCE)
