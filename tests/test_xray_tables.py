"""Tables of edges and cross sections: the same numbers as xraydb, which they are from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import xraydb
from tools.xray_tables import tables

from napari_xanes.edge import xray_tables
from napari_xanes.edge.elements import tabulated_e0


def test_the_file_holds_what_the_tool_writes() -> None:
    written = tables(Path(str(files("xraydb") / "xraydb.sqlite")))
    with np.load(xray_tables.FILE) as held:
        assert set(held.files) == set(written)
        for name, values in written.items():
            np.testing.assert_array_equal(held[name], values, err_msg=name)


def test_edges_are_those_of_xraydb() -> None:
    assert xray_tables.symbols() == tuple(xraydb.atomic_symbol(number) for number in range(1, 99))
    theirs = {
        (symbol, name): edge.energy
        for symbol in xray_tables.symbols()
        for name, edge in xraydb.xray_edges(symbol).items()
    }
    assert dict(xray_tables.edge_energies()) == theirs


@pytest.mark.parametrize("symbol", xray_tables.symbols())
def test_cross_sections_are_those_of_xraydb(symbol: str) -> None:
    energy = np.exp(np.random.default_rng(0).uniform(np.log(101.0), np.log(799e3), 200))
    theirs = xraydb.mu_elam(symbol, energy, kind="photo")
    np.testing.assert_allclose(xray_tables.photo_section(symbol, energy), theirs, rtol=1e-10)


def test_a_cross_section_keeps_to_the_range_of_the_tables() -> None:
    inside = xray_tables.photo_section("Ni", [100.0, 800e3])
    np.testing.assert_array_equal(xray_tables.photo_section("Ni", [50.0, 9e5]), inside)
    assert np.isfinite(inside).all()
    assert xray_tables.photo_section("Ni", np.full((2, 3), 8400.0)).shape == (2, 3)


def test_an_unknown_element_is_refused() -> None:
    with pytest.raises(ValueError, match="no cross sections of 'Xx' are tabulated: give the symbol of an element"):
        xray_tables.photo_section("Xx", [7000.0])


def test_elements_are_known_by_symbol_and_name() -> None:
    assert tabulated_e0("ni") == tabulated_e0("Nickel") == tabulated_e0("NI", "k") == 8333.0
    assert tabulated_e0(["Ni"]) is tabulated_e0(None) is tabulated_e0("Ni", "K9") is tabulated_e0("Xx") is None  # type: ignore[arg-type]
