"""Numbers of things in sentences."""

from __future__ import annotations


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
