"""The log of one file of a run over many: what was done and estimated, with times, and why it failed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PACKAGE = logging.getLogger("napari_xanes")
_LOCK = threading.Lock()
_open: list[int] = []
"""The level of the package's log before the first of the logs that are open now."""


class _OfOneThread(logging.FileHandler):
    """Writes what one thread logs; a full disk stops no computation."""

    def __init__(self, path: Path) -> None:
        # File names may hold bytes that are no text.
        super().__init__(path, mode="w", encoding="utf-8", errors="backslashreplace")
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is of this thread."""
        return record.thread == self._thread

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop a line that can't be written."""


@contextmanager
def log_of(folder: Path) -> Iterator[Path]:
    """Write what the package logs in this thread to ``NAME.log`` beside the folder of a result.

    Each line is on its way to the disk before the next one begins, so the log of a worker that was killed tells how
    far it came.

    Parameters
    ----------
    folder : Path
        The folder of the result.

    Raises
    ------
    OSError
        If the log can't be written.
    """
    path = folder.parent / f"{folder.name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _OfOneThread(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    with _LOCK:
        _open.append(_PACKAGE.level)
        _PACKAGE.addHandler(handler)
        _PACKAGE.setLevel(min(_PACKAGE.getEffectiveLevel(), logging.INFO))
    try:
        yield path
    finally:
        with _LOCK:
            _PACKAGE.removeHandler(handler)
            first = _open[0]
            _open.pop()
            if not _open:
                _PACKAGE.setLevel(first)
            handler.close()
