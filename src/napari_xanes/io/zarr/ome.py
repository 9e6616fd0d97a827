"""What the image in a Zarr store is: its axes, pixel size and energies as OME metadata tell them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io.energies import looks_like_energies, to_ev
from napari_xanes.io.energy_names import energies_in
from napari_xanes.io.length_units import length_in_um
from napari_xanes.io.metadata_json import expect_mappings, parse_numbers
from napari_xanes.io.zarr.nodes import arrays, attributes, child

_STEPS = "coordinateTransformations"
_ENERGY_UNITS = {"ev": "eV", "electronvolt": "eV", "kev": "keV", "kiloelectronvolt": "keV"}
_LENGTHS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "meter": "m", "angstrom": "angstrom"}


@dataclass(frozen=True)
class Image:
    """An image in a store.

    Parameters
    ----------
    array : zarr.Array
        At full resolution.
    group : zarr.Group, optional
        The group that it lies in.
    axes : tuple of dict
        Name, type and unit of each axis; empty if nothing is said.
    scale, translation : tuple of float
        Step and origin along each axis, in its unit.
    names : tuple of str
        Names of the channels.
    """

    array: Any
    group: Any = None
    axes: tuple[dict[str, Any], ...] = ()
    scale: tuple[float, ...] = ()
    translation: tuple[float, ...] = ()
    names: tuple[str, ...] = field(default=())

    @property
    def counts(self) -> tuple[int, ...]:
        """Lengths of the axes before (Y, X) that are longer than 1."""
        return tuple(n for n in self.array.shape[:-2] if n > 1)

    @property
    def energy_axis(self) -> int | None:
        """The axis that says that it is the energy."""
        for number, axis in enumerate(self.axes[:-2]):
            has_energy_unit = str(axis.get("unit", "")).lower() in _ENERGY_UNITS
            if has_energy_unit or "energy" in (str(axis.get("name", "")).lower(), str(axis.get("type", "")).lower()):
                return number
        return None

    def arranged(self, data: Any, n_energies: int) -> tuple[Any, tuple[float, ...] | None]:
        """Return the data as (E, Y, X) or (E, Z, Y, X), and the pixel size in µm.

        Raises
        ------
        ValueError
            If no axis has one entry per energy, or more than two axes come before (Y, X).
        """
        leading = range(data.ndim - 2)
        candidates = [n for n in leading if data.shape[n] == n_energies]
        axis = self.energy_axis if self.energy_axis is not None else (candidates[0] if candidates else None)
        if axis is None:
            raise ValueError(f"{n_energies} energies for an image of shape {data.shape}")
        slice_axes = [n for n in leading if n != axis and data.shape[n] > 1]
        if len(slice_axes) > 1:
            raise ValueError(f"an image of shape {data.shape} has too many axes; write one field or time at a time")
        order = [axis, *slice_axes, data.ndim - 2, data.ndim - 1]
        single_axes = [n for n in leading if n not in order]
        images = data
        if [*single_axes, *order] != list(range(data.ndim)):
            # Only where it must be: dask reads whole chunks for every pixel of what is turned.
            images = data.transpose([*single_axes, *order])
        if single_axes:
            images = images.reshape([data.shape[n] for n in order])
        sizes = [self._step(n) for n in order[1:]]
        return images, tuple(s for s in sizes if s) if all(sizes) else None

    def _step(self, number: int) -> float | None:
        """Return the length of a pixel along an axis in µm."""
        if number >= min(len(self.axes), len(self.scale)):
            return None
        unit = str(self.axes[number].get("unit") or "none")
        factor = length_in_um(_LENGTHS.get(unit, unit))
        step = abs(self.scale[number]) * (factor or 0.0)
        return round(step, 9) if 1e-9 < step < 1e6 else None


def image_of(root: Any) -> Image | None:
    """Return the image in a store: OME multiscales, or the only array with three or four axes; None without one.

    Raises
    ------
    ValueError
        If the OME metadata are damaged.
    """
    if hasattr(root, "shape"):
        return Image(root) if root.ndim in (3, 4) else None
    for group in (root, child(root, "0")):
        if group is not None and not hasattr(group, "shape") and (image := _multiscale(group)):
            return image
    stacks = [array for array in arrays(root) if array.ndim in (3, 4)]
    return Image(stacks[0], root) if len(stacks) == 1 else None


def _multiscale(group: Any) -> Image | None:
    metadata = attributes(group)
    metadata = metadata.get("ome") or metadata
    scales = metadata.get("multiscales") if isinstance(metadata, dict) else None
    if not scales:
        return None
    first = expect_mappings(scales, "multiscales")[0]
    level = expect_mappings(first["datasets"], "datasets")[0]
    array = child(group, str(level["path"]))
    if not hasattr(array, "shape") or array.ndim not in (3, 4, 5):
        return None
    # Versions before 0.4 name the axes by letters.
    letters = first.get("axes", "tczyx")
    if not isinstance(letters, list | str):
        raise ValueError(f"its OME metadata have {letters!r} as axes: damaged")
    axes = tuple(axis if isinstance(axis, dict) else {"name": str(axis)} for axis in letters)
    if len(axes) != array.ndim:
        raise ValueError(f"{len(axes)} axes are named for an image of shape {array.shape}")
    scale, translation = np.ones(array.ndim), np.zeros(array.ndim)
    for step in (step for entry in (level, first) for step in expect_mappings(entry.get(_STEPS, []), _STEPS)):
        if step.get("type") == "scale":
            factor = parse_numbers(step["scale"])
            scale, translation = scale * factor, translation * factor
        elif step.get("type") == "translation":
            translation = translation + parse_numbers(step["translation"])
    if scale.shape != (array.ndim,) or translation.shape != (array.ndim,):
        raise ValueError(f"its coordinate transformations do not fit an image of shape {array.shape}")
    channels = metadata["omero"].get("channels", []) if isinstance(metadata.get("omero"), dict) else []
    names = tuple(str(channel.get("label", "")) for channel in expect_mappings(channels, "channels"))
    return Image(array, group, axes, tuple(scale.tolist()), tuple(translation.tolist()), names)


def energies_of(image: Image) -> tuple[NDArray[np.float64], str] | None:
    """Return energies in eV and their unit, from the names of channels or the scale of an axis in eV or keV."""
    if (name_energies := energies_in(image.names)) is not None and name_energies[0].size in image.array.shape[:-2]:
        return name_energies
    axis = image.energy_axis
    unit = None if axis is None else _ENERGY_UNITS.get(str(image.axes[axis].get("unit", "")).lower())
    if axis is None or unit is None:
        return None
    values = image.translation[axis] + image.scale[axis] * np.arange(min(image.array.shape[axis], 1_000_000))
    energy = to_ev(values, unit)[0]
    return (energy, unit) if looks_like_energies(np.sort(energy)) and (energy >= 20).all() else None
