"""Rules for every reader, also for one that is registered from outside the package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from napari_xanes.io.formats import Format

FOREIGN = (b"", b"hello\n", b"\0" * 100, "µ\n1 2 3\n".encode("latin-1"))
"""Contents of files that have no known format."""


def check_reader(reader: Format, folder: Path, foreign: Iterable[bytes] = FOREIGN) -> None:
    """Check that a reader has a title and patterns, and gives a one-line reason for each file of another format."""
    assert reader.name.isidentifier()
    assert reader.title
    for pattern in reader.patterns:
        assert reader.name_matches(folder / pattern.replace("*", "A").upper())
    path = folder / reader.patterns[0].replace("*", "a")
    for content in foreign:
        path.write_bytes(content)
        reason = reader.why_not_readable(path)
        assert reason
        assert "\n" not in reason
    (folder / "folder").mkdir()
    assert reader.why_not_readable(folder / "folder")
    assert reader.name_matches(folder / "folder") == reader.folders
    with pytest.raises(OSError, match="nothing"):
        reader.why_not_readable(folder / "nothing")
