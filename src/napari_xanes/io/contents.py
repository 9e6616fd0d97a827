"""What a file holds and what became of it: every array, as what it was used or why not."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from napari_xanes.field_mapping import FieldMapping
from napari_xanes.io.array_notes import ArrayNotes, FoundArray
from napari_xanes.io.array_roles import ArrayRole, role_of
from napari_xanes.io.files import one_line
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.io.read_errors import DAMAGE_ERRORS

_log = logging.getLogger(__name__)

_KEYS: dict[ArrayRole, str] = {
    "flats": "flat",
    "darks": "dark",
    "I0": "i0",
    "exposure": "exposure",
    "ring current": "ring_current",
    "angles": "angle",
}
"""Where a stack has what an array of this role gave."""

_MUST_BE_NAMED: tuple[ArrayRole, ...] = ("flats", "darks", "I0")
"""Arrays that correct counts: not to use one without a word makes a wrong map."""


@dataclass(frozen=True, eq=False)
class ArrayUse(FieldMapping):
    """An array in a file, and what became of it.

    Parameters
    ----------
    name : str
        Its name in the file, with the groups that it lies in.
    shape : tuple of int
        As in the file; empty if it is not known.
    dtype : str
        Type of its numbers; empty if it is not known.
    used_as : str, optional
        What it was used as: frames, energies, flats, darks, I0 ...; None if it was not used.
    reason : str, optional
        Why it was not used, where that is known.
    file : str, optional
        Name of the file that was looked into, if a stack has several.

    Examples
    --------
    >>> dict(ArrayUse("exchange/data", (62, 512, 512), "uint16", "frames"))
    {'name': 'exchange/data', 'shape': (62, 512, 512), 'dtype': 'uint16', 'used_as': 'frames'}
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    used_as: str | None = None
    reason: str | None = None
    file: str | None = None


def note_contents(raw: RawStack, notes: ArrayNotes, *, energies_given: bool) -> None:
    """Add to a raw stack what its file holds and what became of it, and a warning about corrections that it left out.

    Parameters
    ----------
    raw : RawStack
        What a reader found; ``metadata["contents"]`` and the warnings are added. Files of our own hold one stack, and
        keep what was known of the file that it came from.
    notes : ArrayNotes
        What was noted while it was read.
    energies_given : bool
        Whether the user's energies replace those of the file.
    """
    if raw.own:
        return
    path, found = _listed(notes)
    read = {array for array in found if path and _is_read(path, array, notes)}
    uses = _uses(found, read, raw, energies_given) if found else _other_stacks(raw)
    if not uses:
        return
    file = path.name if path and len(notes.listers) > 1 else None
    raw.metadata["contents"] = tuple(replace(use, file=file) for use in sorted(uses, key=_place))
    raw.warnings += _left_out(uses, found, read)


def _listed(notes: ArrayNotes) -> tuple[Path | None, list[FoundArray]]:
    """Return the first file that an array was read from, or the first that was opened, and its arrays.

    Single numbers that were not read are left out: files have hundreds of positions of motors.
    """
    read_from = {path for path, _ in notes.reads}
    path = next((path for path in notes.listers if path in read_from), next(iter(notes.listers), None))
    if path is None:
        return None, []
    read = {key: array for (place, key), array in notes.reads.items() if place == path}
    try:
        listed = notes.listers[path](path)
        known = {array.key for array in listed}
        # A long list may have ended before an array that was read.
        found = [*listed, *(array for key, array in read.items() if key not in known)]
        shown = [replace(array, name=one_line(read.get(array.key, array).name.strip("/"))) for array in found]
        return path, [a for a in shown if prod(a.shape) != 1 or a.reason or a.key in read]
    except DAMAGE_ERRORS as error:
        # The stack was read; a part of the file that it does not need may be damaged.
        _log.info("%s: its arrays can't be listed: %s", path, error)
        return None, []


def _place(use: ArrayUse) -> int:
    """Return where an array comes in the list: frames, others that were used, those that may matter, the rest."""
    if use.used_as:
        return 0 if use.used_as == "frames" else 1
    return 2 if len(use.shape) > 1 or use.reason or role_of(use.name, len(use.shape)) in _MUST_BE_NAMED else 3


def _is_read(path: Path, array: FoundArray, notes: ArrayNotes) -> bool:
    return (path, array.key) in notes.reads


def _uses(found: list[FoundArray], read: set[FoundArray], raw: RawStack, energies_given: bool) -> list[ArrayUse]:
    frames = _frames(read, raw.data.shape[1:])
    uses = []
    for array in found:
        role = role_of(array.name, len(array.shape))
        used_as = "frames" if array in frames else None
        reason: str | None = array.reason or None
        if array in read and not used_as:
            used_as, reason = _use_of_read(array, role, raw, energies_given)
        elif not used_as and not reason:
            reason = _why_not_read(array, role, found, read, raw)
        uses.append(ArrayUse(array.name, array.shape, array.dtype, used_as, reason))
    return uses


