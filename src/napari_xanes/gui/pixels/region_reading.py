"""Read the mean spectra of regions, those of lazy stacks a few frames at a time. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_xanes.gui.pixels.areas import shape_boxes
from napari_xanes.gui.pixels.label_planes import labels_over
from napari_xanes.gui.pixels.spectra import MAX_REGIONS, boxes_of
from napari_xanes.region_spectra import mean_spectrum

if TYPE_CHECKING:
    from napari.layers import Layer


def region_source(layer: Layer, depth: tuple[int, ...], stack: Layer) -> Any:
    """Return the regions of a layer as `_spectra` takes them: a function that reads labels, or boxes of drawn areas."""
    if not isinstance(layer, Shapes):
        return labels_over(layer, depth, stack)
    return dict(list(shape_boxes(layer, depth, stack).items())[: MAX_REGIONS + 1])


def listed(found: dict[int, Any]) -> list[tuple[int, Any]]:
    """The regions of a layer that are listed; one more only tells that there are others."""
    return list(found.items())[:MAX_REGIONS]


def read_regions(data: Any, depth: tuple[int, ...], sources: list[Any], cache: dict[Any, Any]) -> list[dict[int, Any]]:
    """Return number of pixels, middle and spectrum of each region of each source; runs in a thread."""
    results = []
    for source in sources:
        region_boxes = source if isinstance(source, dict) else boxes_of(source())
        spectra = {}
        for number, (box, mask) in region_boxes.items():
            place = tuple((s.start, s.stop) for s in box)
            key = (depth, place, mask.tobytes())
            if key not in cache:
                if len(cache) > 4 * MAX_REGIONS:
                    cache.clear()
                cache[key] = mean_spectrum(data, (*depth, *box), mask)
            spectra[number] = (int(mask.sum()), _middle(box, mask), cache[key])
        results.append(spectra)
    return results


def _middle(box: tuple[slice, ...], mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the pixel (y, x) of a region that is nearest to its middle."""
    rows, columns = np.nonzero(mask)
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return int(rows[nearest]) + box[0].start, int(columns[nearest]) + box[1].start
