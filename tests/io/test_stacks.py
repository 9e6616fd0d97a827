"""Rules for every stack that is read: errors, values, order of frames, fingerprints."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.hdf5.test_fxi import write_fxi
from tests.io.stack_energies import ENERGY, KEV

from napari_xanes import io


def test_no_file_no_stack_and_too_many(tmp_path, write_nxstxm, frames):
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5"):
        io.read(tmp_path / "nothing.h5")
    (tmp_path / "a.doc").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.doc: no stack.*content is of no known format; \d+ formats were asked"):
        io.read(tmp_path / "a.doc")
    (tmp_path / "empty.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"empty\.h5"):
        io.read(tmp_path / "empty.h5")
    paths = [write_nxstxm(tmp_path / f"{i}.nxs", frames, ENERGY) for i in range(2)]
    with pytest.raises(ValueError, match="2 of 2 files are stacks"):
        io.read(paths)


def test_nan_and_inf_are_kept(tmp_path, frames):
    frames[0, 0, :3] = np.nan, np.inf, -np.inf
    np.testing.assert_array_equal(io.read(write_fxi(tmp_path / "a.h5", frames, KEV)).data, frames)


def test_ordered_copies_only_if_necessary():
    data = np.arange(6.0).reshape(3, 2)
    same, _, notes = io.ordered(data, [1, 2, 3])
    assert same is data
    assert notes == []
    with pytest.raises(ValueError, match="energy 2 eV occurs more than once"):
        io.ordered(data, [1, 2, 2], duplicates="error")
    with pytest.raises(ValueError, match="2 energies for 3 frames"):
        io.ordered(data, [1, 2])
    with pytest.raises(ValueError, match="energy 1 is not a number"):
        io.ordered(data, [1, np.nan, 2])


def test_fingerprint_of_large_files_and_folders(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 5000)
    whole = io.fingerprint(path)
    assert whole.startswith("sha256:")
    folder = io.fingerprint(tmp_path)
    assert folder.startswith("sha256-listing:")
    from napari_xanes.io import files

    monkeypatch.setattr(files, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(files, "END_BYTES", 100)
    ends = io.fingerprint(path)
    assert ends.startswith("sha256-ends:")
    path.write_bytes(b"x" * 4999 + b"y")
    assert io.fingerprint(path) != ends
    (tmp_path / "b").write_text("")
    assert io.fingerprint(tmp_path) != folder
