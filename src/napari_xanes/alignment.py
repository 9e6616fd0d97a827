"""Where the content of each frame lies, as ``metadata["align"]`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.alignment_fields import lengths, numbers, of_shape, whole, without_nan
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping


@dataclass(frozen=True, eq=False)
class Alignment(FieldMapping):
    """Shifts of the frames of a stack, and how much each is magnified.

    The content of the place x of the common grid lies at ``center + shift + matrix @ (x - center)`` in a frame.

    Parameters
    ----------
    shifts : ndarray, shape (E, 2), of a volume also (E, 3) or (E, Z, 2)
        Where the content of each frame lies relative to the common grid, (dy, dx) in pixels. Of a volume that moves in
        three dimensions (dz, dy, dx); (dy, dx) of each slice where each slice moves by itself.
    sigma : ndarray, same shape, optional
        Standard errors in pixels, relative to the mean of all shifts; NaN for frames whose place is interpolated.
    residual : ndarray, shape (E,) or (E, Z), optional
        Root mean square of what the fit leaves of each frame, over its noise.
    outliers : ndarray of bool, shape (E,) or (E, Z), optional
        Frames whose place is interpolated, or that hold something else than the others.
    energy : ndarray, shape (E,), optional
        Energies of the frames in eV.
    correlation : float, optional
        Pixels in a square of this width share their noise after resampling.
    report : str, optional
        What was done and found, in words.
    line_shifts : ndarray, shape (E, L), optional
        Shifts of the L scan lines of each frame along themselves, in pixels, on top of those of the frame.
    line_sigma : ndarray, shape (E, L), optional
        Their standard errors; NaN for lines that not all frames show.
    scan_lines : {"rows", "columns"}, optional
        What the lines are; by default rows.
    magnification : ndarray, shape (E,), optional
        How much larger the content of each frame is than on the common grid.
    magnification_sigma : ndarray, shape (E,), optional
        Standard errors, relative to the mean of all frames.
    matrix : ndarray, shape (E, 2, 2), optional
        The linear part of the map of each frame, with axes (y, x), where it is more than a magnification.
    matrix_sigma : ndarray, shape (E, 2, 2), optional
        Standard errors, relative to the mean of all frames.
    center : ndarray, shape (2,), optional
        Pixel (y, x) that magnification and matrix leave in place; by default the centre of the image.
    image_shape : tuple of int, optional
        Height and width in pixels of the images that the shifts belong to.
    pixel_size : tuple of float, optional
        Lengths of a pixel in µm, (y, x) or (z, y, x), of these images.
    binning : int, optional
        Width in pixels, as they were read, of the squares that `bin` averaged.

    Raises
    ------
    ValueError
        If the shifts are not finite numbers of one of these shapes, or another field does not fit them.

    Examples
    --------
    >>> Alignment([[0.0, 0.5], [0.0, -0.5]]).shifts.shape
    (2, 2)
    >>> Alignment([[0, 0], [0, 0]], magnification=[0.995, 1.005]).matrices[1].tolist()
    [[1.005, 0.0], [0.0, 1.005]]
    """

    shifts: Float64Array
    sigma: Float64Array | None = None
    residual: Float64Array | None = None
    outliers: BoolArray | None = None
    energy: Float64Array | None = None
    correlation: float | None = None
    report: str | None = None
    line_shifts: Float64Array | None = None
    line_sigma: Float64Array | None = None
    scan_lines: str | None = None
    magnification: Float64Array | None = None
    magnification_sigma: Float64Array | None = None
    matrix: Float64Array | None = None
    matrix_sigma: Float64Array | None = None
    center: Float64Array | None = None
    image_shape: tuple[int, int] | None = None
    pixel_size: tuple[float, ...] | None = None
    binning: int | None = None

    def __post_init__(self) -> None:
        shifts = numbers("shifts", self.shifts)
        if (
            shifts.ndim not in (2, 3)
            or shifts.shape[-1] not in ((2, 3) if shifts.ndim == 2 else (2,))
            or not len(shifts)
        ):
            raise ValueError(
                "shifts are one pair (dy, dx) in pixels per frame, of volumes also (dz, dy, dx) or one pair per slice, "
                f"not an array of shape {shifts.shape}"
            )
        if not np.isfinite(shifts).all():
            bad = int(np.argmin(np.isfinite(shifts).reshape(len(shifts), -1).all(axis=1)))
            raise ValueError(
                f"the shift of frame {bad} is not finite; give a number of pixels, 0 where it does not move"
            )
        object.__setattr__(self, "shifts", shifts)
        for name, shape in self._shapes().items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, of_shape(name, numbers(name, getattr(self, name)), shape))
        if self.outliers is not None:
            outliers = np.asarray(self.outliers)
            if outliers.dtype != bool:
                raise ValueError(f"outliers are true or false for each frame, not {str(self.outliers)[:60]}")
            object.__setattr__(self, "outliers", of_shape("outliers", outliers, shifts.shape[:-1]))
        if self.image_shape is not None:
            size = of_shape("image_shape", numbers("image_shape", self.image_shape), (2,))
            object.__setattr__(self, "image_shape", (int(size[0]), int(size[1])))
        if self.pixel_size is not None:
            object.__setattr__(self, "pixel_size", lengths("pixel_size", self.pixel_size))
        if self.binning is not None:
            object.__setattr__(self, "binning", whole("binning", self.binning))
        self._check_matrices()
        self._check_lines()

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all fields of numbers beside the shifts."""
        count, of_frames = len(self.shifts), self.shifts.shape[:-1]
        shapes: dict[str, tuple[int, ...]] = {"sigma": self.shifts.shape, "residual": of_frames, "energy": (count,)}
        shapes |= {"magnification": (count,), "magnification_sigma": (count,), "center": (2,)}
        return shapes | {"matrix": (count, 2, 2), "matrix_sigma": (count, 2, 2)}

    def _check_lines(self) -> None:
        if self.scan_lines not in (None, "rows", "columns"):
            raise ValueError(f"scan lines are 'rows' or 'columns', not {self.scan_lines!r}")
        if self.line_shifts is None:
            return
        lines = numbers("line_shifts", self.line_shifts)
        if lines.ndim != 2 or len(lines) != len(self.shifts) or not np.isfinite(lines).all():
            raise ValueError(f"line_shifts are a finite number for each line of each frame, not of shape {lines.shape}")
        object.__setattr__(self, "line_shifts", lines)
        if self.line_sigma is not None:
            sigma = numbers("line_sigma", self.line_sigma)
            object.__setattr__(self, "line_sigma", of_shape("line_sigma", sigma, lines.shape))

    @property
    def columns(self) -> bool:
        """Whether scan lines are columns."""
        return self.scan_lines == "columns"

    def _check_matrices(self) -> None:
        if self.magnification is not None and self.matrix is not None:
            raise ValueError("an alignment has a magnification or a matrix, not both")
        if not self.stretches:
            return
        if self.shifts.shape[1:] != (2,):
            raise ValueError(
                "frames with a magnification or a matrix have one pair (dy, dx) each; volumes have neither"
            )
        (yy, yx), (xy, xx) = np.moveaxis(self.matrices, 0, -1)
        size = yy * xx - yx * xy
        bad = ~(np.isfinite(size) & (size > 1 / _MOST**2) & (size < _MOST**2))
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(
                f"frame {i} would be magnified by {np.sqrt(max(size[i], 0)):g}; magnifications are near 1, because "
                "they are relative to the common grid: divide all by that of one frame"
            )

    @property
    def stretches(self) -> bool:
        """Whether frames have more than a shift."""
        return self.magnification is not None or self.matrix is not None

    @property
    def matrices(self) -> Float64Array:
        """The linear part of the map of each frame, (E, 2, 2); unit matrices where nothing is stretched."""
        if self.matrix is not None:
            return self.matrix
        factor = np.ones(len(self.shifts)) if self.magnification is None else self.magnification
        return np.asarray(np.eye(2) * factor[:, None, None])

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> Alignment:
        """Return the shifts of some frames, in pixels of a part of the image: what it leaves in place is there, too."""
        names = [name for name in self._shapes() if name != "center"]
        names = [
            name
            for name in ("shifts", "outliers", "line_shifts", "line_sigma", *names)
            if getattr(self, name) is not None
        ]
        some = replace(self, **{name: getattr(self, name)[frames] for name in names})
        return some if box is None else _in_box(some, box)

    def to_plain(self) -> dict[str, Any]:
        """Return the fields as numbers, text and lists."""
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in self.items()}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        for name in ("sigma", "residual", "magnification_sigma", "matrix_sigma", "line_sigma"):
            if name in plain:
                plain[name] = [without_nan(item) for item in plain[name]]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Alignment:
        """Return the value that `to_plain` wrote.

        Raises
        ------
        ValueError
            If a field is missing or of the wrong kind.
        """
        unknown = set(plain) - set(cls._names())
        if unknown or "shifts" not in plain:
            raise ValueError(f"an alignment has shifts, and may have {', '.join(cls._names()[1:])}, not {list(plain)}")
        return cls(**plain)


