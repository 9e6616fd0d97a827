"""A plan of energies: which, for how long, and the error of the map after each."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.pictures import save_errors
from napari_xanes.saving.replacing import write_whole
from napari_xanes.wording import counted

SUFFIXES = (".csv", ".py", ".png")


def check_suffix(path: Path) -> Path:
    """Return a path that a plan can be saved to.

    Raises
    ------
    ValueError
        If it has another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: a plan is saved as {', '.join(SUFFIXES)}; give one of these suffixes")
    return path


@dataclass(frozen=True, eq=False)
class EnergyPlan:
    """Energies to measure next, in the order of their use.

    Parameters
    ----------
    quantity : {"valence", "fraction"}
        What the errors are of: the mean valence, or the fraction of a reference.
    energy : ndarray, shape (n,)
        Energies in eV.
    dwell : ndarray, shape (n,)
        Exposure of each in s.
    error : ndarray, shape (n,)
        Predicted standard error of the map of a typical pixel after each energy: root of the mean over pixels of the
        squared error. NaN as long as a fit is not determined.
    time : ndarray, shape (n,)
        Seconds from now until each energy is measured, with motor moves.
    measured : ndarray, shape (m,)
        Energies in eV that have been measured already.
    present : float
        Error with these alone; NaN if they do not determine a fit.
    everything : float
        Error if all energies to choose from were measured for the same time each.
    axis_error : float
        Part of the last error that comes from the error of the energy axis: no photons make it smaller.
    least : int
        Energies that a plan does not go below: those that determine the fit, and some to test it.
    target : float, optional
        The error that was asked for.
    warnings : list of str
        What a user should know.
    """

    quantity: str
    energy: Float64Array
    dwell: Float64Array
    error: Float64Array
    time: Float64Array
    measured: Float64Array
    present: float
    everything: float
    axis_error: float
    least: int
    target: float | None = None
    warnings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return int(self.energy.size)

    def until(self, target: float) -> EnergyPlan:
        """Return the plan up to the first energy after which the error is at most `target`, all of it if none is."""
        reached = np.flatnonzero(self.error <= target)
        count = len(self) if not reached.size else max(int(reached[0]) + 1, min(self.least, len(self)))
        return replace(
            self,
            energy=self.energy[:count],
            dwell=self.dwell[:count],
            error=self.error[:count],
            time=self.time[:count],
            target=target,
        )

    @property
    def words(self) -> str:
        """The plan as a sentence.

        Examples
        --------
        >>> one = np.ones(1)
        >>> EnergyPlan("valence", 8340 * one, one, 0.04 * one, 1.5 * one, one[:0], np.nan, 0.03, 0.0, 1, 0.05).words
        '1 energy in 1.5 s gives an error of the valence of 0.04: the target of 0.05 is reached'
        """
        now = "" if np.isnan(self.present) else f"it is {self.present:.2g} now; "
        if not len(self):
            return f"{now}nothing more to measure: the target of {self.target:g} is reached"
        last = float(self.error[-1])
        text = (
            f"{now}{counted(len(self), 'energy', 'energies')} in {self.time[-1]:.3g} s "
            f"{'gives' if len(self) == 1 else 'give'} an error of the {self.quantity} of {last:.2g}"
        )
        if self.target is None:
            return text
        if last <= self.target:
            return f"{text}: the target of {self.target:g} is reached"
        return f"{text}: the target of {self.target:g} is not reached{self._way_out(last)}"

    def _way_out(self, last: float) -> str:
        if self.target is not None and self.axis_error >= self.target:
            return f"; the error of the energy axis alone makes {self.axis_error:.2g}: calibrate it on a foil"
        goal = (self.target or last) ** 2 - self.axis_error**2
        return f"; it needs {(last**2 - self.axis_error**2) / goal:.2g} times the exposure"

    def save(self, path: str | Path, detector: str = "detector", energy: str = "energy") -> None:
        """Write the plan as a table (.csv), for Bluesky (.py), or as a picture of error against time (.png).

        Parameters
        ----------
        path : str or Path
            The file to write.
        detector, energy : str
            Names of devices, as `bluesky_text` takes them.

        Raises
        ------
        ValueError
            If the suffix is another one, or a name is no name of Python.
        OSError
            If the file can't be written.
        """
        target = check_suffix(Path(path))
        if target.suffix == ".csv":
            self.to_csv(target)
        elif target.suffix == ".py":
            write_whole(target, self.bluesky_text(detector, energy).encode())
        else:
            time, error = np.append(0.0, self.time), np.append(self.present, self.error)
            save_errors(time, error, target, ylabel=f"error of the {self.quantity}", target=self.target)

    def to_csv(self, path: str | Path) -> None:
        """Write the plan as a table: one line per energy, in the order of use.

        Parameters
        ----------
        path : str or Path
            The file to write.

        Raises
        ------
        OSError
            If it can't be written.
        """
        write_whole(Path(path), self.csv_text().encode("utf-8-sig"))

    def csv_text(self) -> str:
        """Return the table that `to_csv` writes."""
        text = io.StringIO()
        text.write(f"# {self.words}\n")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["order", "energy (eV)", "exposure (s)", f"error of the {self.quantity} after it", "time (s)"])
        for i, (energy, dwell, error, time) in enumerate(
            zip(self.energy, self.dwell, self.error, self.time, strict=True), start=1
        ):
            shown = "" if np.isnan(error) else f"{error:.4g}"
            writer.writerow([i, f"{energy:.9g}", f"{dwell:.4g}", shown, f"{time:.5g}"])
        return text.getvalue()

    def bluesky_text(self, detector: str = "detector", energy: str = "energy") -> str:
        """Return a plan for Bluesky as Python text, with rising energies.

        Parameters
        ----------
        detector, energy : str
            Names of the devices of the beamline; the detector has a signal ``cam.acquire_time``, as areaDetector's
            have.

        Raises
        ------
        ValueError
            If a name is no name of Python.
        """
        for name in (detector, energy):
            if not name.isidentifier():
                raise ValueError(f"{name!r} is no name of a device: give letters, digits and underscores")
        order = np.argsort(self.energy)
        energies = ", ".join(f"{one:.9g}" for one in self.energy[order])
        seconds = ", ".join(f"{one:.4g}" for one in self.dwell[order])
        return (
            f"# {self.words}\n"
            "from bluesky.plans import list_scan\n\n"
            f"energies = [{energies}]  # eV\n"
            f"exposures = [{seconds}]  # s\n\n"
            f"plan = list_scan([{detector}], {energy}, energies, {detector}.cam.acquire_time, exposures)\n"
        )
