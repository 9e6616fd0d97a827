"""The stack of images that everything passes around.

It is frozen: an operation returns a new stack and never changes the one that it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import BoolArray
from napari_xanes.alignment import as_alignment
from napari_xanes.corrections import (
    INTERPOLATED,
    PER_FRAME,
    Box,
    Corrections,
    Frames,
    frames_where,
    select,
    select_nested,
    take_frames,
)
from napari_xanes.field_mapping import FrozenMapping
from napari_xanes.filled_values import KEY as FILLED
from napari_xanes.filled_values import FilledValues, as_filled_values
from napari_xanes.history import Source, Step
from napari_xanes.masked_values import nan_for_masked
from napari_xanes.noise import Noise, PhotonNoise, as_noise
from napari_xanes.parameter_map import checked_pixel_size
from napari_xanes.scaling import as_scaling
from napari_xanes.seams import as_stitching
from napari_xanes.spectrum import checked_energy

Quantity = Literal["counts", "transmission", "optical_depth", "fluorescence", "normalized", "scaled", "derivative"]

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "counts": "counts",
        "transmission": "1",
        "optical_depth": "OD",
        "fluorescence": "a.u.",
        "normalized": "1",
        "scaled": "1",
        "derivative": "1/eV",
    }
)
"""The unit of a stack's values, by quantity. ``1`` is dimensionless."""


