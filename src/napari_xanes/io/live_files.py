"""Files that another program is writing while they are read: noted where they are opened, told with the stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from napari_xanes.io.files import first_names

_NAMES: ContextVar[set[str] | None] = ContextVar("live_files", default=None)


@contextmanager
def noting_live_files() -> Iterator[set[str]]:
    """Collect the names of the files that turn out to be live in a block."""
    names: set[str] = set()
    token = _NAMES.set(names)
    try:
        yield names
    finally:
        _NAMES.reset(token)


def note_live_file(path: Path) -> None:
    """Note that a file is being written."""
    names = _NAMES.get()
    if names is not None:
        names.add(path.name)


_WRITTEN = "being written, or its writer was killed"


def is_told_live(warnings: Iterable[str]) -> bool:
    """Whether the warnings of a stack say that its file was being written."""
    return any(text.startswith(_WRITTEN) for text in warnings)


def live_warnings(names: set[str]) -> list[str]:
    """Return the warning about files that are being written; none if there are none."""
    if not names:
        return []
    return [f"{_WRITTEN}: {first_names(sorted(names))}; this is what was there, read it again for more"]
