"""Several regions of an image that do not overlap: a label image, or a list of masks and boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from napari_xanes.arguments import as_mask, load_region
from napari_xanes.parameters import Param
from napari_xanes.run_lengths import MASK_AXES, labels_from_plain, labels_to_plain

MAX_REGIONS = 4096
"""Most regions of an image."""

_BOX = 4
"""Numbers of a box (y0, y1, x0, x1)."""


@dataclass(frozen=True, eq=False)
class LabelImage:
    """The number of each pixel's region, 0 outside of all regions.

    Parameters
    ----------
    labels : array of int, shape (Y, X) or (Z, Y, X)
        In a volume, labels of shape (Y, X) hold for all slices.

    Raises
    ------
    ValueError
        If these are no whole numbers from 0 on, or no image.
    """

    labels: NDArray[Any]

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.dtype.kind not in "iu" or labels.ndim not in MASK_AXES or not labels.size:
            raise ValueError(
                f"a label image holds one whole number per pixel, (Y, X) or (Z, Y, X), not {labels.dtype} of shape "
                f"{labels.shape}"
            )
        if labels.min() < 0 or labels.max() >= 2**31:
            raise ValueError(
                f"labels are numbers from 0 (no region) to 2147483647, but there are {labels.min()} to {labels.max()}"
            )
        object.__setattr__(self, "labels", labels.astype(np.int32))

    def to_plain(self) -> dict[str, Any]:
        """Return the labels as run lengths."""
        return labels_to_plain(self.labels)


def load_regions(value: Any) -> Any:
    """Return regions as a LabelImage, or as a list of masks and boxes, from any form in which a recipe stores them.

    Parameters
    ----------
    value : array, LabelImage, list, mapping or None
        An array of whole numbers is a label image. A list holds boolean masks and boxes (y0, y1, x0, x1); one mask or
        box alone is one region. None stays None.

    Raises
    ------
    ValueError
        If the value is none of these.

    Examples
    --------
    >>> load_regions(np.array([[0, 1, 1]])).labels.tolist(), load_regions([[0, 2, 0, 3], (2, 4, 0, 3)])
    ([[0, 1, 1]], [(0, 2, 0, 3), (2, 4, 0, 3)])
    """
    if value is None or isinstance(value, LabelImage):
        return value
    if isinstance(value, Mapping):
        return LabelImage(labels_from_plain(value)) if {"shape", "runs", "labels"} <= set(value) else [_region(value)]
    if isinstance(value, list | tuple):
        return _from_sequence(value)
    array = np.asarray(value)
    return [_region(array)] if array.dtype == bool else LabelImage(array)


def _from_sequence(values: Sequence[Any]) -> Any:
    if not values:
        raise ValueError("regions are empty: give at least one mask or box, or leave them out")
    if all(isinstance(item, int | np.integer) for item in values):
        return [_region(values)]
    rows = all(isinstance(item, list | tuple) for item in values)
    if rows and {len(item) for item in values} != {_BOX} and isinstance(_first_leaf(values), int):
        try:
            array = np.asarray(values)
        except ValueError:
            raise ValueError("the rows of a label image must have one length, if they are no boxes") from None
        if array.dtype.kind == "i":
            return LabelImage(array)
    return [_region(item) for item in values]


def _first_leaf(values: Any) -> Any:
    while isinstance(values, list | tuple) and values:
        values = values[0]
    return values


def _region(value: Any) -> Any:
    if value is None:
        raise ValueError("a region is None: give a mask or a box (y0, y1, x0, x1), or leave it out of the list")
    return load_region(value)


Regions = Annotated[Any, BeforeValidator(load_regions), Param(kind="regions")]
"""Regions that do not overlap, as labels or a list, or None."""


def as_labels(regions: LabelImage | Sequence[Any], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the number of each pixel's region, 0 outside of all.

    Parameters
    ----------
    regions : LabelImage or list of masks and boxes
        The regions of a list are numbered from 1.
    shape : tuple
        Shape of the image, (Y, X) or (Z, Y, X).

    Raises
    ------
    ValueError
        If a region does not fit the image or is empty, two have pixels in common, no pixel belongs to one, or there are
        more than `MAX_REGIONS`.

    Examples
    --------
    >>> as_labels([(0, 1, 0, 2), (1, 2, 1, 3)], (2, 3)).tolist()
    [[1, 1, 0], [0, 2, 2]]
    """
    labels = _fitting(regions.labels, shape) if isinstance(regions, LabelImage) else _numbered(regions, shape)
    count = np.unique(labels[labels > 0]).size
    if not count:
        raise ValueError(
            "no pixel belongs to a region: all labels are 0; draw one, or load a label image with numbers above 0"
        )
    if count > MAX_REGIONS:
        raise ValueError(f"{count} regions are more than {MAX_REGIONS}: join some of them")
    return labels


def _fitting(labels: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.int32]:
    if labels.shape not in (shape, shape[-2:]):
        raise ValueError(
            f"the labels of the regions have shape {labels.shape}, the image {shape}: crop or bin both in the same way"
        )
    return np.broadcast_to(labels, shape)


def _numbered(regions: Sequence[Any], shape: tuple[int, ...]) -> NDArray[np.int32]:
    if len(regions) > MAX_REGIONS:
        raise ValueError(f"{len(regions)} regions are more than {MAX_REGIONS}: join some of them")
    labels = np.zeros(shape, dtype=np.int32)
    for number, region in enumerate(regions, start=1):
        try:
            mask = as_mask(region, shape)
        except ValueError as error:
            raise ValueError(f"region {number}: {error}") from None
        if (shared := labels[mask]).any():
            others = ", ".join(map(str, np.unique(shared[shared > 0])[:5]))
            raise ValueError(
                f"region {number} has {np.count_nonzero(shared)} pixels in common with region {others}, but a pixel "
                "belongs to one: draw them apart, or give a label image"
            )
        labels[mask] = number
    return labels
