"""Numbers of things in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, singular: str, plural: str) -> str:
    """Return a number with the words that go with it.

    Examples
    --------
    >>> counted(1, "frame is", "frames are"), counted(3, "frame is", "frames are")
    ('1 frame is', '3 frames are')
    """
    return f"{count} {singular if count == 1 else plural}"


def one_or_more(count: int, singular: str, plural: str) -> str:
    """Return the words that go with a number, without it.

    Examples
    --------
    >>> one_or_more(1, "the frame", "the frames")
    'the frame'
    """
    return singular if count == 1 else plural


def first_few(texts: Sequence[str], most: int) -> str:
    """Return the first of some texts, separated by commas, and how many are left out.

    Examples
    --------
    >>> first_few(["Fe", "Co"], 2), first_few(["Fe", "Co", "Ni", "Cu"], 2)
    ('Fe, Co', 'Fe, Co and 2 more')
    """
    left_out = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {left_out} more" if left_out > 0 else "")
