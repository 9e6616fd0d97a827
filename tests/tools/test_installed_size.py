"""What the package installs, by the names and sizes in this environment."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest

from tools import installed_size


def test_each_package_stands_with_the_one_that_asks_for_it() -> None:
    found = installed_size.needed("napari-xanes")
    assert found["napari-xanes"] == ""
    assert found["zarr"] == "napari-xanes"
    assert found["numcodecs"] == "zarr"


def test_an_extra_adds_its_packages() -> None:
    assert set(installed_size.needed("dask[array]")) >= set(installed_size.needed("dask")) | {"numpy"}
    assert "numpy" not in installed_size.needed("dask")


def test_a_package_that_is_not_here_is_left_out() -> None:
    assert installed_size.needed("no-such-package") == {}


def test_the_size_is_that_of_the_files() -> None:
    assert 0.3e6 < installed_size.size(distribution("olefile")) < 0.6e6


def test_the_table_ends_with_its_sum(capsys: pytest.CaptureFixture[str]) -> None:
    installed_size.main()
    *rows, total = capsys.readouterr().out.splitlines()
    assert float(total.split()[0]) == pytest.approx(sum(float(row.split()[0]) for row in rows), abs=1)
    assert not {"napari", "torch", "numpy"} & {row.split()[2] for row in rows}
