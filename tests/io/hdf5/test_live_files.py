"""HDF5 files that another process is writing, or was killed while it wrote them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from napari_xanes import io

_WRITER = """
import sys
import h5py, numpy as np

path, mode = sys.argv[1:]
with h5py.File(path, "w", libver=None if mode == "plain" else "latest") as file:
    file["X_eng"] = [7.1, 7.11, 7.12, 7.13]
    images = file.create_dataset("img_xanes", (4, 3, 5), "f4", maxshape=(None, 3, 5), chunks=(1, 3, 5))
    images[:2] = 1
    file.flush()
    if mode == "swmr":
        file.swmr_mode = True
    print("ready", flush=True)
    sys.stdin.readline()
    images[2:] = 2
"""


@contextmanager
def writing(path, mode):
    """Let another process write two of four frames; the rest when it reads a line."""
    command = [sys.executable, "-c", _WRITER, str(path), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def read_told(path, memory_limit=None):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        stack = io.read(path, memory_limit=memory_limit)
    return stack, [str(warning.message) for warning in told]


def finish(process):
    process.communicate("go on\n")
    assert process.returncode == 0


def killed(path, mode):
    with writing(path, mode):
        pass


@pytest.mark.parametrize("mode", ["plain", "latest"])
def test_a_file_that_only_its_writer_may_read(mode, tmp_path):
    path = tmp_path / "a.h5"
    with writing(path, mode) as process:
        with pytest.raises(OSError, match=r"a\.h5: another program is writing it; read it when") as refused:
            io.read(path)
        assert "damaged" not in str(refused.value)
        assert "h5clear" not in str(refused.value)
        finish(process)
    assert io.read(path).data[:, 0, 0].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("memory_limit", [None, 10], ids=["whole", "lazy"])
def test_a_file_that_others_may_read(memory_limit, tmp_path):
    path = tmp_path / "a.h5"
    with writing(path, "swmr") as process:
        stack, told = read_told(path, memory_limit)
        np.testing.assert_array_equal(np.asarray(stack.data), np.ones((2, 3, 5)))
        assert sum("being written, or its writer was killed: a.h5" in message for message in told) == 1
        assert any("being written" in line for line in stack.metadata["warnings"])
        finish(process)
    stack = io.read(path)
    assert stack.data[:, 0, 0].tolist() == [1, 1, 2, 2]
    assert "warnings" not in stack.metadata


def test_what_a_killed_writer_leaves(tmp_path):
    killed(tmp_path / "plain.h5", "plain")
    stack, told = read_told(tmp_path / "plain.h5")
    assert (stack.shape[0], len(told)) == (2, 1)
    assert "2 of 4 frames are empty" in told[0]
    killed(tmp_path / "swmr.h5", "swmr")
    stack, told = read_told(tmp_path / "swmr.h5")
    assert (stack.shape[0], len(told)) == (2, 2)
    assert any("its writer was killed" in message for message in told)
    killed(tmp_path / "latest.h5", "latest")
    with pytest.raises(OSError, match=r"is not closed: .* or was killed.* run h5clear -s on the copy"):
        io.read(tmp_path / "latest.h5")


def test_damaged_files_are_called_damaged(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["img_xanes"] = np.ones((4, 3, 5))
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content[:500])
    with pytest.raises(OSError, match="damaged or cut short"):
        io.read(tmp_path / "a.h5")


_APPENDER = """
import sys
import h5py, numpy as np

path, first = sys.argv[1], float(sys.argv[2])
with h5py.File(path, "w", libver="latest") as file:
    file["X_eng"] = 7.1 + 0.01 * np.arange(200)
    images = file.create_dataset("img_xanes", (0, 3, 5), "f4", maxshape=(None, 3, 5), chunks=(1, 3, 5))
    file.swmr_mode = True
    while True:
        for _ in range(20):
            images.resize(len(images) + 1, 0)
            images[-1] = first + len(images)
        images.flush()
        print("ready", flush=True)
        if sys.stdin.readline() != "more\\n":
            break
"""


@contextmanager
def appending(path, first):
    """Let another process add 20 frames at a time, as often as it reads "more"."""
    command = [sys.executable, "-c", _APPENDER, str(path), str(first)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def append(process):
    process.stdin.write("more\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"


def test_a_lazy_stack_of_a_file_that_grows_keeps_its_frames(tmp_path):
    path = tmp_path / "a.h5"
    with appending(path, 10) as process:
        stack, _ = read_told(path, 10)
        values = np.asarray(stack.data)
        assert values[:, 0, 0].tolist() == list(range(11, 31))
        size = path.stat().st_size
        for _ in range(3):
            append(process)
            np.testing.assert_array_equal(np.asarray(stack.data), values)
            np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(stack.data))), values)
        assert path.stat().st_size > size
        assert read_told(path, 10)[0].shape[0] == 80
        finish(process)
    np.testing.assert_array_equal(np.asarray(stack.data), values)
    assert read_told(path)[0].shape[0] == 80


@pytest.mark.parametrize("first", [10, 50])
def test_a_lazy_stack_of_a_file_that_grew_refuses_another(tmp_path, first):
    """The same program writes another scan into the same file, or another file takes its place."""
    path = tmp_path / "a.h5"
    with appending(path, 10) as process:
        stack, _ = read_told(path, 10)
        finish(process)
    if first == 10:
        path.rename(tmp_path / "before.h5")
    with appending(path, first) as process:
        for _ in range(2):
            append(process)
        with pytest.raises(OSError, match="changed since it was opened"):
            np.asarray(stack.data)


def test_a_lazy_stack_with_frames_to_come_is_opened_again(tmp_path):
    """Whether an empty frame is still to be written, nobody can know."""
    path = tmp_path / "a.h5"
    with writing(path, "swmr") as process:
        stack, _ = read_told(path, 10)
        finish(process)
    with pytest.raises(OSError, match="since it was opened"):
        np.asarray(stack.data)