def _frames(read: Iterable[FoundArray], frame: tuple[int, ...]) -> set[FoundArray]:
    """Return the arrays that were read and hold the frames: those of their size, or else the largest."""
    images = [array for array in read if len(array.shape) > 1 and role_of(array.name, len(array.shape)) == "unknown"]
    fitting = {array for array in images if not Counter(frame) - Counter(array.shape)}
    return fitting or set(sorted(images, key=lambda array: prod(array.shape))[-1:])


def _use_of_read(
    array: FoundArray, role: ArrayRole, raw: RawStack, energies_given: bool
) -> tuple[str | None, str | None]:
    """Return what an array that was read was used as, or why it was not."""
    if role == "energies":
        return (None, "energies= was given") if energies_given else ("energies", None)
    if _given_to(raw, role):
        return role, None
    if role == "scalers":
        return role, None
    if role in ("pixel size", "positions"):
        return ("pixel size", None) if raw.pixel_size else (None, "gives no pixel size in µm")
    if len(array.shape) < 2 and role not in _MUST_BE_NAMED:
        return "metadata", None
    return None, "was looked at only"


def _given_to(raw: RawStack, role: ArrayRole) -> bool:
    """Whether the stack has what arrays of a role give."""
    return role in _KEYS and raw.metadata.get(_KEYS[role]) is not None


def _why_not_read(
    array: FoundArray, role: ArrayRole, found: list[FoundArray], read: set[FoundArray], raw: RawStack
) -> str | None:
    """Return why an array was not read, as far as that is known."""
    if (other := _other_stack(array.name, raw)) is not None:
        return _reads_it(other)
    if told := next((line for line in raw.warnings if f"{array.name} " in line), None):
        return told.removeprefix(f"/{array.name} ").removeprefix("has ")
    if role not in _MUST_BE_NAMED:
        return None
    same = [other.name for other in found if other in read and role_of(other.name, len(other.shape)) == role]
    if same:
        return f"{role} are taken from {same[0]}" if _given_to(raw, role) else f"{same[0]} was looked at instead"
    guessed = str(raw.metadata.get("quantity_source", "")).startswith("guessed")
    if raw.quantity != "counts" and not guessed:
        return f"the values are {raw.quantity.replace('_', ' ')} already"
    return None


def _other_stack(name: str, raw: RawStack) -> str | None:
    """Return which stack of the file that was not selected an array belongs to."""
    selected = raw.metadata.get("detector")
    others = [str(other) for other in raw.metadata.get("available", ()) if other != selected]
    return next((other for other in others if f"/{name}/".find(f"/{other}/") >= 0), None)


def _other_stacks(raw: RawStack) -> list[ArrayUse]:
    """Return the stacks of a file whose arrays can't be listed."""
    selected, available = raw.metadata.get("detector"), [str(name) for name in raw.metadata.get("available", ())]
    if len(available) < 2:
        return []
    return [
        ArrayUse(name, (), "", "frames" if name == selected else None, _reads_it(name) if name != selected else None)
        for name in available
    ]


def _reads_it(stack: str) -> str:
    return f"another stack of the file: select={stack!r} reads it"


def _left_out(uses: list[ArrayUse], found: list[FoundArray], read: set[FoundArray]) -> list[str]:
    """Return warnings about flats, darks and I0 that nobody looked at, and that no other reason was given for."""
    missed: dict[ArrayRole, list[str]] = {}
    for array, use in zip(found, uses, strict=False):
        role = role_of(use.name, len(use.shape))
        if role in _MUST_BE_NAMED and array not in read and not use.used_as and not use.reason and prod(use.shape) > 1:
            missed.setdefault(role, []).append(f"{use.name!r} ({shape_in_words(use.shape)})")
    return [_warning(role, names) for role, names in missed.items()]


def _warning(role: ArrayRole, names: list[str]) -> str:
    verb, it = ("were", "them") if len(names) > 1 else ("was", "it")
    return (
        f"it holds {', '.join(names)}, which {verb} not used: the name says {role}. If the values need {it}, give "
        f"{it} with stack.with_data(stack.data, metadata={{{_KEYS[role]!r}: array}})"
    )


def shape_in_words(shape: tuple[int, ...]) -> str:
    """Return a shape for people.

    Examples
    --------
    >>> shape_in_words((20, 512, 512)), shape_in_words((62,))
    ('20 x 512 x 512', '62')
    """
    return " x ".join(map(str, shape))


def use_in_words(use: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return name, shape and type of an array, and what became of it, for people.

    Parameters
    ----------
    use : ArrayUse or mapping
        As in ``metadata["contents"]``.

    Examples
    --------
    >>> use_in_words(ArrayUse("time", (5,), "float32", reason="gives no exposure"))
    ('time', '5', 'float32', 'not used: gives no exposure')
    """
    became = use.get("used_as") or ": ".join(["not used", *filter(None, [use.get("reason")])])
    return use["name"], shape_in_words(use["shape"]), use["dtype"], became
