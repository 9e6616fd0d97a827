"""Values that Qt's type hints call optional although they always exist, and the clipboard, which is one of them."""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtWidgets import QApplication

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


def copy_text(text: str) -> None:
    """Put a text into the clipboard."""
    present(QApplication.clipboard()).setText(text)
