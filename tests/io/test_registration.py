"""A format from outside the package: after one decorated function, every part of the program can use it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.io import contracts
from tests.io.fuzzing import assert_documented
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes import io
from napari_xanes.cli import app

FIRST_LINE = "toy stack"


def why_not_toy(path):
    return None if path.read_bytes().startswith(FIRST_LINE.encode()) else f"does not begin with {FIRST_LINE!r}"


@pytest.fixture
def toy():
    """Read a text with one line per frame: the energy in eV and the value of each pixel."""

    @io.reader("toy", title="Toy", patterns=("*.toy",), why_not_readable=why_not_toy)
    def read(path, select=None):
        rows = np.loadtxt(path, skiprows=1)
        return io.RawStack(rows[:, 1:].reshape(len(rows), 1, -1), rows[:, 0], metadata={"available": ["a"]})

    yield next(reader for reader in io.READERS if reader.name == "toy")
    io.READERS.unregister("toy")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.toy"
    path.write_text(f"{FIRST_LINE}\n710 3 4\n700 1 2\n")
    return path


def test_a_toy_reader_keeps_the_contract(toy, tmp_path):
    contracts.check_reader(toy, tmp_path)
    assert toy.can_select
    assert not toy.is_series


def test_a_toy_reader_reads(toy, path):
    stack = nx.read(path, select="a")
    assert stack.energy.tolist() == [700, 710]
    assert stack.data.tolist() == [[[1, 2]], [[3, 4]]]
    assert stack.metadata["format"] == "Toy"


def test_the_command_line_knows_a_toy_reader(toy, path):
    result = CliRunner().invoke(app, ["info", str(path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["available"] == ["a"]


def test_an_unregistered_reader_is_not_used(toy, path):
    io.READERS.unregister("toy")
    with pytest.raises(ValueError, match="no stack that napari-xanes can read"):
        nx.read(path)
    io.READERS.register(toy)


def test_two_readers_cannot_share_a_name(toy):
    with pytest.raises(ValueError, match="the name 'toy' is taken by the format in .*test_registration"):
        io.reader("toy", title="Other", patterns=("*.toy",), why_not_readable=why_not_toy)(lambda path: None)


def test_formats_are_tried_in_the_order_of_the_registry():
    names = [reader.name for reader in io.READERS]
    assert names.index("als_stxm") < names.index("nexus")
    assert names.index("pyxas_series") < names.index("pyxas")
    assert names.index("txrm_series") < names.index("zeiss")
    assert names[-1] == "arrays"
    assert len(names) == len(set(names)) == 25


def test_a_programming_error_is_not_reported_as_a_damaged_file(toy, path):
    """A bug in a reader raises its own error, both in the check of the format and during reading."""

    def mistaken(path):
        return undefined_name  # noqa: F821

    io.READERS.unregister("toy")
    io.READERS.register(replace(toy, function=mistaken))
    with pytest.raises(NameError, match="undefined_name"):
        nx.read(path)
    io.READERS.unregister("toy")
    io.READERS.register(replace(toy, check=mistaken))
    with pytest.raises(NameError, match="undefined_name"):
        nx.read(path)


def test_a_programming_error_behind_a_documented_one_fails_the_fuzz_tests():
    damaged = ValueError("a.toy: damaged")
    assert_documented(damaged, "a.toy")
    with pytest.raises(AssertionError, match=r"b\.toy|a\.toy"):
        assert_documented(damaged, "b.toy")
    with pytest.raises(AssertionError, match="KeyError"):
        assert_documented(KeyError("a.toy"), "a.toy")
    damaged.__cause__ = OSError("cut short")
    damaged.__cause__.__context__ = TypeError("None has no length")
    with pytest.raises(AssertionError, match="a programming error passed for a damaged file"):
        assert_documented(damaged, "a.toy")
