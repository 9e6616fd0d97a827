"""What a joined stack says of its parts: files, steps, exposures, contents, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_xanes.corrections import INTERPOLATED, PER_FRAME, Corrections
from napari_xanes.filled_values import KEY as FILLED
from napari_xanes.region_means import COVARIANCE_LENGTH, SHARED_ENERGIES
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.blending import Plan, taken
from napari_xanes.stitching.inputs import Frame, Kind


def source_of(stack: SpectralStack, name: str) -> dict[str, Any]:
    """Return where a stack comes from, as plain values."""
    plain: dict[str, Any] = {
        "name": name,
        "shape": list(stack.shape),
        "energies": [float(stack.energy[0]), float(stack.energy[-1])],
        "steps": [step.to_plain(exact=True) for step in stack.history],
    }
    return plain if stack.source is None else plain | stack.source.to_plain()


_OF_ONE_STACK = (
    *("name", "noise", "warnings", "notes", "contents", "align", "denoise", "repair", "stitch", "files"),
    FILLED,
)
"""Metadata that belong to one stack, or are joined in a way of their own."""


def joined_metadata(
    stacks: Sequence[SpectralStack],
    names: Sequence[str],
    frames: Sequence[Frame],
    kind: Kind,
    plan: Plan,
    noise: Any,
    told: Sequence[str],
) -> dict[str, Any]:
    """Return what all stacks say alike, and what is joined: warnings, contents, exposures, noise."""
    first = stacks[0].metadata
    left_out = {*_OF_ONE_STACK, *Corrections._names(), COVARIANCE_LENGTH, SHARED_ENERGIES}
    left_out |= {key for key in first if kind == "segments" and _of_frames(key, stacks)}
    kept = {
        key: value
        for key, value in first.items()
        if key not in left_out and all(_alike(value, stack.metadata.get(key)) for stack in stacks[1:])
    }
    for key in ("element", "edge"):
        known = [stack.metadata[key] for stack in stacks if stack.metadata.get(key)]
        kept |= {key: known[0]} if known else {}
    gain = min(plan.gain(k) for k in range(len(stacks)))
    length = max(float(stack.metadata.get(COVARIANCE_LENGTH, 1.0)) for stack in stacks)
    if gain < 1 or length > 1:
        kept[COVARIANCE_LENGTH] = float(np.hypot(np.sqrt(1 / gain), length - 1.0))
    if any(stack.metadata.get(SHARED_ENERGIES) for stack in stacks):
        kept[SHARED_ENERGIES] = True
    if noise is not None:
        kept["noise"] = noise
    exposures = _exposures(stacks, frames, plan, kind)
    kept |= {} if exposures is None else {"exposure": exposures}
    earlier = [
        f"{name}: {text}"
        for stack, name in zip(stacks, names, strict=True)
        for text in stack.metadata.get("warnings", ())
    ]
    contents = [
        replace(use, file=f"{name}: {use.file}" if use.file else name)
        if hasattr(use, "file")
        else {**use, "file": name}
        for stack, name in zip(stacks, names, strict=True)
        for use in stack.metadata.get("contents", ())
    ]
    kept |= {"contents": tuple(contents)} if contents else {}
    warnings = [*(f"stitch: {text}" for text in told), *earlier]
    kept |= {"warnings": warnings} if warnings else {}
    return kept | {"name": " + ".join(names) if len(names) < 4 else f"{names[0]} + {len(names) - 1} more"}


def joined_along(
    stacks: Sequence[SpectralStack], names: Sequence[str], frames: Sequence[Frame], kind: Kind, plan: Plan
) -> tuple[dict[str, Any], list[str]]:
    """Return the metadata with one entry per frame, joined as the energies are, and a word on each that is left out.

    A frame that is made from several segments has the entry of the first of them. Tiles keep what is the same in all.
    Frames that were interpolated stay known as such.
    """
    joined, told = _interpolated(stacks, frames, kind, plan), list[str]()
    if kind == "tiles":
        return joined, told
    known = {*_OF_ONE_STACK, *Corrections._names(), INTERPOLATED}
    for key in dict.fromkeys(key for stack in stacks for key in stack.metadata if key not in known):
        has = [_has_entries(key, stack) for stack in stacks]
        if not any(has) or (not all(has) and _same_everywhere(key, stacks)):
            continue
        if not all(has):
            missing = ", ".join(name for name, one in zip(names, has, strict=True) if not one)
            told.append(f"{key} has one entry per frame, but none for {missing}, and is left out")
            continue
        entries = [stack.metadata[key] for stack in stacks]
        values = [entries[k][m] for k, m in (taken(plan, frame)[0] for frame in frames)]
        joined[key] = np.array(values) if isinstance(entries[0], np.ndarray) else type(entries[0])(values)
    return joined, told


def _interpolated(stacks: Sequence[SpectralStack], frames: Sequence[Frame], kind: Kind, plan: Plan) -> dict[str, Any]:
    """Return which frames were not measured but interpolated: in all segments they are made from, or in any tile."""
    has = [_has_entries(INTERPOLATED, stack) for stack in stacks]
    if not any(has):
        return {}
    entries = [
        np.asarray(stack.metadata[INTERPOLATED], dtype=bool) if known else np.zeros(stack.energy.size, dtype=bool)
        for stack, known in zip(stacks, has, strict=True)
    ]
    if kind == "segments":
        found = [all(entries[k][m] for k, m in taken(plan, frame)) for frame in frames]
    else:
        found = [any(entries[k][m] for k, m in frame.made_from) for frame in frames]
    return {INTERPOLATED: np.array(found)}


def _of_frames(key: str, stacks: Sequence[SpectralStack]) -> bool:
    """Whether an entry of the metadata of all stacks holds one value per frame."""
    return all(_has_entries(key, stack) for stack in stacks)


def _has_entries(key: str, stack: SpectralStack) -> bool:
    value = stack.metadata.get(key)
    if isinstance(value, np.ndarray):
        return (value.ndim == 1 or key in PER_FRAME) and value.shape[:1] == stack.energy.shape
    return key in PER_FRAME and isinstance(value, list | tuple) and len(value) == stack.energy.size


def _same_everywhere(key: str, stacks: Sequence[SpectralStack]) -> bool:
    first = stacks[0].metadata.get(key)
    return first is not None and all(_alike(first, stack.metadata.get(key)) for stack in stacks[1:])


def _exposures(stacks: Sequence[SpectralStack], frames: Sequence[Frame], plan: Plan, kind: Kind) -> Any:
    """Return the exposure of each frame in s, the sum where several were averaged; None if one does not say it.

    Tiles keep an exposure that all of them have.
    """
    each = [stack.corrections.exposure for stack in stacks]
    if any(value is None for value in each):
        return None
    of = [np.broadcast_to(np.asarray(v, float), s.energy.shape) for v, s in zip(each, stacks, strict=True)]
    if kind == "tiles":
        return each[0] if all(_alike(each[0], value) for value in each[1:]) else None
    return np.array([sum(of[k][m] for k, m in taken(plan, frame)) for frame in frames])


def _alike(first: Any, second: Any) -> bool:
    """Whether two values of metadata are the same."""
    if second is None or type(first) is not type(second):
        return False
    if hasattr(first, "shape"):
        return np.shape(first) == np.shape(second) and isinstance(first, np.ndarray) and np.array_equal(first, second)
    try:
        return bool(first == second)
    except ValueError:
        return False
