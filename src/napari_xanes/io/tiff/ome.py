"""What the OME header of a TIFF says: its axes, the size of a pixel, and the names of its channels."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from napari_xanes.io.length_units import length_in_um

_LONGEST = 16 << 20


@dataclass(frozen=True)
class Ome:
    """An OME header.

    Parameters
    ----------
    counts : tuple of int
        Lengths of the axes of the file's images, slowest first, those of length 1 left out.
    planes : int
        How many images it announces.
    pixel_size : tuple of float, optional
        (Y, X) in µm.
    channels : tuple of str
        Names of the channels, as many as there are channels, or none.
    """

    counts: tuple[int, ...]
    planes: int
    pixel_size: tuple[float, float] | None
    channels: tuple[str, ...]


def ome_header(description: str) -> Ome | None:
    """Return the OME header in the description of the first page, or None if it has none.

    Raises
    ------
    ValueError
        If it is one but not understood.
    """
    if "<OME" not in description[:4096] or len(description) > _LONGEST:
        return None
    if "<!DOCTYPE" in description or "<!ENTITY" in description:
        raise ValueError("its OME header defines entities, which are not followed; save it again as OME-TIFF")
    try:
        # No entity is defined (above), so nothing can be expanded or fetched.
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError as error:
        raise ValueError(f"its OME header is damaged; copy it again ({error})") from None
    pixels = root.find("{*}Image/{*}Pixels")
    if pixels is None:
        return None
    order = pixels.get("DimensionOrder", "XYCZT")
    lengths = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in "CZT"}
    if sorted(order) != sorted("XYCZT") or min(lengths.values()) < 1:
        raise ValueError(f"its OME header has the axes {order} of lengths {lengths}; save it again as OME-TIFF")
    counts = [lengths[axis] for axis in reversed(order[2:])]
    names = tuple(channel.get("Name", "") for channel in pixels.findall("{*}Channel"))
    return Ome(
        tuple(n for n in counts if n > 1),
        math.prod(counts),
        _pixel_size(pixels),
        names if len(names) == lengths["C"] else (),
    )


def _pixel_size(pixels: ElementTree.Element) -> tuple[float, float] | None:
    sizes = []
    for axis in "YX":
        factor = length_in_um(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        try:
            size = round(float(pixels.get(f"PhysicalSize{axis}", "nan")) * (factor or math.nan), 9)
        except ValueError:
            return None
        sizes.append(size)
    return (sizes[0], sizes[1]) if all(0 < size < 1e6 for size in sizes) else None
