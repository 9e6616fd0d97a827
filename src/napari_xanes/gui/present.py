"""Values that Qt's type hints call optional although they always exist."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")


def present(value: Value | None) -> Value:
    """Return a value that is there: the header of a table, the clipboard, a button of a box.

    Examples
    --------
    >>> present(3)
    3
    """
    assert value is not None
    return value
