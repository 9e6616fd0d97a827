"""A store is read as one: nothing of it may be missing, and nothing may come from another that takes its place."""

from __future__ import annotations

import pytest

from napari_xanes import io
from napari_xanes.io.zarr import arrays


@pytest.mark.parametrize("group", ["image", "napari_xanes"])
def test_groups_that_only_other_programs_need_are_whole_too(tmp_path, depth_stack, group):
    io.write(depth_stack, tmp_path / "a.zarr")
    described = tmp_path / "a.zarr" / group / "zarr.json"
    content = described.read_text()
    for size in (0, 1, 40, len(content) - 1):
        described.write_text(content[:size])
        with pytest.raises((OSError, ValueError), match=r"a\.zarr"):
            io.read(tmp_path / "a.zarr")
    described.unlink()
    with pytest.raises(OSError, match=rf"{group}.zarr\.json is missing; copy the whole folder again"):
        io.read(tmp_path / "a.zarr")


@pytest.mark.parametrize("memory_limit", [None, 1])
@pytest.mark.parametrize("at", ["energy", "image/0"])
def test_a_store_that_is_replaced_while_it_is_read_is_refused(tmp_path, depth_stack, monkeypatch, memory_limit, at):
    """Otherwise some arrays would be of the old store and others of the new one."""
    io.write(depth_stack, tmp_path / "a.zarr")
    io.write(depth_stack.with_data(depth_stack.data + 1, energy=depth_stack.energy + 1), tmp_path / "b.zarr")
    loaded = arrays.load

    def replace_and_load(stored):
        if stored.array.path == at and (tmp_path / "b.zarr").exists():
            (tmp_path / "a.zarr").rename(tmp_path / "c.zarr")
            (tmp_path / "b.zarr").rename(tmp_path / "a.zarr")
        return loaded(stored)

    monkeypatch.setattr(arrays, "load", replace_and_load)
    with pytest.raises(OSError, match="changed since it was opened"):
        io.read(tmp_path / "a.zarr", memory_limit=memory_limit)
