"""The SQLite file of the XAS data library: search, units, modes, and files that are no such library."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from tests.io.spectra.test_layouts import ANGLE, ENERGY, FLUORESCENCE, I0, IF, IT, TRANSMISSION, D

from napari_xanes import read_spectra

COLUMNS = (
    "id integer primary key, name text, energy text, i0 text, itrans text, ifluor text, irefer text, d_spacing float,"
    " energy_units_id integer, edge_id integer, mode_id integer, element_z integer, sample_id integer, filetext text"
)
TABLES = """
create table energy_units (id integer primary key, units text);
insert into energy_units values (1, 'eV'), (2, 'keV'), (3, 'degrees');
create table element (z integer primary key, name text, symbol varchar(2));
insert into element values (26, 'iron', 'Fe'), (28, 'nickel', 'Ni');
create table edge (id integer primary key, name text);
insert into edge values (1, 'K'), (2, 'L3');
create table mode (id integer primary key, name text);
insert into mode values (1, 'transmission'), (2, 'fluorescence, total yield'), (3, 'raman');
create table sample (id integer primary key, name text);
insert into sample values (1, 'metal foil'), (2, 'NiO powder');
"""


def as_json(values):
    return None if values is None else json.dumps(np.asarray(values, float).tolist())


def spectrum(name, energy=ENERGY, i0=I0, itrans=IT, ifluor=None, *, units=1, mode=1, element=28, sample=1):
    arrays = [as_json(values) for values in (energy, i0, itrans, ifluor, None)]
    return (name, *arrays, D, units, 1, mode, element, sample, None)


def library(path, *spectra, columns=COLUMNS, table="spectrum"):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES + f"create table {table} ({columns});")
        for number, values in enumerate(spectra, 1):
            marks = ", ".join("?" * (len(values) + 1))
            connection.execute(f"insert into {table} values ({marks})", (number, *values))
        connection.commit()
    return path


def test_spectra_of_all_units_and_modes(tmp_path):
    path = library(
        tmp_path / "xaslib.db",
        spectrum("foil"),
        spectrum("oxide", ENERGY / 1e3, ifluor=IF, units=2, mode=2, sample=2),
        spectrum("angles", ANGLE, units=3),
        spectrum("ready", i0=None, itrans=TRANSMISSION),
        spectrum("constant I0", i0=[2.0], itrans=2 * np.exp(-TRANSMISSION)),
    )
    spectra = read_spectra(path)
    assert [s.name for s in spectra] == ["foil", "oxide", "angles", "ready", "constant I0"]
    for found in spectra:
        np.testing.assert_allclose(found.energy, ENERGY, atol=1e-6)
        mu = FLUORESCENCE if found.name == "oxide" else TRANSMISSION
        np.testing.assert_allclose(found.mu, mu, rtol=1e-9, atol=1e-12)
        assert (found.metadata["element"], found.metadata["edge"]) == ("Ni", "K")
    assert spectra[2].metadata["energy_unit"] == f"deg, converted with d = {D} A of the header"


@pytest.mark.parametrize(
    ("scan", "names"),
    [
        (2, ["oxide 1"]), ("ni k", ["foil", "oxide 1", "oxide 2"]), ("Fe", ["iron foil"]),
        ("NiO", ["oxide 1", "oxide 2"]),
        ("fluorescence Ni", ["oxide 2"]), ("foil", ["foil", "iron foil"]),
    ],
)  # fmt: skip
def test_search(tmp_path, scan, names):
    path = library(
        tmp_path / "a.xdl",
        spectrum("foil"),
        spectrum("oxide 1", sample=2),
        spectrum("oxide 2", itrans=None, ifluor=IF, mode=2, sample=2),
        spectrum("iron foil", element=26),
    )
    assert [s.name for s in read_spectra(path, scan=scan)] == names
    with pytest.raises(ValueError, match="finds no spectrum"):
        read_spectra(path, scan="Cu")


def test_a_mode_can_be_chosen(tmp_path):
    path = library(tmp_path / "a.db", spectrum("foil", ifluor=IF))
    np.testing.assert_allclose(read_spectra(path)[0].mu, TRANSMISSION)
    np.testing.assert_allclose(read_spectra(path, scan="foil", mode="fluorescence")[0].mu, FLUORESCENCE)


def test_names_of_the_first_versions(tmp_path):
    columns = "id integer primary key, name text, data_energy text, data_i0 text default '[1.0]', data_itrans text, "
    columns += "data_iemit text default '[1.0]', energy_units_id integer, edge_id integer, element_z integer"
    values = ("foil", as_json(ENERGY), as_json(I0), as_json(IT), "[1.0]", 1, 1, 28)
    (found,) = read_spectra(library(tmp_path / "a.xdl", values, columns=columns, table="spectra"))
    np.testing.assert_allclose(found.mu, TRANSMISSION)


def test_what_is_no_absorption_is_left_out_with_its_reason(tmp_path):
    path = library(
        tmp_path / "a.db", spectrum("foil"), spectrum("losses", ENERGY - 8000, mode=3), spectrum("short", I0[:5])
    )
    with pytest.warns(UserWarning, match=r"losses: X-ray Raman scattering.*short: "):
        assert [s.name for s in read_spectra(path)] == ["foil"]


def test_nothing_is_run_or_written(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
        connection.executescript(f"create table energy (id int); create view spectrum as {endless};")
    with pytest.raises(ValueError, match="tables are not those of the X-ray Absorption Data Library"):
        read_spectra(path)
    path = library(tmp_path / "b.db", spectrum("foil"))
    content = path.read_bytes()
    read_spectra(path)
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.db", "b.db"]
    (tmp_path / "b.db-wal").write_bytes(b"1")
    with pytest.raises(ValueError, match="has not finished writing it"):
        read_spectra(path)


def test_computed_columns_cannot_fill_the_memory(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("create table spectrum (id integer, energy text as (hex(zeroblob(1000000))));")
        connection.execute("insert into spectrum (id) values (1)")
        connection.commit()
    with pytest.raises(ValueError, match="more than the file"):
        read_spectra(path)


def test_a_journal_that_is_not_done_is_refused(tmp_path):
    path = library(tmp_path / "a.db", spectrum("foil"))
    journal = tmp_path / "a.db-journal"
    journal.write_bytes(bytes(28))
    assert len(read_spectra(path)) == 1
    journal.write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(20))
    with pytest.raises(ValueError, match=r"has not finished writing it \(a.db-journal\)"):
        read_spectra(path)


def test_number_0_is_a_number(tmp_path):
    with pytest.raises(ValueError, match="scan=0 finds no spectrum"):
        read_spectra(library(tmp_path / "a.db", spectrum("foil"), spectrum("oxide")), scan=0)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"itrans": IT[:-1], "ifluor": IF}, f"its itrans has {IT.size - 1} numbers for {IT.size} energies"),
        ({"i0": I0[:-1]}, f"its i0 has {I0.size - 1} numbers"),
    ],
)
def test_no_other_column_is_taken_for_one_that_is_too_short(tmp_path, arrays, reason):
    path = library(tmp_path / "a.db", spectrum("foil"), spectrum("short", **arrays))
    with pytest.warns(UserWarning, match=f"left out short: {reason}"):
        assert [s.name for s in read_spectra(path)] == ["foil"]


@pytest.mark.parametrize("text", ["[" * 100_000, "[1" + "0" * 400 + "]", "[1, 2", '["a"]'])
def test_a_damaged_row_hides_no_other_one(tmp_path, text):
    path = library(tmp_path / "a.db", spectrum("foil"), spectrum("odd"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update spectrum set itrans = ? where name = 'odd'", (text,))
        connection.commit()
    with pytest.warns(UserWarning, match="left out odd: its itrans is no list of numbers"):
        assert [s.name for s in read_spectra(path)] == ["foil"]
