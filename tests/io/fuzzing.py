"""Damage files with hypothesis, and check the errors that a reader raises for damaged files."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import napari_xanes
from napari_xanes import SpectralStack, io

TABLES = st.sampled_from([0, 1, 2, 127, 128, 254, 255])
"""Byte values with a special meaning in the tables of OLE2 files."""


_PACKAGE = str(Path(napari_xanes.__file__).parent)
PROGRAMMING_ERRORS = (NameError, TypeError, AttributeError, AssertionError)
"""Errors that show a bug in the program, never a damaged file. UnboundLocalError is a NameError."""


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Return an error, its cause, the cause of the cause, and so on, as Python prints them."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def is_programming_error(error: BaseException) -> bool:
    """Return whether an error is a bug of this program, not an error that a library raised and caught itself."""
    if not isinstance(error, PROGRAMMING_ERRORS):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return not frames or any(frame.filename.startswith(_PACKAGE) for frame in frames)


def assert_documented(error: BaseException, *names: str) -> None:
    """Fail unless an error is an OSError or ValueError that names a file, and no programming error caused it.

    Parameters
    ----------
    error : exception
        What a reader raised.
    *names : str
        Names of files; the message must hold one of them.
    """
    chain = list(error_chain(error))
    description = " <- ".join(f"{type(link).__name__}: {link}" for link in chain)
    if wrong := next((link for link in chain if is_programming_error(link)), None):
        raise AssertionError(f"a programming error passed for a damaged file: {description}") from wrong
    assert isinstance(error, OSError | ValueError), description
    assert any(name in str(error) for name in names), description


def changed(whole: bytes, changes: Iterable[tuple[int, int]], length: int | None) -> bytes:
    """The content of a file with some bytes changed, cut to a length."""
    content = bytearray(whole)
    for at, value in changes:
        content[at] = value
    return bytes(content[:length])


def drawn(data: Any, whole: bytes, place: Any, value: Any) -> bytes:
    """Return a strategy for damaged contents: up to six bytes changed, and sometimes truncated."""
    changes = data.draw(st.lists(st.tuples(place, value), max_size=6))
    return changed(whole, changes, data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole)))))


def stack_or_documented_error(path: Path) -> SpectralStack | None:
    """Return the stack of a file, or None after a documented error that names the file; fail otherwise.

    A stack must have one energy per frame.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            stack = io.read(path)
        except (OSError, ValueError) as error:
            assert_documented(error, path.name)
            return None
    assert stack.energy.size == stack.shape[0]
    return stack
