"""The drift of an aligned stack, as it was found and as the user changed it. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes.alignment import Alignment
from napari_xanes.gui.wording import with_error
from napari_xanes.stack import SpectralStack

Numbers = NDArray[np.float64]

BAR_SIGMA = 2.0
"""Error bars reach so many standard errors to each side."""

PIXELS = "pixels"
_KNOWN = ("shifts", "sigma", "residual", "outliers", "energy")
_MOST_NAMED = 8


@dataclass(frozen=True)
class Panel:
    """A quantity that is drawn below the shifts.

    Parameters
    ----------
    label : str
        What stands at the axis: the unit, or the name of a number without one.
    curves : mapping of str to ndarray, shape (E,)
        The curves by name; no text for a single one.
    usual : float, optional
        A value to draw a line at.
    from_zero : bool
        Whether the axis begins at 0.
    """

    label: str
    curves: Mapping[str, Numbers]
    usual: float | None = None
    from_zero: bool = True


@dataclass(frozen=True)
class Drift:
    """Shifts of the frames of an aligned stack, and what the user made of them.

    Parameters
    ----------
    found : Alignment
        Shifts that the stack was aligned with.
    energy : ndarray, shape (E,)
        Photon energies in eV.
    size : tuple of int
        Height and width of the image in pixels.
    pixel_size : tuple of float, optional
        Height and width of a pixel in µm.
    now : Alignment, optional
        Shifts as the user changed them; those found if not given.
    """

    found: Alignment
    energy: Numbers
    size: tuple[int, int]
    pixel_size: tuple[float, float] | None = None
    now: Alignment | None = None

    @property
    def alignment(self) -> Alignment:
        """The shifts as they are now, with the energies of the frames."""
        return replace(self.found if self.now is None else self.now, energy=self.energy)

    @property
    def sigma(self) -> Numbers:
        """Standard errors (E, 2) in pixels; NaN where they are not known."""
        sigma = self.alignment.sigma
        return np.full_like(self.alignment.shifts, np.nan) if sigma is None else sigma

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Frames (E,) that are outliers."""
        outliers = self.alignment.outliers
        return np.zeros(self.energy.size, bool) if outliers is None else outliers

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Frames (E,) whose shift is not the one that the stack was aligned with."""
        return np.asarray((self.alignment.shifts != self.found.shifts).any(axis=1))

    def edited(self, frame: int, axis: int, shift: float) -> Drift:
        """Return the drift with one shift set by hand: its error is not known any more.

        Parameters
        ----------
        frame : int
            Number of the frame.
        axis : int
            0 for dy, 1 for dx.
        shift : float
            The new shift in pixels.

        Raises
        ------
        ValueError
            If the shift is not finite, or not smaller than the image.
        """
        if not abs(shift) < self.size[axis]:
            raise ValueError(
                f"a shift of {shift:g} pixels: the image is {self.size[0]} x {self.size[1]} pixels, and nothing would "
                "be left of this frame; give less"
            )
        before = self.alignment
        shifts = before.shifts.copy()
        shifts[frame, axis] = shift
        parts = {"sigma": before.sigma, "residual": before.residual, "outliers": before.outliers}
        unknown: dict[str, Any] = {name: _with(part, frame) for name, part in parts.items() if part is not None}
        return replace(self, now=replace(before, shifts=shifts, **unknown))

    def imported(self, shifts: Alignment) -> Drift:
        """Return the drift with the shifts of a file.

        Raises
        ------
        ValueError
            If they belong to another number of frames.
        """
        if shifts.shifts.shape[1:] != (2,):
            raise ValueError(
                f"the file holds shifts of a volume, of shape {shifts.shifts.shape}; one pair per frame is needed"
            )
        if len(shifts.shifts) != self.energy.size:
            raise ValueError(
                f"{len(shifts.shifts)} shifts in the file, {self.energy.size} frames in the stack; "
                "open the table of this stack"
            )
        return replace(self, now=shifts)

    def to_align_with(self) -> Alignment:
        """Return the shifts as they are now; the report says which ones were set by hand."""
        now = self.alignment
        by_hand = self.changed & np.isnan(self.sigma).any(axis=1)
        if not by_hand.any() or now.report is None:
            return now
        first, *others = now.report.splitlines() or [""]
        text = f"{first}; set by hand at {_named([f'{e:.1f}' for e in self.energy[by_hand]])} eV"
        return replace(now, report="\n".join([text, *others]))

    def units(self) -> dict[str, tuple[float, float]]:
        """Return the units that shifts can be shown in, with the factors from pixels for y and x."""
        units = {PIXELS: (1.0, 1.0)}
        if self.pixel_size is not None:
            y, x = self.pixel_size
            far = float(np.abs(self.found.shifts * (y, x)).max())
            units |= {"µm": (y, x)} if far >= 1 else {"nm": (1000 * y, 1000 * x)}
        return units

    def lines(self) -> list[str]:
        """Return the report, the marked frames and what the bars mean, in words."""
        now = self.alignment
        lines = now.report.splitlines() if now.report else ["The shifts were given."]
        if self.marked.any():  # these frames are named below, with their residuals
            lines = [line for line in lines if not line.startswith(("the frame at ", "the frames at "))]
        if now.sigma is None or np.isnan(now.sigma).all():
            lines.append("The errors of the shifts are not known.")
        else:
            lines.append(
                "Bars reach two standard errors: 95 % of the true shifts lie within, if noise is all there is."
            )
        for unit, factors in list(self.units().items())[1:]:
            dy, dx = np.ptp(now.shifts, axis=0) * factors
            lines.append(f"The drift spans {dy:.3g} {unit} in y and {dx:.3g} {unit} in x.")
        if self.marked.any():
            lines.append(f"Marked (×): {_named([self._why(int(i)) for i in np.flatnonzero(self.marked)], '; ')}.")
        if self.changed.any():
            n = int(self.changed.sum())
            lines.append(f"{n} {'frame has' if n == 1 else 'frames have'} another shift than the stack shown.")
        return lines

    def _why(self, i: int) -> str:
        """Say why a frame is marked."""
        residual = np.nan if self.alignment.residual is None else self.alignment.residual[i]
        energy = f"{self.energy[i]:.1f} eV"
        if self.alignment.sigma is not None and not np.isfinite(self.sigma[i]).all():
            return f"{energy} shows nothing of the others, its place is that of its neighbours"
        if np.isfinite(residual):
            return f"{energy} holds something else, it is {residual:.2g} times the noise off"
        return f"{energy} does not fit the others"

    def words_of(self, frame: int) -> str:
        """Return a frame's shift with its error, in all units."""
        texts = []
        for unit, factors in self.units().items():
            for name, shift, sigma, factor in zip(
                ("dy", "dx"), self.alignment.shifts[frame], self.sigma[frame], factors, strict=True
            ):
                texts.append(f"{name} {with_error(shift * factor, sigma * factor, unit)}")
        mark = " · marked" if self.marked[frame] else ""
        return f"{self.energy[frame]:.1f} eV: {', '.join(texts)}{mark}"

    def panels(self, unit: str = PIXELS) -> dict[str, Panel]:
        """Return what can be drawn below the shifts: residuals, errors, and other values that frames have."""
        now, panels = self.alignment, dict[str, Panel]()
        if now.residual is not None:
            panels["residual"] = Panel("× noise", {"": now.residual}, 1.0)
        if now.sigma is not None:
            sigma = now.sigma * self.units()[unit]
            panels["errors"] = Panel(f"± ({unit})", {"dy": sigma[:, 0], "dx": sigma[:, 1]})
        if now.line_shifts is not None:
            jitter = np.sqrt((now.line_shifts**2).mean(axis=1)) * self.units()[unit][0 if now.columns else 1]
            panels["jitter of lines"] = Panel(f"rms ({unit})", {"": jitter})
        for name, values in self.others().items():
            words = name.replace("_", " ")
            panels[words] = Panel(words, {"": values}, from_zero=False)
        return panels

    def others(self) -> dict[str, Numbers]:
        """Return further numbers that an alignment has for each frame, such as a magnification."""
        found = {}
        for field in fields(self.alignment):
            value = getattr(self.alignment, field.name)
            if field.name not in _KNOWN and isinstance(value, np.ndarray) and value.shape == self.energy.shape:
                found[field.name] = value.astype(float)
        return found


def drift_of(stack: SpectralStack) -> Drift | None:
    """Return the drift of a stack, or None if it was not aligned, or has other frames than its shifts."""
    try:
        found = Alignment.from_mapping(stack.metadata.get("align"))
    except ValueError:
        return None
    # Shifts of slices, and along z, have no plot.
    if found is None or found.shifts.shape != (stack.energy.size, 2):
        return None
    size = stack.pixel_size
    height, width = stack.shape[-2:]
    return Drift(found, stack.energy, (height, width), None if size is None else (size[-2], size[-1]))


def _with(values: NDArray[Any], frame: int) -> NDArray[Any]:
    """Return values per frame with one of them not known."""
    out = values.copy()
    out[frame] = False if values.dtype == bool else np.nan
    return out


def _named(texts: Sequence[str], separator: str = ", ") -> str:
    more = f"{separator}and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return separator.join(texts[:_MOST_NAMED]) + more
