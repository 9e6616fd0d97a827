"""Projects of Athena as programs and people leave them: packed, shifted, with signs of all kinds."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from napari_xanes import read_spectra

HEAD = "# Athena project file -- Demeter version 0.9.26\n"


def record(label="'a'", *, x="('7100','7110','7120')", y="('0.1','0.3','0.9')", shift="0.5", more=""):
    arguments = f"'bkg_e0','7112.5','bkg_eshift',{shift},'bkg_z','Fe','label',{label}"
    return f"$old_group = 'abcd';\n@args = ({arguments});\n@x = {x};\n@y = {y};\n{more}[record]\n\n"


def read(folder, content):
    path = folder / "a.prj"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_spectra(path)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (r"'it\'s (a) [b], c'", "it's (a) [b], c"),
        ('"Fe\\x{2082}O\\x{2083}"', "Fe₂O₃"),
        ('"\\x{d800}"', "?"),
        ("'Fe₂O₃'", "Fe₂O₃"),
        ('"a \\"b\\""', 'a "b"'),
    ],
)
def test_names(tmp_path, written, name):
    assert [spectrum.name for spectrum in read(tmp_path, HEAD + record(written))] == [name]


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress((HEAD + record()).encode()) + gzip.compress(record("'b'").encode()),
        gzip.compress((HEAD + record() + record("'b'")).encode()) + bytes(512),
        (HEAD + record() + record("'b'")).replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + (HEAD + record() + record("'b'")).encode(),
    ],
)
def test_ways_to_pack(tmp_path, packed):
    first, second = read(tmp_path, packed)
    assert (first.name, second.name) == ("a", "b")
    np.testing.assert_array_equal(first.energy, [7100.5, 7110.5, 7120.5])


@pytest.mark.parametrize("nothing", ["nan", "Inf", "-inf"])
def test_points_without_a_value_are_left_out(tmp_path, nothing):
    more = "@stddev = ('.01','.02','.03');\n"
    (spectrum,) = read(tmp_path, HEAD + record(y=f"('0.1','{nothing}','0.9')", more=more))
    np.testing.assert_array_equal(spectrum.energy, [7100.5, 7120.5])
    np.testing.assert_array_equal(spectrum.mu, [0.1, 0.9])
    np.testing.assert_array_equal(spectrum.sigma, [0.01, 0.03])
    assert spectrum.metadata["notes"] == ["1 of 3 points have no value and are left out"]


def test_decimal_commas_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.prj: the list x of the project: .*'7100,5'; save it again in Athena"):
        read(tmp_path, HEAD + record(x="('7100,5','7110,5','7120,5')"))


def test_records_without_arrays_are_told(tmp_path):
    with pytest.warns(UserWarning, match=r"no mu\(E\) in a, c; left out"):
        spectra = read(tmp_path, HEAD + record(x="()", y="()") + record("'b'") + record("'c'", y="('nan','nan','1')"))
    assert [spectrum.name for spectrum in spectra] == ["b"]
