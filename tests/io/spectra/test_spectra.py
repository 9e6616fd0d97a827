"""Each format of spectra: columns, units, and errors for bad files."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from napari_xanes import io
from napari_xanes.io.spectra import athena, table
from napari_xanes.spectrum import Spectrum

ROWS = "7100 0.1 0.2\n7110 0.3 0.4\n7120 0.9 0.8\n"


def written(tmp_path, text, name="a.txt", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "7100 0.1\n7110 0.3\n7120 0.9\n",
        "# energy mu\n* a comment\n\n7100\t0.1\n7110\t0.3\n7120\t0.9",
        "energy,NiO\r\n7100,0.1\r\n7110,0.3\r\n7120,0.9\r\n",
        "Energie;µ\n7100,0;0,1\n7110,0;0,3\n7120,0;0,9\n",
        "7.1 0.1\n7.11 0.3\n7.12 0.9\n",
        "7120 0.9\n7100 0.1\n7110 0.2\n7110 0.4\n",
        "# energy (keV), mu\n7.1,0.1,\n7.11,0.3,\n7.12,0.9,\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_two_columns(tmp_path, text, encoding):
    (spectrum,) = io.read_spectra(written(tmp_path, text, "NiO.txt", encoding))
    np.testing.assert_array_equal(spectrum.energy, [7100, 7110, 7120])
    np.testing.assert_allclose(spectrum.mu, [0.1, 0.3, 0.9])
    assert spectrum.name == "NiO"
    assert spectrum.valence is None
    assert spectrum.metadata["path"] == str(tmp_path / "NiO.txt")


def test_columns_with_names_are_spectra(tmp_path):
    a, b = io.read_spectra(written(tmp_path, "energy_eV,NiO (2+),NiO (2+)\n" + ROWS.replace(" ", ",")))
    assert (a.name, b.name) == ("NiO (2+)", "NiO (2+) (2)")
    np.testing.assert_allclose(b.mu, [0.2, 0.4, 0.8])
    assert [s.name for s in io.read_spectra(written(tmp_path, ROWS))] == ["a 1", "a 2"]


@pytest.mark.parametrize(
    ("names", "mu", "normalized"),
    [
        ("energy xmu nbkg", [0.1, 0.3, 0.9], False),
        ("energy xmu norm", [0.2, 0.4, 0.8], True),
        ("energy flat norm", [0.2, 0.4, 0.8], True),
        ("energy i0 ifluor", [2, 4 / 3, 8 / 9], False),
        ("energy itrans i0", np.log([2, 4 / 3, 8 / 9]), False),
    ],
)
@pytest.mark.parametrize("head", ["#  {}\n", "# XDI/1.0\n# Column.1: {} eV\n# Column.2: {}\n# Column.3: {}\n#---\n"])
def test_known_columns(tmp_path, names, mu, normalized, head):
    head = head.format(names) if head.count("{}") == 1 else head.format(*names.split())
    (spectrum,) = io.read_spectra(written(tmp_path, head + ROWS))
    np.testing.assert_allclose(spectrum.mu, mu)
    assert spectrum.metadata["normalized"] is normalized
    assert spectrum.name == "a"


def test_columns_that_give_no_mu(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt.*no mu\(E\) can be made of the columns energy, i0, irefer"):
        io.read_spectra(written(tmp_path, "# energy i0 irefer\n" + ROWS))


def test_xdi_fields(tmp_path):
    text = "# XDI/1.0 GSE/1.0\n# Column.1: energy keV\n# Column.2: mutrans\n# Element.symbol: Ni\n# Element.edge: K\n"
    text += "# Sample.name: nickel   oxide\n# ///\n# Sample.name: not a field\n#----\n# energy mutrans\n"
    (spectrum,) = io.read_spectra(written(tmp_path, text + "8.3 0.1\n8.4 1.1\n", "x.dat"))
    assert spectrum.name == "nickel oxide"
    assert (spectrum.metadata["element"], spectrum.metadata["edge"]) == ("Ni", "K")
    np.testing.assert_array_equal(spectrum.energy, [8300, 8400])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty; "),
        ("hello\nworld\n", "no two columns"),
        ("7100\n7110\n", "no two columns"),
        ("7100 1\n7110 2 3\n", "line 2 has 3 columns"),
        ("7100 1\nend of file\n", "at least two"),
        ("7100 1\n7110 2\nbeam lost\n7120 3\n", "line 3 is not a row of numbers: 'beam lost'"),
        ("7100 1\n7110 2x\n7120 3\n", "line 2: '2x' is no number"),
        ("0 1\n1 2\n2 3\n", "no list of photon energies"),
        ("353 2\n378 3\n351 4\n353 5\n300 6\n", "no list of photon energies"),
        ("nan 2\n7100 3\n", "no list of photon energies"),
        ("# XDI/1.0\n# Column.1: angle degrees\n# Column.2: mu\n#---\n10 1\n11 2\n", "no energy among its columns"),
        ("7100 1\0\n", "not text"),
    ],
)
def test_bad_texts(tmp_path, text, reason):
    with pytest.raises(ValueError, match=reason) as error:
        io.read_spectra(written(tmp_path, text))
    assert "a.txt" in str(error.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(OSError, match=r"a\.txt"):
        io.read_spectra(tmp_path / "a.txt")
    with pytest.raises((OSError, ValueError)):
        io.read_spectra(tmp_path)


def project(records, *, packed=True):
    text = "# Athena project file -- Demeter version 0.9.26\n" + "".join(records) + "\n1;\n"
    return gzip.compress(text.encode()) if packed else text.encode()


def record(label, *, x="'7100','7110','7120'", y="'0.1','0.3','0.9'", args=""):
    return (
        f"$old_group = 'abcd';\n@args = ('bkg_e0','7112.5','bkg_eshift',0.5,'bkg_z','Fe','fft_edge','k','label',"
        f"'{label}','titles',['a (b','c'],'detectors',[],'is_nor',0{args});\n@x = ({x});\n@y = ({y});\n[record]\n\n"
    )


@pytest.mark.parametrize("packed", [True, False])
def test_athena_project(tmp_path, packed):
    path = tmp_path / "a.prj"
    path.write_bytes(project([record(r"it\'s (1)"), record("MnO", args=",'is_nor',1"), record("MnO")], packed=packed))
    first, second, third = io.read_spectra(path)
    assert (first.name, second.name, third.name) == ("it's (1)", "MnO", "MnO (2)")
    np.testing.assert_array_equal(first.energy, [7100.5, 7110.5, 7120.5])
    np.testing.assert_array_equal(first.mu, [0.1, 0.3, 0.9])
    assert (first.metadata["element"], first.metadata["edge"]) == ("Fe", "K")
    assert (first.metadata["normalized"], second.metadata["normalized"]) == (False, True)
    assert first.metadata["athena"]["e0"] == 7112.5


def json_project(records):
    head = {"_____emacs_mode": "-*- mode: json -*-", "_____header1": "# Athena project file -- Demeter version 0.9.26"}
    return json.dumps(head | records | {"_____journal": [], "_____order": list(records)[::-1]}).encode()


@pytest.mark.parametrize("packed", [True, False])
def test_athena_project_in_json(tmp_path, packed):
    args = {"label": "CeO2", "bkg_eshift": "-0.5", "bkg_z": "Ce", "fft_edge": "l3", "is_nor": "0"}
    first = {"args": args, "x": ["7100", "7110", "7120"], "y": ["0.1", "0.3", "0.9"], "stddev": ["1", "1", "1"]}
    second = {"args": ["label", "MnO", "is_nor", 1], "x": [7100, 7110, 7120], "y": [0.1, 0.3, 0.9]}
    content = json_project({"nyef": first, "abcd": second})
    path = tmp_path / "a.prj"
    path.write_bytes(gzip.compress(content) if packed else content)
    mno, ceo2 = io.read_spectra(path)
    assert (ceo2.name, mno.name) == ("CeO2", "MnO")
    np.testing.assert_array_equal(ceo2.energy, [7099.5, 7109.5, 7119.5])
    np.testing.assert_array_equal(ceo2.mu, [0.1, 0.3, 0.9])
    assert (ceo2.metadata["element"], ceo2.metadata["edge"]) == ("Ce", "L3")
    assert (ceo2.metadata["normalized"], mno.metadata["normalized"]) == (False, True)


def test_the_oldest_athena_projects_have_names_of_groups_only(tmp_path):
    path = tmp_path / "a.prj"
    old = record("x").replace("'label','x',", "")
    path.write_bytes(project([old, old.replace("abcd", "efgh")]))
    assert [s.name for s in io.read_spectra(path)] == ["abcd", "efgh"]


def test_nothing_can_be_chosen_in_a_project(tmp_path):
    path = tmp_path / "a.prj"
    path.write_bytes(project([record("good")]))
    with pytest.raises(ValueError, match="no columns to choose; leave i0 out"):
        io.read_spectra(path, i0="I0")


def test_athena_records_without_mu_are_skipped_with_a_warning(tmp_path):
    path = tmp_path / "a.prj"
    path.write_bytes(project([record("good"), record("k space", args=",'is_chi',1"), record("short", y="'1'")]))
    with pytest.warns(UserWarning, match="no mu.E. in k space, short; left out"):
        assert [s.name for s in io.read_spectra(path)] == ["good"]


def test_code_in_a_project_never_runs_and_bad_projects_are_refused(tmp_path):
    path = tmp_path / "a.prj"
    path.write_bytes(project([record("good"), record("evil", x="system('touch x'),'7110'")]))
    with pytest.raises(ValueError, match=r"a\.prj"):
        io.read_spectra(path)
    path.write_bytes(project([record("open")])[:-20])
    with pytest.raises((OSError, ValueError), match=r"a\.prj"):
        io.read_spectra(path)
    path.write_bytes(project([]))
    with pytest.raises(ValueError, match="holds no mu"):
        io.read_spectra(path)


def test_a_project_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(athena, "UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "a.prj"
    path.write_bytes(project([" " * (2 << 20)]))
    with pytest.raises(ValueError, match="unpacked is too much"):
        io.read_spectra(path)


def test_too_many_columns_are_an_image(tmp_path):
    row = "7100 " * (table.MOST_COLUMNS + 1)
    with pytest.raises(ValueError, match="an image rather than spectra"):
        io.read_spectra(written(tmp_path, f"{row}\n{row}\n"))


@pytest.mark.parametrize("suffix", ["csv", "xdi"])
@pytest.mark.parametrize(("facts", "is_older"), [({}, True), ({"n_pixels": 4}, False), ({"stack": "a"}, False)])
def test_sigma_of_regions_of_earlier_versions_is_their_deviation(tmp_path, suffix, facts, is_older):
    sigma = np.array([0.1, 0.2, 0.3])
    metadata = {"quantity": "optical_depth", "normalized": False, **facts}
    saved = Spectrum("grain", [700, 701, 702], [1, 2, 3], sigma=sigma, metadata=metadata)
    io.write(saved, tmp_path / f"a.{suffix}")
    (found,) = io.read_spectra(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(found.metadata["standard_deviation"] if is_older else found.sigma, sigma)
    assert (found.sigma is None) == is_older
    assert ("standard_deviation" in found.metadata) == is_older
