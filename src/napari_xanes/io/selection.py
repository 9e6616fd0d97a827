"""One of several stacks in a file, chosen by name or number."""

from __future__ import annotations

import re
from collections.abc import Sequence


def chosen(select: str | int | None, available: Sequence[str]) -> int:
    """The index of the stack that a user wants.

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
    >>> chosen("counter1", ["entry1/counter0", "entry1/counter1"])
    1
    """
    if select is None:
        return 0
    said = str(select).strip().lower()
    names = [name.lower() for name in available]
    if said in names:
        return names.index(said)
    fitting = [i for i, name in enumerate(names) if said in [part.strip() for part in re.split("[/,]", name)]]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and said.isdecimal() and int(said) < len(names):
        return int(said)
    listed = ", ".join(repr(name) for name in available[:20]) + (" ..." if len(available) > 20 else "")
    what = "fits several of" if fitting else "is none of"
    raise ValueError(f"select={select!r} {what} the stacks in it; there are {listed}")


def choice_note(at: int, available: Sequence[str]) -> list[str]:
    """What to note where there was a choice."""
    if len(available) < 2:
        return []
    return [
        f"{available[at]!r} was read, one of {len(available)} stacks; select= takes another of metadata['available']"
    ]
