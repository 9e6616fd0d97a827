"""One of several stacks in a file or a series, chosen by name or number."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from napari_xanes.io.files import first_names
from napari_xanes.io.raw_stack import RawStack
from napari_xanes.wording import one_or_more


class _HasPath(Protocol):
    @property
    def path(self) -> Path: ...


Scan = TypeVar("Scan", bound=_HasPath)


def selected_index(select: str | int | None, available: Sequence[str]) -> int:
    """Return the index of the stack that the user selects.

    Parameters
    ----------
    select : str, int or None
        A name as in `available`, a part of one between "/" or "," that no other has, or a number from 0. None is
        the first.
    available : sequence of str
        The stacks that there are.

    Raises
    ------
    ValueError
        If it is none of them, or fits several.

    Examples
    --------
    >>> selected_index("counter1", ["entry1/counter0", "entry1/counter1"])
    1
    """
    if select is None:
        return 0
    text = str(select).strip().lower()
    names = [name.lower() for name in available]
    if text in names:
        return names.index(text)
    matches = [i for i, name in enumerate(names) if text in [part.strip() for part in re.split("[/,]", name)]]
    if len(matches) == 1:
        return matches[0]
    if not matches and text.isdecimal() and int(text) < len(names):
        return int(text)
    choices = ", ".join(repr(name) for name in available[:20]) + (" ..." if len(available) > 20 else "")
    problem = "fits several of" if matches else "is none of"
    raise ValueError(f"select={select!r} {problem} the stacks in it; there are {choices}")


def choice_note(index: int, available: Sequence[str]) -> list[str]:
    """Return the note on a choice; none if there is only one stack."""
    if len(available) < 2:
        return []
    return [
        f"{available[index]!r} was read, one of {len(available)} stacks; select= takes another of metadata['available']"
    ]


def with_choice(stack: RawStack, index: int, available: Sequence[str]) -> RawStack:
    """Note in a stack which of the available ones it is."""
    stack.metadata |= {"available": list(available), "detector": available[index]}
    stack.notes += choice_note(index, available)
    return stack


def scans_with_stack(
    scans: Sequence[Scan], holds: Callable[[Scan], bool], name: str, warnings: list[str]
) -> list[Scan]:
    """Leave out the files that do not hold the chosen stack, such as a projection.

    Parameters
    ----------
    scans : sequence
        The facts of each file, with its `path`.
    holds : callable
        Whether a file holds the stack.
    name : str
        The name of the stack.
    warnings : list of str
        Gets a line that names the files left out.
    """
    if without := [scan.path.name for scan in scans if not holds(scan)]:
        verbs = one_or_more(len(without), f"has no {name} and is", f"have no {name} and are")
        warnings.append(f"{len(without)} of {len(scans)} files {verbs} left out: {first_names(without)}")
    return [scan for scan in scans if holds(scan)]
