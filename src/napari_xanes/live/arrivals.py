"""Frames that arrive one after the other, from a server or a stream: what becomes of them as a stack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_xanes.history import Source
from napari_xanes.io.facts import Facts, with_facts
from napari_xanes.io.frames import MEMORY_LIMIT, frame_groups, one_per_file, ordered
from napari_xanes.io.part import mean_of
from napari_xanes.stack import SpectralStack

FACTS = ("quantity", "energy_unit", "pixel_size", "exposure", "absorber")
"""Keywords of `napari_xanes.read` that say more than a source does."""


class Arrival(NamedTuple):
    """One frame: what it is called, its energy in eV, and what reads it."""

    key: str
    energy: float
    load: Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class _FromOrigin:
    """Reads a frame; `origin` tells it from all others, so that those that stay the same need not be read again."""

    origin: str
    load: Callable[[], NDArray[Any]]

    def __call__(self) -> NDArray[Any]:
        return self.load()


def stack_of(
    arrivals: Sequence[Arrival],
    shape: tuple[int, ...],
    dtype: Any,
    *,
    name: str,
    source: str,
    reading: Mapping[str, Any],
    metadata: Mapping[str, Any],
    lazily: bool,
    epoch: int = 0,
) -> SpectralStack:
    """Return the frames as a stack: sorted, repeats averaged, as `napari_xanes.read` does.

    Parameters
    ----------
    arrivals : sequence of Arrival
        At least one, in the order of measurement.
    shape, dtype
        Of a frame.
    name, source : str
        Name of the stack, and where it comes from.
    reading : mapping
        Keywords of `napari_xanes.read`: those that say what the frames are.
    metadata : mapping
        What belongs to the stack.
    lazily : bool
        Whether frames stay where they are.
    epoch : int
        Another number says that frames that were there may not be what they were, whatever they are called.

    Raises
    ------
    ValueError
        If energies are no photon energies.
    """
    parts = [_FromOrigin(f"{epoch}: {arrival.key}", arrival.load) for arrival in arrivals]
    energy, kind = np.array([arrival.energy for arrival in arrivals]), np.dtype(dtype)
    _, axis, notes = ordered(np.empty((energy.size, 0)), energy)
    # By groups of parts, not of frames: so each frame of the stack still tells where it comes from.
    groups = frame_groups(energy) or [np.array([i]) for i in range(energy.size)]
    loads = [parts[group[0]] if group.size == 1 else partial(mean_of, [parts[i] for i in group]) for group in groups]
    if len(groups) < energy.size and kind.kind != "f":
        kind = np.dtype(np.float32)
    token = MEMORY_LIMIT.set(0 if lazily else MEMORY_LIMIT.get())
    try:
        data = one_per_file(loads, shape, kind)
    finally:
        MEMORY_LIMIT.reset(token)
    known = {**metadata, "name": name, **({"notes": notes} if notes else {})}
    facts = Facts(**{key: reading[key] for key in FACTS if key in reading})
    quantity = reading.get("quantity", "counts")
    return with_facts(
        SpectralStack(data, axis, quantity, source=Source(source, notes=tuple(notes)), metadata=known), facts
    )


def energy_names(names: Iterable[str]) -> list[str]:
    """Return the names of signals that are measured energies; of a motor and its own signals only the motor.

    Set points and times of readings (``ts_``, as Bluesky writes them to tables) are none.

    Examples
    --------
    >>> energy_names(["ts_mono_energy", "mono_energy", "mono_energy_setpoint", "mono_energy_user_offset", "ring"])
    ['mono_energy']
    >>> energy_names(["mono_energy", "energy"])
    ['mono_energy', 'energy']
    """
    called = [name for name in names if re.search(r"(?<![a-z])energ(y|ies)(?![a-z])", name.rpartition("/")[2].lower())]
    return main_signals([name for name in called if "setpoint" not in name.lower() and not _is_time_of(name, called)])


def main_signals(names: Sequence[str]) -> list[str]:
    """Return only the shortest of several names if all others begin with it: a device beside its own signals."""
    shortest = min(names, key=len, default="")
    return [shortest] if names and all(name.startswith(shortest) for name in names) else list(names)


def _is_time_of(name: str, names: Sequence[str]) -> bool:
    folder, _, last = name.rpartition("/")
    return last.startswith("ts_") and f"{folder}/{last[3:]}".lstrip("/") in names


def in_ev(energies: Any, unit: str = "") -> NDArray[np.float64]:
    """Return energies in eV, from the unit that a source tells.

    Examples
    --------
    >>> in_ev([708.0]).tolist(), in_ev([0.5, 8.0], "keV").tolist()
    ([708.0], [500.0, 8000.0])
    """
    values = np.array(energies, dtype=np.float64).ravel()
    return values * 1e3 if unit.strip().lower() == "kev" else values


def were_replaced(before: Sequence[Arrival], after: Sequence[Arrival]) -> bool:
    """Whether frames that were there are gone, or were taken again in the same place: what they were is lost."""
    return [one.key for one in after[: len(before)]] != [one.key for one in before]


def are_repeats(before: Sequence[Arrival], after: Sequence[Arrival]) -> bool:
    """Whether new frames have energies of earlier ones, which become the mean of both.

    Examples
    --------
    >>> first, second, again = (Arrival(str(i), energy, lambda: None) for i, energy in enumerate([700, 710, 700]))
    >>> are_repeats([first, second], [first, second, again]), are_repeats([first], [first, second])
    (True, False)
    """
    known = {one.energy for one in before}
    return any(one.energy in known for one in after[len(before) :])
