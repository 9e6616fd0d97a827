"""A file cannot make a reader open another file that the user did not name, and no code in a file runs."""

from __future__ import annotations

import os
import pickle
import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.io import samples
from tests.io.fuzzing import assert_documented
from tests.io.hdf5.layouts import LAYOUTS, SERIES

from napari_xanes import io
from napari_xanes.io.files import files_in, inside, link_warnings

READ = {"stack": io.read, "spectra": io.read_spectra, "maps": io.read_maps}
WRITERS = {
    (what, name): write
    for what, table in (("stack", samples.STACKS), ("spectra", samples.SPECTRA), ("maps", samples.MAPS))
    for name, write in table.items()
}


def read_with_warnings(what, path):
    """Return the stack and the warnings, or None and the error if the file was refused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = READ[what](path)
        except (OSError, ValueError) as error:
            assert_documented(error, path.name)
            return None, str(error)
    return value, "; ".join(str(warning.message) for warning in caught)


# Links in folders


@pytest.mark.parametrize(("what", "name"), WRITERS)
def test_links_out_of_a_folder_are_not_followed(what, name, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    for opened in {opened for opened, _ in WRITERS[what, name](whole)}:
        before, before_told = read_with_warnings(what, whole / opened)
        others = [p for p in _needed(whole, opened) if p != whole / opened]
        for number, other in enumerate(others):
            folder = Path(shutil.copytree(whole, tmp_path / f"{opened.replace('/', ' ')} {number}" / "scan"))
            link = folder / other.relative_to(whole)
            secret = folder.parent / "secret"
            link.unlink()
            secret.write_bytes(b"what is not to be read\n")
            link.symlink_to(secret)
            value, messages = read_with_warnings(what, folder / opened)
            if "not followed" not in messages or link.name not in messages:
                # The link is not a part of the scan, so the reader ignored it.
                assert value is not None, messages
                assert messages == before_told, other
                np.testing.assert_array_equal(np.asarray(value.data), np.asarray(before.data))
                assert value.metadata.keys() == before.metadata.keys()


def _needed(whole, opened):
    """Other files in the folder that a reader uses when it opens a file or the folder."""
    around = (whole / opened) if (whole / opened).is_dir() else whole
    stem = Path(opened).stem
    beside = [p for p in sorted(around.rglob("*")) if p.is_file() and (around != whole or "/" not in opened)]
    if around == whole and opened:
        beside = [p for p in beside if p.parent == whole and (p.stem.startswith(stem) or p.name == "i0.xsp")]
    return [p for p in beside if p.suffix != ".json" or around != whole][:6]


@pytest.mark.parametrize(("what", "name"), WRITERS)
def test_a_named_path_may_be_or_contain_a_link(what, name, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    (tmp_path / "elsewhere").symlink_to(whole)
    for opened, _ in WRITERS[what, name](whole):
        first, messages = read_with_warnings(what, whole / opened)
        assert first is not None, messages
        behind, messages = read_with_warnings(what, tmp_path / "elsewhere" / opened)
        assert behind is not None, messages
        assert "not followed" not in messages
        if what == "stack":
            np.testing.assert_array_equal(np.asarray(behind.data), np.asarray(first.data))


@pytest.mark.parametrize("name", ["xrm_series", "edf_series", "columns", "mrc"])
def test_a_named_file_may_be_a_link_out_of_its_folder(name, tmp_path):
    what = "spectra" if name == "columns" else "stack"
    (tmp_path / "scan").mkdir()
    (tmp_path / "elsewhere").mkdir()
    opened, target = WRITERS[what, name](tmp_path / "scan")[0]
    path = tmp_path / "scan" / (opened or target)
    before = READ[what](path)
    path.rename(tmp_path / "elsewhere" / path.name)
    path.symlink_to(tmp_path / "elsewhere" / path.name)
    after = READ[what](path)
    assert len(after) == len(before) if what == "spectra" else after.shape == before.shape


def test_files_come_in_the_order_of_their_numbers(tmp_path):
    for name in ("a_10.tif", "a_2.tif", "a_02b.tif", "B1.tif", "a.tif"):
        (tmp_path / name).write_bytes(b"x")
    files, _ = files_in(tmp_path, (".tif",))
    assert [p.name for p in files] == ["B1.tif", "a.tif", "a_2.tif", "a_02b.tif", "a_10.tif"]


def test_inside_accepts_only_paths_in_the_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c.tif").write_bytes(b"x")
    names = {"out.TIF": tmp_path / "c.tif", "in.tif": tmp_path / "a/here.tif", "gone.tif": tmp_path / "no"}
    (tmp_path / "a/here.tif").write_bytes(b"x")
    (tmp_path / "a/.hidden.tif").write_bytes(b"x")
    (tmp_path / "a/folder.tif").mkdir()
    for name, target in names.items():
        (tmp_path / "a" / name).symlink_to(target)
    (tmp_path / "a/circle.tif").symlink_to(tmp_path / "a/circle.tif")
    files, links = files_in(tmp_path / "a", (".tif",))
    assert [p.name for p in files] == ["here.tif", "in.tif"]
    assert [p.name for p in links] == ["gone.tif", "out.TIF"]
    assert inside(tmp_path / "a", tmp_path / "a/b/../b")
    assert not inside(tmp_path / "a", tmp_path / "a/b/../../c.tif")
    assert not inside(tmp_path / "a", tmp_path / "ab")
    assert link_warnings([]) == []
    assert "gone.tif, out.TIF; open the files where they lie" in link_warnings(links)[0]


# Links in HDF5 files. Their target is a pipe: a reader that opens it waits forever.


def _external(file, name, pipe, shape, dtype):
    file[name] = h5py.ExternalLink(str(pipe), "/data")


def _soft(file, name, pipe, shape, dtype):
    file["elsewhere"] = h5py.ExternalLink(str(pipe), "/")
    file[name] = h5py.SoftLink("/elsewhere/data")


def _virtual(file, name, pipe, shape, dtype):
    """A virtual dataset whose length is that of another file: reading the shape opens that file."""
    shape = shape or (1,)
    most = (None, *shape[1:])
    layout = h5py.VirtualLayout(shape, dtype, most)
    everything = (slice(None, h5py.h5s.UNLIMITED), *(slice(None) for _ in shape[1:]))
    layout[everything] = h5py.VirtualSource(str(pipe), "data", shape, dtype, most)[everything]
    file.create_virtual_dataset(name, layout)


def _stored_outside(file, name, pipe, shape, dtype):
    if dtype.kind == "O":
        shape, dtype = (1,), np.dtype("S20")
    file.create_dataset(name, shape or (1,), dtype, external=[(str(pipe), 0, 1000)])


def _own(path):
    samples.STACKS["nexus"](path.parent)
    (path.parent / "own.h5").rename(path)
    return "entry/data/data", "entry/data/energy"


def _maps(path):
    samples.MAPS["hdf5_maps"](path.parent)
    (path.parent / "a.h5").rename(path)
    return (next(iter(_datasets(path, "value"))),) * 2


def _datasets(path, end=""):
    with h5py.File(path) as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return [name for name in names if name.endswith(end)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
@pytest.mark.parametrize("link", [_external, _soft, _virtual, _stored_outside])
@pytest.mark.parametrize("layout", [*LAYOUTS, _own, _maps])
def test_links_in_hdf5_files_are_not_followed(layout, link, tmp_path):
    (tmp_path / "whole").mkdir()
    needed = layout(tmp_path / "whole" / "a1.h5")
    os.mkfifo(tmp_path / "pipe")
    read = io.read_maps if layout is _maps else io.read
    for name in _datasets(tmp_path / "whole" / "a1.h5"):
        folder = tmp_path / "scan"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        with h5py.File(folder / "a1.h5", "a") as file:
            shape, dtype = file[name].shape, file[name].dtype
            del file[name]
            link(file, name, tmp_path / "pipe", shape, dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                np.asarray(getattr(read(folder if layout in SERIES else folder / "a1.h5"), "data", 0))
            except (OSError, ValueError) as error:
                if name in needed:
                    assert "not followed" in str(error), name  # noqa: PT017
            else:
                assert name not in needed, name


def test_maps_and_stacks_behind_a_link_are_not_read(tmp_path):
    samples.MAPS["hdf5_maps"](tmp_path)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["entry"] = h5py.ExternalLink("a.h5", "/entry")
    assert not io.holds_maps(tmp_path / "b.h5")
    with pytest.raises(ValueError, match=r"b\.h5"):
        io.read(tmp_path / "b.h5")


# Code in files


class _Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path):
    ran = tmp_path / "ran"
    objects = np.full((4, 3, 5), None)
    objects[0, 0, 0] = _Bomb(ran)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", data=objects, energy=np.arange(7100.0, 7104))
    np.savez(tmp_path / "b.npz", data=samples.FRAMES, energy=objects[:, 0, 0])
    (tmp_path / "c.npz").write_bytes(pickle.dumps(_Bomb(ran)))
    (tmp_path / "c.npy").write_bytes(pickle.dumps(_Bomb(ran)))
    for name in ("a.npy", "a.npz", "b.npz", "c.npz", "c.npy"):
        with pytest.raises((OSError, ValueError), match=name):
            io.read(tmp_path / name, energies=samples.ENERGY if name[0] != "b" else None)
    assert not ran.exists()
    pickle.loads((tmp_path / "c.npy").read_bytes())
    assert ran.exists()
