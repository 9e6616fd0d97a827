"""What stacks must have in common to be joined, and which of their frames belong together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.computing import computed
from napari_xanes.history import to_plain
from napari_xanes.scaling import as_scaling
from napari_xanes.stack import SpectralStack

Kind = Literal["segments", "tiles"]

_SAME_STEP = 0.05
"""Energies that differ by less than this share of the smallest step are one."""

_SINGLE = 0.01
"""The same, in eV, of stacks of a single frame."""

_SAME_SIZE = 0.5
"""Pixels by which the ends of an image may be off because pixel sizes differ."""

_SAME_RANGE = 0.8
"""Segments that share more than this part of their range look like tiles whose energies differ."""


class Frame(NamedTuple):
    """A frame of the joined stack: its energy in eV, and (stack, frame) of all that it is made from."""

    energy: float
    made_from: tuple[tuple[int, int], ...]


def require_alike(stacks: Sequence[SpectralStack], names: Sequence[str]) -> list[str]:
    """Refuse stacks that can't be one; return what a user should know of how they differ.

    Raises
    ------
    ValueError
        If they are fewer than two, hold counts or the same values, or differ in quantity, number of axes, slices, pixel
        size or absorber.
    """
    if len(stacks) < 2:
        raise ValueError(f"stitch joins at least two stacks, not {len(stacks)}")
    first, told = stacks[0], []
    if any(stack.quantity == "counts" for stack in stacks):
        name = names[[stack.quantity for stack in stacks].index("counts")]
        raise ValueError(
            f"stitch can't join counts, as {name!r} holds: flats, darks and exposures belong to each file. Run "
            "optical_depth on each stack first; a fluorescence signal is read with quantity='fluorescence'"
        )
    for stack, name in zip(stacks[1:], names[1:], strict=True):
        _require_same("quantity", first.quantity, stack.quantity, names[0], name, "bring them to one quantity first")
        if first.quantity == "scaled":
            divisor, divisor_of_other = (str(as_scaling(one.metadata.get("scaling"))) for one in (first, stack))
            way_out = "stitch the stacks before normalize, then run it on the joined one"
            _require_same("divisor of the spectra", divisor, divisor_of_other, names[0], name, way_out)
        _require_same("unit", first.unit, stack.unit, names[0], name, "divide both by the same, with the same range")
        _require_same(
            "number of axes", len(first.shape), len(stack.shape), names[0], name, "join images with images only"
        )
        if len(first.shape) == 4:
            _require_same("number of slices", first.shape[1], stack.shape[1], names[0], name, "crop the larger one")
        for key in ("element", "edge"):
            mine, other = first.metadata.get(key), stack.metadata.get(key)
            if mine and other:
                way = "read the wrong one with absorber=..., such as 'Ni K'"
                _require_same(key, str(mine), str(other), names[0], name, way)
    _require_different(stacks, names)
    told += _different_pixels(stacks, names)
    told += _different_steps(stacks, names)
    return told


def _require_same(what: str, mine: Any, other: Any, first: str, second: str, way_out: str) -> None:
    if mine != other:
        raise ValueError(f"the {what} differs: {mine} in {first!r}, {other} in {second!r}; {way_out}")


def _require_different(stacks: Sequence[SpectralStack], names: Sequence[str]) -> None:
    """Refuse a stack that is given twice: its mean with itself would claim the noise of two measurements."""
    for (first, mine), (second, other) in combinations(zip(stacks, names, strict=True), 2):
        if _same_values(first, second):
            raise ValueError(
                f"{mine!r} and {other!r} hold the same values at the same energies: one stack was given twice; leave "
                "one of them out"
            )


def _same_values(first: SpectralStack, second: SpectralStack) -> bool:
    """Whether two stacks have the same energies and values; images of one value each tell nothing."""
    if first.shape != second.shape or not np.array_equal(first.energy, second.energy):
        return False
    varies = False
    for one, two in zip(first.data, second.data, strict=True):
        image = computed(one)
        if not np.array_equal(image, computed(two), equal_nan=True):
            return False
        known = image[np.isfinite(image)]
        varies |= bool(known.size and known.min() < known.max())
    return varies


def _different_pixels(stacks: Sequence[SpectralStack], names: Sequence[str]) -> list[str]:
    """Refuse pixel sizes that differ; return which stacks do not say theirs."""
    known = [(stack, name) for stack, name in zip(stacks, names, strict=True) if stack.pixel_size]
    for stack, name in known[1:]:
        ratio = np.array(stack.pixel_size) / np.array(known[0][0].pixel_size)
        if (np.abs(ratio - 1) * np.array(stack.shape[1:]) > _SAME_SIZE).any():
            raise ValueError(
                f"the pixel size differs: {known[0][0].pixel_size} µm in {known[0][1]!r}, {stack.pixel_size} µm in "
                f"{name!r}; bin the finer one, or read the wrong one with pixel_size=..."
            )
    silent = [name for stack, name in zip(stacks, names, strict=True) if not stack.pixel_size]
    return (
        [f"the pixel size of {', '.join(silent)} is not known, and taken to be that of {known[0][1]}"]
        if (silent and known)
        else []
    )


def _different_steps(stacks: Sequence[SpectralStack], names: Sequence[str]) -> list[str]:
    """Return how the processing of the stacks differs: one may be calibrated, normalized or aligned, others not."""
    done = [[(step.name, to_plain(step.parameters)) for step in stack.history] for stack in stacks]
    told = []
    for steps, name in zip(done[1:], names[1:], strict=True):
        if [step for step, _ in steps] != [step for step, _ in done[0]]:
            texts = [", ".join(step for step, _ in some) or "no steps" for some in (done[0], steps)]
            told.append(f"{names[0]} and {name} went through different steps: {texts[0]}; {texts[1]}")
        elif _calibrations(steps) != _calibrations(done[0]):
            told.append(f"the energies of {names[0]} and {name} were calibrated differently")
    return told


def _calibrations(steps: list[tuple[str, Any]]) -> list[Any]:
    return [parameters for step, parameters in steps if step == "calibrate_energy"]


def same_energy(stacks: Sequence[SpectralStack], tolerance: float | None) -> float:
    """Return the difference in eV below which two energies are one."""
    if tolerance is not None:
        return tolerance
    steps = [float(np.diff(stack.energy).min()) for stack in stacks if stack.energy.size > 1]
    return _SAME_STEP * min(steps) if steps else _SINGLE


def kind_of(stacks: Sequence[SpectralStack], names: Sequence[str], kind: str, tolerance: float) -> Kind:
    """Return whether stacks are segments of a scan or tiles of a mosaic.

    Raises
    ------
    ValueError
        If tiles have different energies, or nothing tells which of both they are.
    """
    first = stacks[0].energy
    others = list(zip(stacks[1:], names[1:], strict=True))
    unlike = next((o for o in others if not _agree(first, o[0].energy, tolerance)), None)
    if unlike is None:
        return "segments" if kind == "segments" else "tiles"
    if kind == "segments":
        return "segments"
    stack, name = unlike
    way = (
        f"put them on one grid first: nx.ops.interpolate_energy(stack, energies=...), or give a larger tolerance than "
        f"{tolerance:.3g} eV"
    )
    if kind == "tiles":
        raise ValueError(f"the energies of {names[0]!r} and {name!r} differ ({_how(first, stack.energy)}); {way}")
    common = min(first[-1], stack.energy[-1]) - max(first[0], stack.energy[0])
    if common > _SAME_RANGE * max(np.ptp(first), np.ptp(stack.energy), 1e-9) and common > 0:
        raise ValueError(
            f"{names[0]!r} and {name!r} cover the same energies, but not in the same steps "
            f"({_how(first, stack.energy)}). If they are segments of one scan, say kind='segments'; if they are tiles, "
            f"{way}"
        )
    return "segments"


def _agree(first: Float64Array, second: Float64Array, tolerance: float) -> bool:
    return first.size == second.size and bool((np.abs(first - second) <= tolerance).all())


def _how(first: Float64Array, second: Float64Array) -> str:
    if first.size != second.size:
        return f"{first.size} and {second.size} of them"
    return f"by up to {np.abs(first - second).max():.3g} eV"


def joined_frames(stacks: Sequence[SpectralStack], kind: Kind, tolerance: float) -> list[Frame]:
    """Return the frames of the joined stack in order of energy; energies that are one come from several stacks.

    No energy is moved: where several stacks have one, it is that of the first of them.
    """
    if kind == "tiles":
        return [Frame(float(e), tuple((k, m) for k in range(len(stacks)))) for m, e in enumerate(stacks[0].energy)]
    every = sorted((float(e), k, m) for k, stack in enumerate(stacks) for m, e in enumerate(stack.energy))
    groups: list[list[tuple[float, int, int]]] = []
    for item in every:
        same = groups and item[0] - groups[-1][0][0] <= tolerance and item[1] not in {k for _, k, _ in groups[-1]}
        if same:
            groups[-1].append(item)
        else:
            groups.append([item])
    frames = []
    for group in groups:
        group.sort(key=lambda item: item[1])
        frames.append(Frame(group[0][0], tuple((k, m) for _, k, m in group)))
    return _strictly_rising(frames)


def _strictly_rising(frames: list[Frame]) -> list[Frame]:
    """Refuse energies that the tolerance brought out of order."""
    for before, after in pairwise(frames):
        if after.energy <= before.energy:
            raise ValueError(
                f"the energies {before.energy:g} and {after.energy:g} eV are closer than the tolerance allows to tell; "
                "give a smaller tolerance"
            )
    return frames


def common_frames(first: SpectralStack, second: SpectralStack, tolerance: float) -> list[tuple[int, int]]:
    """Return the frames (of the first, of the second) of energies that both have."""
    nearest = np.abs(first.energy[:, None] - second.energy[None]).argmin(axis=1)
    return [(m, int(n)) for m, n in enumerate(nearest) if abs(float(first.energy[m] - second.energy[n])) <= tolerance]
