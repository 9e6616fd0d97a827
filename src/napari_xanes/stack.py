"""The three values that everything passes around: a stack, a parameter map, a set of maps.

They are frozen: an operation returns a new value and never changes the one that it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_xanes.history import Source, Step
from napari_xanes.spectrum import checked_energy

Quantity = Literal["counts", "transmission", "optical_depth", "fluorescence", "normalized"]

UNITS: Mapping[str, str] = MappingProxyType(
    {"counts": "counts", "transmission": "1", "optical_depth": "OD", "fluorescence": "a.u.", "normalized": "1"}
)
"""The unit of a stack's values, by quantity. ``1`` is dimensionless."""


def _lengths(value: float | tuple[float, ...] | None, n_axes: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    sizes = tuple(float(v) for v in np.broadcast_to(np.asarray(value, dtype=np.float64), (n_axes,)))
    if not all(np.isfinite(s) and s > 0 for s in sizes):
        raise ValueError(f"pixel sizes must be positive lengths in µm, not {value!r}")
    return sizes


@dataclass(frozen=True, eq=False)
class SpectralStack:
    """One image per photon energy.

    Parameters
    ----------
    data : numpy or dask array, shape (E, Y, X) or (E, Z, Y, X), real
        The images. Never copied or converted here.
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    quantity : {"counts", "transmission", "optical_depth", "fluorescence", "normalized"}
        What the values are.
    pixel_size : float or tuple, optional
        Length of a pixel along each spatial axis, (Y, X) or (Z, Y, X), in µm; one number serves all.
    history : tuple of Step
        The steps that made the stack.
    source : Source, optional
        The file or folder that it was read from.
    metadata : mapping, optional
        What corrects counts (``flat`` and ``dark``, shape (E, Y, X) or (Y, X); ``n_flat``, frames
        averaged into a flat; ``i0``, shape (E,); ``exposure``, s), ``references`` (list of Spectrum)
        that belong to the data, companions of a step, and whatever the file said.

    Raises
    ------
    ValueError
        If shapes do not fit, the energies are not increasing eV, or the quantity is unknown.
    TypeError
        If the data are not real numbers.

    Examples
    --------
    >>> stack = SpectralStack(np.ones((2, 3, 4), np.float32), [8330, 8340], "transmission", 0.04)
    >>> stack.shape, stack.pixel_size, stack.unit
    ((2, 3, 4), (0.04, 0.04), '1')
    """

    data: Any
    energy: NDArray[np.float64]
    quantity: Quantity = "counts"
    pixel_size: tuple[float, ...] | None = None
    history: tuple[Step, ...] = ()
    source: Source | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"stack {self.source}" if self.source else "stack"
        if not hasattr(self.data, "dtype") or not hasattr(self.data, "shape"):
            object.__setattr__(self, "data", np.asarray(self.data))
        if self.data.dtype.kind not in "fiu":
            raise TypeError(f"{where}: data must be real numbers, not {self.data.dtype}")
        if self.data.ndim not in (3, 4):
            raise ValueError(f"{where}: data must be (E, Y, X) or (E, Z, Y, X), not {self.data.shape}")
        if 0 in self.data.shape:
            raise ValueError(f"{where}: data of shape {self.data.shape} hold no pixel")
        energy = checked_energy(self.energy, what=where)
        if energy.size != self.data.shape[0]:
            raise ValueError(
                f"{where}: {energy.size} energies for {self.data.shape[0]} frames (data {self.data.shape}); "
                "the energy axis comes first, with one energy per frame"
            )
        object.__setattr__(self, "energy", energy)
        if self.quantity not in get_args(Quantity):
            raise ValueError(f"{where}: quantity {self.quantity!r} is none of {', '.join(get_args(Quantity))}")
        object.__setattr__(self, "pixel_size", _lengths(self.pixel_size, self.data.ndim - 1))
        object.__setattr__(self, "history", tuple(self.history))
        if isinstance(self.source, str):
            object.__setattr__(self, "source", Source(self.source))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data, energy first."""
        return tuple(self.data.shape)

    @property
    def unit(self) -> str:
        """Unit of the values."""
        return UNITS[self.quantity]

    @property
    def name(self) -> str:
        """The name to show: the one in the metadata, or the source's stem."""
        from pathlib import Path

        return str(self.metadata.get("name") or (Path(self.source.path).stem if self.source else "stack"))

    @property
    def is_lazy(self) -> bool:
        """Whether the data are still in a file (a dask array)."""
        return not isinstance(self.data, np.ndarray)

    def with_data(self, data: Any, **changes: Any) -> SpectralStack:
        """The same stack with other data and, if named, other fields.

        Parameters
        ----------
        data : array, shape (E, Y, X) or (E, Z, Y, X)
            The new images.
        **changes
            Fields of the stack to replace; ``metadata`` entries are merged into the old ones.
        """
        metadata = {**self.metadata, **changes.pop("metadata", {})}
        return replace(self, data=data, metadata=metadata, **changes)

    def to_plain(self) -> dict[str, Any]:
        """The stack by the file that it came from, as a recipe names it, with the steps that were taken since.

        Raises
        ------
        ValueError
            If it came from no file, so that a recipe could not find it again.
        """
        if self.source is None:
            raise ValueError(f"{self.name!r} came from no file, so a recipe can't name it; write it to a file first")
        steps = [step.to_plain(exact=True) for step in self.history]
        return self.source.to_plain() | ({"steps": steps} if steps else {})

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.shape)
        return f"SpectralStack({self.name!r}, {size}, {self.energy[0]:g}-{self.energy[-1]:g} eV, {self.quantity})"


