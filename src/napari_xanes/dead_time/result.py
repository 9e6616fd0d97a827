"""A dead time that was fitted to a scan: a typed value that can be kept as a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from napari_xanes.field_mapping import FieldMapping


@dataclass(frozen=True, eq=False)
class DeadTime(FieldMapping):
    """A dead time that was fitted, and how certain it is.

    Parameters
    ----------
    dead_time, sigma : float
        Dead time and its standard error, in µs.
    halves : float
        By how much halves of the area disagree beyond `sigma`, in µs; it is part of `sigma`.
    other, likelier : float
        Dead time by the other model, in µs, and by how much the deviance (minus twice the logarithm of the likelihood)
        is smaller with the model that was asked for; NaN if the other can't be fitted.
    missed : float
        Share of the counts that were missed at the highest rate.
    beam : float
        Root mean square of the relative change of the beam from frame to frame of the scan.
    scatter, drift : float
        Root mean square scatter of a frame, and what the ratio of counts to monitor drifts beyond a parabola from the
        first frame to the last; both relative.
    zero, zero_sigma : float
        What was added to the monitor, over its mean, with its standard error; NaN if it was known.
    dark_rate, dark_sigma : float
        Counts of a pixel without light in counts/s, and their standard error; 0 if they were known.
    frames, left_out : float
        Number of frames that were used, and of those that did not fit to the others.
    report : str
        The same in words.
    """

    dead_time: float
    sigma: float
    halves: float
    other: float
    likelier: float
    missed: float
    beam: float
    scatter: float
    drift: float
    zero: float
    zero_sigma: float
    dark_rate: float
    dark_sigma: float
    frames: float
    left_out: float
    report: str = ""

    def numbers(self) -> list[float]:
        """Return all numbers in a row."""
        return [float(getattr(self, name)) for name in self._names()[:-1]]

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> Self:
        """Return what `numbers` made a row of.

        Raises
        ------
        ValueError
            If there are more or fewer.
        """
        needed = len(cls._names()) - 1
        if len(numbers) != needed:
            raise ValueError(
                f"the numbers of a fit of the dead time are {needed}, not {len(numbers)}: take the state of the step "
                "out, then they are found again"
            )
        values: dict[str, Any] = dict(zip(cls._names(), numbers, strict=False))
        return cls(**values)

    def __str__(self) -> str:
        return f"{self.dead_time:.3g} ± {self.sigma:.2g} µs"
