"""Where the content of each frame lies, as ``metadata["align"]`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.corrections import Box, Frames
from napari_xanes.field_mapping import FieldMapping


@dataclass(frozen=True, eq=False)
class Alignment(FieldMapping):
    """Shifts of the frames of a stack.

    Parameters
    ----------
    shifts : ndarray, shape (E, 2)
        Where the content of each frame lies relative to the common grid, (dy, dx) in pixels.
    sigma : ndarray, shape (E, 2), optional
        Standard errors in pixels, relative to the mean of all shifts; NaN for frames whose place is interpolated.
    residual : ndarray, shape (E,), optional
        Root mean square of what the fit leaves of each frame, over its noise.
    outliers : ndarray of bool, shape (E,), optional
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

    Raises
    ------
    ValueError
        If the shifts are not (E, 2) finite numbers, or another field has another number of frames.

    Examples
    --------
    >>> Alignment([[0.0, 0.5], [0.0, -0.5]]).shifts.shape
    (2, 2)
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

    def __post_init__(self) -> None:
        shifts = _numbers("shifts", self.shifts)
        if shifts.ndim != 2 or shifts.shape[1] != 2 or not len(shifts):
            raise ValueError(f"shifts are one pair (dy, dx) in pixels per frame, not an array of shape {shifts.shape}")
        if not np.isfinite(shifts).all():
            raise ValueError(f"the shift of frame {int(np.argmin(np.isfinite(shifts).all(axis=1)))} is not finite")
        object.__setattr__(self, "shifts", shifts)
        for name, shape in (("sigma", shifts.shape), ("residual", shifts.shape[:1]), ("energy", shifts.shape[:1])):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _of_shape(name, _numbers(name, getattr(self, name)), shape))
        if self.outliers is not None:
            outliers = np.asarray(self.outliers)
            if outliers.dtype != bool:
                raise ValueError(f"outliers are true or false for each frame, not {str(self.outliers)[:60]}")
            object.__setattr__(self, "outliers", _of_shape("outliers", outliers, shifts.shape[:1]))
        self._check_lines()

    def _check_lines(self) -> None:
        if self.scan_lines not in (None, "rows", "columns"):
            raise ValueError(f"scan lines are 'rows' or 'columns', not {self.scan_lines!r}")
        if self.line_shifts is None:
            return
        lines = _numbers("line_shifts", self.line_shifts)
        if lines.ndim != 2 or len(lines) != len(self.shifts) or not np.isfinite(lines).all():
            raise ValueError(f"line_shifts are a finite number for each line of each frame, not of shape {lines.shape}")
        object.__setattr__(self, "line_shifts", lines)
        if self.line_sigma is not None:
            sigma = _numbers("line_sigma", self.line_sigma)
            object.__setattr__(self, "line_sigma", _of_shape("line_sigma", sigma, lines.shape))

    @property
    def columns(self) -> bool:
        """Whether scan lines are columns."""
        return self.scan_lines == "columns"

    def isel(self, frames: Frames = slice(None), box: Box | None = None) -> Alignment:
        """Return the shifts of some frames; a part of the image has the same ones."""
        names = ("shifts", "sigma", "residual", "outliers", "energy", "line_shifts", "line_sigma")
        return replace(self, **{name: getattr(self, name)[frames] for name in names if getattr(self, name) is not None})

    def to_plain(self) -> dict[str, Any]:
        """Return the fields as numbers, text and lists."""
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in self.items()}
        for name in ("sigma", "residual", "line_sigma"):
            if name in plain:
                plain[name] = [_without_nan(item) for item in plain[name]]
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


def as_alignment(value: Any, count: int) -> Any:
    """Return a mapping from a file as the shifts of `count` frames; a value that is something else as it is."""
    try:
        found = Alignment.from_mapping(value)
    except ValueError:
        return value
    return value if found is None or len(found.shifts) != count else found


def _without_nan(item: Any) -> Any:
    """Return a number or a list of numbers with None for NaN, so that a text of it equals itself."""
    if isinstance(item, list):
        return [_without_nan(part) for part in item]
    return None if item != item else item


def _numbers(name: str, values: Any) -> Float64Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} of an alignment are numbers, not {str(values)[:60]}") from None


def _of_shape(name: str, values: Any, shape: tuple[int, ...]) -> Any:
    if values.shape != shape:
        raise ValueError(f"{name} of an alignment has shape {values.shape}, its shifts need {shape}")
    return values