@dataclass(frozen=True, eq=False)
class ParameterMap:
    """A value per pixel with its unit, its standard error and where it can be trusted.

    Parameters
    ----------
    data : array_like, shape (Y, X) or (Z, Y, X)
        float32 values, NaN where there is none; integers for a map of labels, 0 for none.
    unit : str
        Unit of the values; ``1`` is dimensionless.
    sigma : array_like, same shape, optional
        Standard error, in the same unit.
    mask : array_like of bool, same shape, optional
        True where the value can be trusted. Without one, wherever the value is finite.
    labels : mapping of int to str, optional
        Meaning of each integer of a label map.
    companion : str, optional
        Name of the map that this one belongs to: shown on request only.

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
        data = np.asarray(self.data)
        if data.dtype == np.float64:
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
            object.__setattr__(self, "sigma", np.asarray(self.sigma, dtype=np.float32))
        for label, values in (("sigma", self.sigma), ("mask", self.mask)):
            if values is not None and values.shape != data.shape:
                raise ValueError(f"the map has shape {data.shape}, its {label} {values.shape}")
        if self.labels is not None:
            if data.dtype.kind not in "iu":
                raise ValueError(f"a map of labels must hold integers, not {data.dtype}")
            labels = {int(key): str(text) for key, text in self.labels.items()}
            nameless = set(np.unique(data).tolist()) - set(labels) - {0}
            if nameless:
                raise ValueError(f"label {min(nameless)} of the map has no name")
            object.__setattr__(self, "labels", MappingProxyType(labels))

    def valid(self) -> NDArray[Any]:
        """The values where the mask allows them, NaN (0 for labels) elsewhere."""
        empty = 0 if self.labels is not None else np.nan
        return np.where(self.mask, self.data, np.asarray(empty, dtype=self.data.dtype))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class MapSet(Mapping[str, ParameterMap]):
    """Maps that one run made, by name, in order.

    Parameters
    ----------
    maps : mapping of str to ParameterMap
        The maps, all of one shape.
    history : tuple of Step
        The steps that made them, the estimator last.
    source : Source, optional
        The file that the stack came from.
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
        object.__setattr__(self, "maps", MappingProxyType(dict(self.maps)))
        if shapes:
            object.__setattr__(self, "pixel_size", _lengths(self.pixel_size, len(next(iter(shapes)))))
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

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
        """The name of the stack that the maps describe."""
        return str(self.metadata.get("name", "maps"))

    def __repr__(self) -> str:
        return f"MapSet({self.name!r}: {', '.join(self.maps)})"


def as_mask(region: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A region of an image as a boolean mask of the image's shape.

    Parameters
    ----------
    region : array_like of bool with the image's shape, or (y0, y1, x0, x1)
        A mask, or a box in pixels, its upper ends excluded.
    shape : tuple
        Shape of the image, (Y, X) or (Z, Y, X).

    Raises
    ------
    ValueError
        If the region does not fit the image or is empty.

    Examples
    --------
    >>> int(as_mask((0, 2, 1, 3), (4, 4)).sum())
    4
    """
    region = np.asarray(region)
    if region.dtype == bool:
        if region.shape != shape and region.shape != shape[-2:]:
            raise ValueError(f"the region has shape {region.shape}, the image {shape}")
        mask = np.broadcast_to(region, shape)
    elif region.shape == (4,):
        y0, y1, x0, x1 = (int(v) for v in region)
        if not (0 <= y0 < y1 <= shape[-2] and 0 <= x0 < x1 <= shape[-1]):
            raise ValueError(
                f"box y {y0}-{y1}, x {x0}-{x1} does not lie in an image of {shape[-2]} x {shape[-1]} pixels"
            )
        mask = np.zeros(shape, dtype=bool)
        mask[..., y0:y1, x0:x1] = True
    else:
        raise ValueError(f"a region is a boolean mask or a box (y0, y1, x0, x1), not {region!r}")
    if not mask.any():
        raise ValueError("the region is empty: brush or draw at least one pixel")
    return mask
