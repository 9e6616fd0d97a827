"""Which images a table of shifts belongs to, as comments of the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_xanes.alignment import Alignment

_CENTER = "# center (y, x) of images (height, width), in pixels: "
_IMAGES = "# images (height, width), in pixels: "
_PIXEL = "# size of a pixel in µm: "
_BINNING = "# squares of pixels that were averaged before: "
_COUNTS = {_CENTER: (4,), _IMAGES: (2,), _PIXEL: (2, 3), _BINNING: (1,)}
_WORDS = ("no", "one", "two", "three", "four")


def grid_comments(aligned: Alignment) -> str:
    """Return what is known of the images, as lines of comment."""
    values: dict[str, tuple[float, ...] | None] = {_PIXEL: aligned.pixel_size}
    if aligned.center is not None and aligned.image_shape is not None:
        values[_CENTER] = (*aligned.center.tolist(), *aligned.image_shape)
    else:
        values[_IMAGES] = aligned.image_shape
    values[_BINNING] = None if (aligned.binning or 1) == 1 else (aligned.binning or 1,)
    return "".join(f"{name}{', '.join(map(repr, value))}\n" for name, value in values.items() if value is not None)


def grid_fields(path: Path, lines: list[str]) -> dict[str, Any]:
    """Return the fields of an alignment that comments hold.

    Raises
    ------
    ValueError
        If one of these comments is no list of so many numbers.
    """
    said = {name: _numbers(path, name, lines) for name in _COUNTS}
    fields: dict[str, Any] = {"pixel_size": said[_PIXEL], "image_shape": said[_IMAGES]}
    if (center := said[_CENTER]) is not None:
        fields |= {"center": center[:2], "image_shape": center[2:]}
    if (binning := said[_BINNING]) is not None:
        fields["binning"] = binning[0]
    return {name: value for name, value in fields.items() if value is not None}


def _numbers(path: Path, name: str, lines: list[str]) -> list[float] | None:
    text = next((line[len(name) :] for line in lines if line.startswith(name)), None)
    if text is None:
        return None
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in _COUNTS[name]:
        what = name.strip("# :")
        counts = " or ".join(_WORDS[count] for count in _COUNTS[name])
        raise ValueError(f"{path}: {what} are {counts} numbers, not {text!r}")
    return numbers
