"""The regions of a window as masks of the pixels of a map, made one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_xanes.gui.pixels.areas import image_labels, region_layers, region_name, regions_of
from napari_xanes.io.spectra.result import unique_names

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class Masks(Mapping[str, NDArray[np.bool_]]):
    """Masks by name that are made when they are asked for: a thousand grains of a large image need no memory at once.

    Parameters
    ----------
    makers : mapping of str to callable
        Each returns a mask.
    """

    def __init__(self, makers: Mapping[str, Callable[[], NDArray[np.bool_]]]) -> None:
        self._makers = dict(makers)

    def __getitem__(self, name: str) -> NDArray[np.bool_]:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def masks_over(viewer: Viewer, layer: Layer) -> Masks:
    """Return the visible regions that lie over the layer of a map, brushed and drawn ones, by name.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    layer : Layer
        An image or labels layer that shows a map.
    """
    # Functions for regions ask for a stack, whose first axis is energy.
    stack = Image(
        np.broadcast_to(np.float32(0), (1, *layer.data.shape)),
        scale=(1, *layer.scale),
        translate=(0, *layer.translate),
        units=("pixel", *layer.units),
        contrast_limits=(0, 1),
    )
    found: list[tuple[str, Callable[[], NDArray[np.bool_]]]] = []
    for region in region_layers(viewer, stack):
        if isinstance(region, Labels):
            labels = image_labels(region, stack)
            numbers = [int(number) for number in np.unique(labels) if number > 0]
            found += [(region_name(region, number), _equal_to(labels, number)) for number in numbers]
        else:
            masks = regions_of(region, stack)
            found += [(region_name(region, number), _same(mask)) for number, mask in masks.items()]
    names = unique_names([name for name, _ in found])
    return Masks(dict(zip(names, (make for _, make in found), strict=True)))


def _equal_to(labels: NDArray[Any], number: int) -> Callable[[], NDArray[np.bool_]]:
    return lambda: labels == number


def _same(mask: NDArray[np.bool_]) -> Callable[[], NDArray[np.bool_]]:
    return lambda: mask