@dataclass(frozen=True, eq=False)
class SpectralStack:
    """One image per photon energy.

    Parameters
    ----------
    data : numpy or dask array, shape (E, Y, X) or (E, Z, Y, X), real
        The images. Never copied or converted here, except masked arrays, whose masked values become NaN, and numbers
        of more than 64 bits (NumPy's longdouble), which become float64.
    energy : array_like, shape (E,)
        Photon energies in eV, strictly increasing.
    quantity : {"counts", "transmission", "optical_depth", "fluorescence", "normalized", "scaled", "derivative"}
        What the values are: ``normalized`` to an edge jump of 1, ``scaled`` to something else (`ops.normalize`).
    pixel_size : float or tuple, optional
        Length of a pixel along each spatial axis, (Y, X) or (Z, Y, X), in µm; one number serves all axes.
    history : tuple of Step
        Steps that the stack went through.
    source : Source, optional
        File or folder that the stack was read from.
    metadata : mapping, optional
        What corrects counts (the fields of `Corrections`), ``noise`` (see `as_noise`), ``references`` (list of
        Spectrum) that belong to the data, results of a step beside the data, and whatever the file said.

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
        what = f"stack {self.source}" if self.source else "stack"
        if not hasattr(self.data, "dtype") or not hasattr(self.data, "shape"):
            object.__setattr__(self, "data", np.asarray(self.data))
        if self.data.dtype.kind not in "fiu":
            raise TypeError(f"{what}: data must be real numbers, not {self.data.dtype}")
        data = nan_for_masked(self.data)
        object.__setattr__(self, "data", data if data.dtype.itemsize <= 8 else data.astype(np.float64))
        if self.data.ndim not in (3, 4):
            raise ValueError(f"{what}: data must be (E, Y, X) or (E, Z, Y, X), not {self.data.shape}")
        if 0 in self.data.shape:
            raise ValueError(f"{what}: data of shape {self.data.shape} hold no pixels; take a larger part")
        energy = checked_energy(self.energy, what=what)
        if energy.size != self.data.shape[0]:
            raise ValueError(
                f"{what}: {energy.size} energies for {self.data.shape[0]} frames (data {self.data.shape}); "
                "the energy axis comes first, with one energy per frame"
            )
        object.__setattr__(self, "energy", energy)
        if self.quantity not in get_args(Quantity):
            raise ValueError(f"{what}: quantity {self.quantity!r} is none of {', '.join(get_args(Quantity))}")
        object.__setattr__(self, "pixel_size", checked_pixel_size(self.pixel_size, self.data.ndim - 1))
        object.__setattr__(self, "history", tuple(self.history))
        if isinstance(self.source, str):
            object.__setattr__(self, "source", Source(self.source))
        metadata = {name: nan_for_masked(value) for name, value in self.metadata.items()}
        if "align" in metadata:
            metadata["align"] = as_alignment(metadata["align"], energy.size)
        if "stitch" in metadata:
            metadata["stitch"] = as_stitching(metadata["stitch"], energy.size)
        if FILLED in metadata:
            filled = as_filled_values(metadata.pop(FILLED), self.shape)
            metadata |= {} if filled is None else {FILLED: filled}
        object.__setattr__(self, "metadata", FrozenMapping(metadata))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data, energy first."""
        return tuple(self.data.shape)

    @property
    def unit(self) -> str:
        """Unit of the values."""
        told = self.quantity in ("scaled", "derivative")
        scaling = as_scaling(self.metadata.get("scaling")) if told else None
        if scaling is None or (scaling.unit == "1" and self.quantity == "derivative"):
            return UNITS[self.quantity]
        return scaling.unit if self.quantity == "scaled" else f"{scaling.unit}^2"

    @property
    def name(self) -> str:
        """Name for people: from the metadata, else the name of the file without its suffix."""
        from pathlib import Path

        return str(self.metadata.get("name") or (Path(self.source.path).stem if self.source else "stack"))

    @property
    def is_lazy(self) -> bool:
        """Whether the data are a dask array, which is computed on demand."""
        return not isinstance(self.data, np.ndarray)

    def with_data(self, data: Any, **changes: Any) -> SpectralStack:
        """Return the stack with other data and, if given, other fields.

        Parameters
        ----------
        data : array, shape (E, Y, X) or (E, Z, Y, X)
            The new images.
        **changes
            Fields of the stack to replace; ``metadata`` entries are merged into the old ones.
        """
        metadata = {**self.metadata, **changes.pop("metadata", {})}
        return replace(self, data=data, metadata=metadata, **changes)

    @property
    def corrections(self) -> Corrections:
        """Flats, darks, exposures and other corrections, from the metadata."""
        return Corrections.from_metadata(self.metadata)

    @property
    def noise(self) -> Noise | None:
        """Error model of the values, from ``metadata["noise"]``; None where the noise is not known.

        Raises
        ------
        ValueError
            If the noise does not fit the shape of the data.
        """
        noise = as_noise(self.metadata.get("noise"), self.shape)
        if not isinstance(noise, PhotonNoise):
            return noise
        return replace(noise, filled=self.filled) if self.quantity == "optical_depth" else None

    @property
    def filled(self) -> FilledValues | None:
        """Values that were filled in by a model, from ``metadata["filled"]``; None where there are none."""
        found: FilledValues | None = self.metadata.get(FILLED)
        return found

    @property
    def interpolated(self) -> BoolArray:
        """Which frames were not measured but interpolated, (E,), from ``metadata["interpolated_frames"]``."""
        known = np.asarray(self.metadata.get(INTERPOLATED, ()), dtype=bool)
        return known if known.shape == self.energy.shape else np.zeros(self.energy.shape, dtype=bool)

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> SpectralStack:
        """Return some frames and pixels of the stack, with everything that belongs to them.

        Corrections, noise and parameter maps in the metadata are cut like the data, and so is every value that has a
        method ``isel(frames, box)``. All other metadata stay.

        Parameters
        ----------
        frames : slice or index array
            Frames to take, in order of energy.
        box : tuple of slice or int, optional
            Pixels to take: one entry per spatial axis, (Y, X) or (Z, Y, X). A number removes its axis, as z does in
            ``(z, slice(None), slice(None))``. All pixels by default.

        Returns
        -------
        SpectralStack
            A view of the data where `frames` is a slice.

        Raises
        ------
        ValueError
            If no frame or pixel is left, or there is not one entry per spatial axis.

        Examples
        --------
        >>> seconds = np.array([1.0, 2.0, 4.0])
        >>> stack = SpectralStack(np.ones((3, 4, 5)), [8330, 8340, 8350], metadata={"exposure": seconds})
        >>> part = stack.isel(slice(1, None), (slice(0, 2), slice(None)))
        >>> part.shape, part.metadata["exposure"]
        ((2, 2, 5), array([2., 4.]))
        """
        box = (slice(None),) * (len(self.shape) - 1) if box is None else box
        if len(box) != len(self.shape) - 1:
            raise ValueError(f"{len(box)} indices of pixels for {len(self.shape) - 1} spatial axes of {self!r}")
        size = self.pixel_size
        return replace(
            self,
            data=select(self.data, self.shape, frames, box),
            energy=self.energy[frames],
            pixel_size=size and _steps(size, box),
            metadata=self._metadata_of(frames, box),
        )

    def measured(self) -> SpectralStack:
        """Return the stack without the frames that `repair` interpolated: for fits they would count as measured."""
        interpolated = self.interpolated
        if not interpolated.any() or interpolated.all():
            return self
        return self.isel(frames_where(~interpolated))

    def _metadata_of(self, frames: Frames, box: Box) -> dict[str, Any]:
        """Return the metadata of some frames and pixels."""
        shape, metadata = self.shape, dict(self.metadata)
        if metadata.get("noise"):
            metadata["noise"] = as_noise(metadata["noise"], shape)
        for name, value in metadata.items():
            if isinstance(value, Mapping) or hasattr(value, "isel"):
                metadata[name] = select_nested(value, shape, frames, box)
            elif name in PER_FRAME and len(value) == shape[0]:
                metadata[name] = take_frames(value, frames)
        return {**metadata, **self.corrections.isel(shape, frames, box)}

    def to_plain(self) -> dict[str, Any]:
        """Return the file that the stack was read from and the steps since then, as a recipe names a stack.

        Raises
        ------
        ValueError
            If the stack was not read from a file: a recipe could not find it again.
        """
        if self.source is None:
            raise ValueError(
                f"{self.name!r} was not read from a file, so a recipe can't name it; write it to a file and read that"
            )
        steps = [step.to_plain(exact=True) for step in self.history]
        return self.source.to_plain() | ({"steps": steps} if steps else {})

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.shape)
        return f"SpectralStack({self.name!r}, {size}, {self.energy[0]:g}-{self.energy[-1]:g} eV, {self.quantity})"


def _steps(size: tuple[float, ...], box: Box) -> tuple[float, ...]:
    """Return the pixel size of every n-th pixel, without the axes that a number removes."""
    return tuple(
        length * abs(index.step or 1) for length, index in zip(size, box, strict=True) if isinstance(index, slice)
    )
