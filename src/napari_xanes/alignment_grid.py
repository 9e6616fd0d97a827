"""Shifts in pixels of another size: those of a stack that was binned, or that was measured with other pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.alignment import Alignment

BINNING = "binned_by"
"""Key of the metadata of a stack: width in pixels, as they were read, of the squares that were averaged."""

_SAME = 1e-4
"""Relative difference of pixel sizes that is rounding."""

_FACTS = 2
"""Lines at the head of a report that are no reasons to doubt."""


def binning_of(metadata: Mapping[str, Any]) -> int:
    """Return the width of the squares, in pixels as they were read, that became pixels of a stack."""
    value = metadata.get(BINNING)
    return int(value) if isinstance(value, int | np.integer) and value >= 1 else 1


def binned(found: Alignment, size: int) -> Alignment:
    """Return an alignment in pixels that are the means of squares of `size` pixels.

    Examples
    --------
    >>> found = Alignment([[1.0, -2.0]], center=[1.5, 2.5], image_shape=(4, 6), pixel_size=(0.1, 0.1))
    >>> half = binned(found, 2)
    >>> half.shifts.tolist(), half.center.tolist(), half.image_shape, half.pixel_size
    ([[0.5, -1.0]], [0.5, 1.0], (2, 3), (0.2, 0.2))
    """
    half = _scaled(found, np.array([1.0, 1 / size, 1 / size]))
    shape = None if found.image_shape is None else (found.image_shape[0] // size, found.image_shape[1] // size)
    length = None if found.correlation is None else max(1.0, found.correlation / size)
    report, pixel = found.report, found.pixel_size
    if report is not None:
        report = with_note(report, f"pixels of this report are those before binning by {size}")
    return replace(
        half,
        image_shape=shape,
        correlation=length,
        binning=size * (found.binning or 1),
        pixel_size=None if pixel is None else (*pixel[:-2], *(size * length for length in pixel[-2:])),
        report=report,
    )


def in_pixels_of(
    found: Alignment,
    shape: tuple[int, ...],
    pixel_size: tuple[float, ...] | None,
    binning: int,
    name: str,
) -> Alignment:
    """Return given shifts in the pixels of a stack.

    Parameters
    ----------
    found : Alignment
        Shifts; what is not known of their images is taken to be as in the stack.
    shape : tuple of int
        Shape of the stack; its last axes are y and x.
    pixel_size : tuple of float, optional
        Lengths of a pixel of the stack in µm.
    binning : int
        See `binning_of`.
    name : str
        Name of the stack.

    Raises
    ------
    ValueError
        If it can't be known how large a pixel of the stack is, in those of the shifts.
    """
    here = (shape[-2], shape[-1])
    there = found.image_shape
    factor, reason = _factor(found, pixel_size, binning)
    if (factor == 1).all():
        found = _checked_part(found, here, name, known=found.pixel_size is not None and pixel_size is not None)
    elif there == here and (factor[-2:] != 1).any():
        raise ValueError(
            f"{reason}, but both have images of {there[0]} x {there[1]} pixels: if only the size was corrected, set "
            f"pixel_size of the shifts to that of {name!r}; if they are two fields of view, cut the larger one"
        )
    else:
        # Squares that are not full were left out.
        expected = None if there is None else np.array(there) * factor[-2:]
        fits = expected is not None and bool((np.abs(expected - here) < np.maximum(factor[-2:], 1.0)).all())
        note = f"{reason}: they are multiplied by {_sizes(tuple(np.unique(factor[-2:])))}"
        found = _scaled(found, factor)
        report = (with_note if fits else with_doubt)(found.report, note)
        size = None if expected is None else (int(expected[0]), int(expected[1]))
        found = replace(found, image_shape=here if fits else size, report=report)
    return replace(found, pixel_size=pixel_size or found.pixel_size, binning=binning)


def _factor(found: Alignment, pixel_size: tuple[float, ...] | None, binning: int) -> tuple[Float64Array, str]:
    """Return the factors (3,) from pixels of the shifts to those of a stack, for z, y, x, and their reason in words."""
    if found.pixel_size is not None and pixel_size is not None:
        both = min(len(found.pixel_size), len(pixel_size))
        ratio = np.ones(3)
        ratio[-both:] = np.array(found.pixel_size[-both:]) / np.array(pixel_size[-both:])
        ratio[np.abs(ratio - 1) < _SAME] = 1.0
        return ratio, (
            f"the shifts were found in pixels of {_sizes(found.pixel_size)} µm, and those of the stack have "
            f"{_sizes(pixel_size)} µm"
        )
    before = found.binning or binning
    ratio = np.array([1.0, before / binning, before / binning])
    return ratio, f"the shifts were found in squares of {before} pixels, and the stack is binned by {binning}"


def _sizes(pixel_size: tuple[float, ...]) -> str:
    return " x ".join(f"{length:.4g}" for length in pixel_size)


def _checked_part(found: Alignment, here: tuple[int, int], name: str, *, known: bool) -> Alignment:
    """Return shifts of images of another size, which may be a part of these; with a doubt if nothing tells it."""
    there = found.image_shape
    if there is None or there == here or known or found.stretches:
        return found
    sizes = (
        f"the shifts were found in images of {there[0]} x {there[1]} pixels, and those of {name!r} have "
        f"{here[0]} x {here[1]}"
    )
    most = max(max(there) // max(1, min(here)), max(here) // max(1, min(there)))
    for size in range(2, most + 1):
        if (there[0] // size, there[1] // size) == here or (here[0] // size, here[1] // size) == there:
            raise ValueError(
                f"{sizes}: whether they were cut or binned by {size} is not known, because a pixel size is missing; "
                "read both with pixel_size=..., or cut the shifts as the images were cut, by shifts.isel(box=...)"
            )
    text = f"{sizes}: they are taken for a part with pixels of the same size, because a pixel size is missing"
    return replace(found, report=with_doubt(found.report, text))


def _scaled(found: Alignment, factor: Float64Array) -> Alignment:
    """Return an alignment in pixels of which `factor` (3,), for z, y, x, are one pixel of its own."""
    n = found.shifts.shape[-1]
    fields: dict[str, Any] = {"shifts": found.shifts * factor[-n:]}
    if found.sigma is not None:
        fields["sigma"] = found.sigma * factor[-n:]
    flat = factor[-2:]
    for name in ("matrix", "matrix_sigma"):
        if (values := getattr(found, name)) is not None:
            fields[name] = values * np.outer(flat, 1 / flat)
    if found.center is not None:
        # Places are those of the centres of pixels.
        fields["center"] = (found.center + 0.5) * flat - 0.5
    return replace(found, **fields, **_lines(found, flat))


def _lines(found: Alignment, factor: Float64Array) -> dict[str, Any]:
    """Return the shifts of lines that are means of some neighbours, and their errors."""
    if found.line_shifts is None:
        return {}
    across, along = (factor[1], factor[0]) if found.columns else (factor[0], factor[1])
    size = round(1 / across)
    if size < 1 or abs(size * across - 1) > _SAME:
        raise ValueError(
            f"shifts of {found.line_shifts.shape[1]} scan lines can't become those of lines {1 / across:.4g} times as "
            "wide: align the stack with the smallest pixels, then bin it"
        )
    count = found.line_shifts.shape[1] // size
    groups = found.line_shifts[:, : count * size].reshape(-1, count, size)
    fields: dict[str, Any] = {"line_shifts": groups.mean(axis=2) * along}
    if found.line_sigma is not None:
        squares = found.line_sigma[:, : count * size].reshape(-1, count, size) ** 2
        fields["line_sigma"] = np.sqrt(squares.sum(axis=2)) / size * along
    return fields


def with_note(report: str | None, text: str) -> str:
    """Return a report whose first line says one thing more."""
    first, *others = _filled(report)
    return "\n".join([f"{first}; {text}", *others])


def with_doubt(report: str | None, text: str) -> str:
    """Return a report with one more reason to doubt, said once."""
    lines = _filled(report)
    return "\n".join(lines if text in lines else [*lines, text])


def _filled(report: str | None) -> list[str]:
    """Return the lines of a report: what was found, what is known of the errors, reasons to doubt."""
    lines = (report or "the shifts were given").splitlines()
    return lines if len(lines) >= _FACTS else [*lines, "their errors are as given"]