_MOST = 2.0
"""Largest magnification, and one over the smallest."""


def _in_box(found: Alignment, box: Box) -> Alignment:
    """Return an alignment in pixels of a part of the image."""
    kinds = zip("zyx"[-len(box) :], box, strict=True)
    steps = {axis: index.step or 1 for axis, index in kinds if isinstance(index, slice)}
    axes = list(steps)
    if found.shifts.ndim == 3:
        index = box[0]
        names = [name for name in ("shifts", "sigma", "residual", "outliers") if getattr(found, name) is not None]
        found = replace(found, **{name: getattr(found, name)[:, index] for name in names})
    old = "zyx"[-found.shifts.shape[-1] :]
    if not {"y", "x"} <= set(axes):
        # A slice along z: what lies in it moves along z, too.
        flat = ("magnification", "magnification_sigma", "matrix", "matrix_sigma", "center", "image_shape", "pixel_size")
        none: dict[str, Any] = dict.fromkeys((*flat, "line_shifts", "line_sigma", "scan_lines"))
        return replace(found, **_components(found, old, axes[-2:]), **none)
    kept = [axis for axis in old if axis in axes]
    scale = 1 / np.array([steps[axis] for axis in kept], dtype=np.float64)
    fields: dict[str, Any] = {name: value * scale for name, value in _components(found, old, kept).items()}
    for name in ("matrix", "matrix_sigma"):
        if (values := getattr(found, name)) is not None:
            fields[name] = values * np.outer(scale[-2:], 1 / scale[-2:])
    line_axis, along = (-1, -2) if found.columns else (-2, -1)
    for name in ("line_shifts", "line_sigma"):
        if (values := getattr(found, name)) is not None:
            fields[name] = values[:, box[line_axis]] * scale[along]
    if found.pixel_size is not None:
        by_axis = dict(zip("zyx"[-len(found.pixel_size) :], found.pixel_size, strict=True))
        fields["pixel_size"] = tuple(by_axis[axis] * abs(steps[axis]) for axis in axes if axis in by_axis)
    if found.image_shape is None:
        return replace(found, **fields)
    parts = [index.indices(n) for index, n in zip(box[-2:], found.image_shape, strict=True) if isinstance(index, slice)]
    fields["image_shape"] = tuple(len(range(*part)) for part in parts)
    if found.center is not None:
        center = [(place - start) / step for place, (start, _, step) in zip(found.center, parts, strict=True)]
        fields["center"] = np.array(center)
    return replace(found, **fields)


def _components(found: Alignment, old: str, kept: list[str]) -> dict[str, Any]:
    """Return shifts and errors along some axes; along an axis of which nothing is known, nothing moved."""
    given = {"shifts": found.shifts} | ({} if found.sigma is None else {"sigma": found.sigma})
    return {
        name: np.stack([values[..., old.index(a)] if a in old else 0 * values[..., 0] for a in kept], axis=-1)
        for name, values in given.items()
    }


def as_alignment(value: Any, count: int) -> Any:
    """Return a mapping from a file as the shifts of `count` frames; a value that is something else as it is."""
    try:
        found = Alignment.from_mapping(value)
    except ValueError:
        return value
    return value if found is None or len(found.shifts) != count else found
