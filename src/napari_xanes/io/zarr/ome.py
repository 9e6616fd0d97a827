"""What the image in a Zarr store is: its axes, pixel size and energies as OME metadata tell them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.io import ways_out
from napari_xanes.io.energies import to_ev
from napari_xanes.io.energy_limits import looks_like_energies
from napari_xanes.io.energy_names import energies_in
from napari_xanes.io.length_units import length_in_um
from napari_xanes.io.metadata_json import expect_mappings
from napari_xanes.io.zarr.nodes import arrays, attributes, child
from napari_xanes.io.zarr.ome_transforms import NotUsedError, geometry

_ENERGY_UNITS = {"ev": "eV", "electronvolt": "eV", "kev": "keV", "kiloelectronvolt": "keV"}
_LENGTHS = {"micrometer": "um", "nanometer": "nm", "millimeter": "mm", "meter": "m", "angstrom": "angstrom"}
_MOST_NAMES = 20


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
    notes : tuple of str
        What people should know of the image, and what else is in the store.
    """

    array: Any
    group: Any = None
    axes: tuple[dict[str, Any], ...] = ()
    scale: tuple[float, ...] = ()
    translation: tuple[float, ...] = ()
    names: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = ()

    @property
    def plane(self) -> tuple[int, int]:
        """The axes Y and X: those of these names, else the last two."""
        names = [str(axis.get("name", "")).lower() for axis in self.axes]
        if names.count("y") == names.count("x") == 1:
            return names.index("y"), names.index("x")
        return self.array.ndim - 2, self.array.ndim - 1

    @property
    def others(self) -> list[int]:
        """The axes beside Y and X, in their order."""
        return [number for number in range(self.array.ndim) if number not in self.plane]

    @property
    def counts(self) -> tuple[int, ...]:
        """Lengths of the axes beside (Y, X) that are longer than 1."""
        return tuple(self.array.shape[n] for n in self.others if self.array.shape[n] > 1)

    @property
    def energy_axis(self) -> int | None:
        """The axis that says that it is the energy."""
        for number in self.others if self.axes else ():
            axis = self.axes[number]
            has_energy_unit = str(axis.get("unit", "")).lower() in _ENERGY_UNITS
            if has_energy_unit or "energy" in (str(axis.get("name", "")).lower(), str(axis.get("type", "")).lower()):
                return number
        return None

    def arranged(self, data: Any, n_energies: int) -> tuple[Any, tuple[float, ...] | None]:
        """Return the data as (E, Y, X) or (E, Z, Y, X), and the pixel size in µm.

        Raises
        ------
        ValueError
            If no axis has one entry per energy, or more than two axes are left beside (Y, X).
        """
        candidates = [n for n in self.others if data.shape[n] == n_energies]
        axis = self.energy_axis if self.energy_axis is not None else (candidates[0] if candidates else None)
        if axis is None:
            raise ValueError(f"{n_energies} energies for an image of shape {data.shape}; {ways_out.ONE_EACH}")
        slice_axes = [n for n in self.others if n != axis and data.shape[n] > 1]
        if len(slice_axes) > 1:
            raise ValueError(f"an image of shape {data.shape} has too many axes; write one field or time at a time")
        order = [axis, *slice_axes, *self.plane]
        single_axes = [n for n in self.others if n not in order]
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
            return image if group is root else replace(image, notes=(*image.notes, *_other_images(root)))
    stacks = [array for array in arrays(root) if array.ndim in (3, 4)]
    return Image(stacks[0], root) if len(stacks) == 1 else None


def _multiscale(group: Any) -> Image | None:
    metadata = attributes(group)
    metadata = metadata.get("ome") or metadata
    scales = metadata.get("multiscales") if isinstance(metadata, dict) else None
    if not scales:
        return None
    if "image-label" in metadata:
        raise NotUsedError(
            "it holds labels of an image and no images at photon energies; open the image that they are of"
        )
    first = expect_mappings(scales, "multiscales")[0]
    level = expect_mappings(first["datasets"], "datasets")[0]
    array = child(group, str(level["path"]))
    if not hasattr(array, "shape") or array.ndim not in (3, 4, 5):
        return None
    axes, scale, translation, notes = geometry(first, level, array.ndim)
    channels = metadata["omero"].get("channels", []) if isinstance(metadata.get("omero"), dict) else []
    names = tuple(str(channel.get("label", "")) for channel in expect_mappings(channels, "channels"))
    notes += _labels(group)
    return Image(array, group, axes, tuple(scale.tolist()), tuple(translation.tolist()), names, tuple(notes))


def _labels(group: Any) -> list[str]:
    """Return a note that names the label images of an image; none if it has none."""
    labels = child(group, "labels")
    if labels is None or hasattr(labels, "shape"):
        return []
    metadata = attributes(labels)
    listed = metadata["ome"] if isinstance(metadata.get("ome"), dict) else metadata
    names = listed.get("labels")
    if not isinstance(names, list) or not names:
        return []
    return [f"its label images are not read: {', '.join(str(name)[:40] for name in names[:_MOST_NAMES])}"]


def _other_images(root: Any) -> list[str]:
    """Return a note if a store holds more images than the first one, as bioformats2raw writes them."""
    others = [str(number) for number in range(1, _MOST_NAMES) if child(root, str(number)) is not None]
    return [f"image 0 was read; open the folders {', '.join(others)} in it for the others"] if others else []


def energies_of(image: Image) -> tuple[NDArray[np.float64], str] | None:
    """Return energies in eV and their unit, from the names of channels or the scale of an axis in eV or keV."""
    if (name_energies := energies_in(image.names)) is not None and name_energies[0].size in image.counts:
        return name_energies
    axis = image.energy_axis
    unit = None if axis is None else _ENERGY_UNITS.get(str(image.axes[axis].get("unit", "")).lower())
    if axis is None or unit is None:
        return None
    values = image.translation[axis] + image.scale[axis] * np.arange(min(image.array.shape[axis], 1_000_000))
    energy = to_ev(values, unit)[0]
    return (energy, unit) if looks_like_energies(np.sort(energy)) and (energy >= 20).all() else None
