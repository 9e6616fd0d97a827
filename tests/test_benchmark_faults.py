"""The benchmark of faults sees files that are lost, torn, silent or left over."""

from __future__ import annotations

import os

import pytest
from benchmarks.fault_trials.writers import WRITERS, leftovers, version_in, write

by_name = pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)


@by_name
def test_versions_are_told_apart(tmp_path, writer):
    for version in (1, 2):
        write(writer, tmp_path, version)
        assert version_in(writer, tmp_path) == version
    assert leftovers(tmp_path) == []


def test_an_image_with_the_text_of_another_is_torn(tmp_path):
    writer = next(writer for writer in WRITERS if writer.name == "stack.tif")
    write(writer, tmp_path, 1)
    text = (tmp_path / "stack.txt").read_text()
    write(writer, tmp_path, 2)
    (tmp_path / "stack.txt").write_text(text)
    with pytest.raises(AssertionError, match="has other energies"):
        version_in(writer, tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="processes of trials are forked")
@pytest.mark.parametrize(
    ("what", "returned", "counted"),
    [
        (1, False, "none"),
        (2, True, "none"),
        (2, False, "none"),
        (1, True, "silent"),
        (3, False, "torn"),
        ("refused: damaged", False, "torn"),
        ("wrong: of no version", True, "torn"),
        ("lost", False, "lost"),
        ("refused: a.zarr changed since it was opened", False, "none"),
    ],
)
def test_findings_are_counted(what, returned, counted):
    from benchmarks.fault_trials.trials import Counts, note

    counts = Counts()
    note(counts, what, returned=returned, new=2, old=1)
    assert {name for name in ("lost", "torn", "silent", "left") if getattr(counts, name)} == {counted} - {"none"}
    assert counts.bad == (counted != "none")
