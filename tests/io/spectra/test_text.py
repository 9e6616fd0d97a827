"""Text as people and programs write it: separators, decimal commas, comments, names, footers, scans, missing values."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_xanes import read_spectra

ENERGY = np.concatenate([np.arange(8300, 8330, 2.5), np.arange(8330, 8350, 0.5), np.arange(8350, 8400, 2.5)])
EDGE = 0.5 + np.arctan((ENERGY - 8338.25) / 1.5) / np.pi
I0 = np.round(5000 + (ENERGY - 8300), 1)
IT = np.round(I0 * np.exp(-0.4 - EDGE), 2)
MU = np.log(I0 / IT)


def written(tmp_path, text, name="scan.dat"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def table(columns, separator=" ", decimal=".", form="{:.3f}"):
    return "".join(
        separator.join(form.format(v).replace(".", decimal) for v in row) + "\n" for row in zip(*columns, strict=True)
    )


@pytest.mark.parametrize("separator", [" ", "\t", "   ", " \t ", ";", " ; "])
def test_decimal_commas(tmp_path, separator):
    text = "energy" + separator + "i0" + separator + "it\n" + table([ENERGY, I0, IT], separator, ",")
    (spectrum,) = read_spectra(written(tmp_path, text))
    np.testing.assert_allclose(spectrum.energy, ENERGY)
    np.testing.assert_allclose(spectrum.mu, MU)


@pytest.mark.parametrize(
    "text",
    [
        "7100,5,0,12\n7101,0,0,13\n7101,5,0,05\n",
        "7100,5 0.12\n7101,0 0.13\n7101,5 0.14\n",
    ],
)
def test_commas_that_may_be_decimals_are_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"scan\.dat.*comma"):
        read_spectra(written(tmp_path, text))


@pytest.mark.parametrize("separator", [",", ", ", " , ", ";", "|", "\t", " \t", "  "])
@pytest.mark.parametrize("mark", ["# ", "% ", "! ", "// ", "* ", "; ", ""])
def test_separators_and_comment_marks(tmp_path, separator, mark):
    head = f"{mark}Fe foil, 300 K\n{mark}{'energy' + separator + 'i0' + separator + 'it'}\n"
    (spectrum,) = read_spectra(written(tmp_path, head + table([ENERGY, I0, IT], separator)))
    np.testing.assert_allclose(spectrum.mu, MU)


def test_numbers_in_the_header_are_no_rows(tmp_path):
    head = "3 regions\n8200 8300 10\n8300 8400 0.5\n1.0 2.0\nScan with 55 points\nenergy i0 it\n"
    (spectrum,) = read_spectra(written(tmp_path, head + table([ENERGY, I0, IT])))
    assert spectrum.energy.size == ENERGY.size


def test_a_footer_is_no_row(tmp_path):
    (spectrum,) = read_spectra(
        written(tmp_path, "energy i0 it\n" + table([ENERGY, I0, IT]) + "\nend of scan\n# 12:00\n")
    )
    assert spectrum.energy.size == ENERGY.size


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("8331.0 5000 abc", "line 20: 'abc' is no number"),
        ("8331.0 5000", "line 20 has 2 columns, the lines before it 3"),
        ("8331.0 5000 1000 1", "line 20 has 4 columns, the lines before it 3"),
        ("beam lost", "line 20 is not a row of numbers: 'beam lost'"),
        ("8331.0 5O00 1000", "line 20: '5O00' is no number"),
    ],
)
def test_a_bad_line_is_named(tmp_path, bad, message):
    lines = ("energy i0 it\n" + table([ENERGY, I0, IT])).splitlines()
    lines.insert(19, bad)
    with pytest.raises(ValueError, match=message):
        read_spectra(written(tmp_path, "\n".join(lines) + "\n"))


def test_a_last_line_that_is_cut_short_is_left_out_with_a_warning(tmp_path):
    text = "energy i0 it\n" + table([ENERGY, I0, IT]) + "8402.5 5100"
    with pytest.warns(UserWarning, match=r"last line \(74\) is cut short"):
        (spectrum,) = read_spectra(written(tmp_path, text))
    assert spectrum.energy.size == ENERGY.size
    assert spectrum.metadata["warnings"]


def test_it_of_zero_is_left_out_with_its_place(tmp_path):
    it = IT.copy()
    it[7] = 0
    with pytest.warns(UserWarning, match=rf"no value at {ENERGY[7]:g} eV \(line 9\)"):
        (spectrum,) = read_spectra(written(tmp_path, "energy i0 it\n" + table([ENERGY, I0, it])))
    assert spectrum.energy.size == ENERGY.size - 1
    assert ENERGY[7] not in spectrum.energy


@pytest.mark.parametrize("missing", ["nan", "NaN", "--", "***"])
def test_missing_values_are_left_out_with_a_warning(tmp_path, missing):
    lines = ("energy i0 it\n" + table([ENERGY, I0, IT])).splitlines()
    lines[5] = " ".join([*lines[5].split()[:2], missing])
    with pytest.warns(UserWarning, match=r"\(line 6\)"):
        (spectrum,) = read_spectra(written(tmp_path, "\n".join(lines) + "\n"))
    assert spectrum.energy.size == ENERGY.size - 1


def test_scans_of_spec_stay_apart(tmp_path):
    scan = "#S {0}  {1}\n#N 3\n#L Energy  I0  I1\n"
    text = "#F file\n\n" + scan.format(1, "ascan motor 0 1 3 1").replace("Energy", "motor") + "0 1 2\n1 2 3\n2 3 4\n\n"
    text += (
        scan.format(2, "escan") + table([ENERGY, I0, IT]) + "\n" + scan.format(5, "escan") + table([ENERGY, I0, I0 / 2])
    )
    path = written(tmp_path, text)
    with pytest.warns(UserWarning, match="left out scan scan 1 ascan motor: no energy among its columns"):
        second, fifth = read_spectra(path)
    np.testing.assert_allclose(second.mu, MU)
    np.testing.assert_allclose(fifth.mu, np.log(2), rtol=1e-3)
    assert (second.name, fifth.name) == ("scan scan 2 escan", "scan scan 5 escan")
    assert read_spectra(path, scan=5)[0].mu[0] == fifth.mu[0]
    with pytest.raises(ValueError, match="scan=3 is not one scan of the file; it has 1 ascan"):
        read_spectra(path, scan=3)


def test_energies_in_any_order_are_sorted_and_said(tmp_path):
    order = np.r_[np.arange(40, ENERGY.size), np.arange(45), 3]
    (spectrum,) = read_spectra(written(tmp_path, "energy i0 it\n" + table([ENERGY[order], I0[order], IT[order]])))
    np.testing.assert_allclose(spectrum.mu, MU)
    assert spectrum.metadata["notes"] == [
        "points sorted by energy",
        "repeats of 6 energies averaged: 78 points became 72",
    ]


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        ("index k chi", (np.arange(72), np.linspace(1.3, 18, 72), EDGE)),
        ("k chi", (np.linspace(1.3, 18, 72), EDGE)),
        ("point time i0", (np.arange(72), np.arange(72) + 7000, I0)),
        ("angle i0 it", (np.linspace(14, 13, 72), I0, IT)),
        ("r chir_mag", (np.linspace(0, 6, 72), EDGE)),
        ("energy i0 it", (np.arange(1, 73), I0, IT)),
        ("Event-ID energy i0 it", (np.ones(72), np.arange(72), I0, IT)),
        ("epoch i0 it", (np.linspace(1.6e9, 1.61e9, 72), I0, IT)),
        ("wavelength i0 it", (12398.4 / ENERGY, I0, IT)),
        ("x i0 it", (ENERGY / 1000, I0, IT)),
    ],
)
def test_what_is_no_energy_is_refused(tmp_path, names, columns):
    with pytest.raises(ValueError, match="energy="):
        read_spectra(written(tmp_path, f"{names}\n" + table(columns, form="{:.6g}")))


@pytest.mark.parametrize(
    "head",
    [
        "energy i0 it\n(keV) (counts) (counts)\n",
        "# energy i0 it\n# keV cts cts\n",
        ",energy (keV),i0,it\n",
        "Photon Energy [keV] I0 It\n",
        "2_energy (keV) 3_i0 4_it\n",
    ],
)
def test_units_and_names_in_lines(tmp_path, head):
    columns = [ENERGY / 1000, I0, IT]
    if head[0] == ",":
        columns = [np.arange(ENERGY.size), *columns]
    text = table(columns, "," if head[0] == "," else " ", form="{:.6f}")
    (spectrum,) = read_spectra(written(tmp_path, head + text))
    np.testing.assert_allclose(spectrum.energy, ENERGY)
    np.testing.assert_allclose(spectrum.mu, MU)


@pytest.mark.parametrize("names", ["energy monitor i0 it", "energy mon I_0 it", "energy monitor I0_EH1 it"])
def test_i0_comes_before_monitors(tmp_path, names):
    (spectrum,) = read_spectra(written(tmp_path, f"{names}\n" + table([ENERGY, 2 * I0 + ENERGY, I0, IT])))
    np.testing.assert_allclose(spectrum.mu, MU)


def test_columns_of_several_samples_stay_apart(tmp_path):
    path = written(tmp_path, "Energy mu_FeO mu_Fe2O3\n" + table([ENERGY, EDGE, 2 * EDGE]))
    assert [s.name for s in read_spectra(path)] == ["mu_FeO", "mu_Fe2O3"]


def test_the_reason_of_a_text_comes_first(tmp_path):
    with pytest.raises(ValueError, match=r"scan\.dat: it has no two columns of numbers; .*; no spectra"):
        read_spectra(written(tmp_path, "hello\n"))


def test_counters_without_names_are_refused_until_chosen(tmp_path):
    path = written(tmp_path, table([ENERGY, I0, IT]))
    with pytest.raises(ValueError, match=r"no column of I0 was found in 2 columns without names.*i0= and signal="):
        read_spectra(path)
    np.testing.assert_allclose(read_spectra(path, i0=2, signal=3)[0].mu, MU)
    np.testing.assert_allclose(read_spectra(path, i0=2, signal="3", mode="fluorescence")[0].mu, IT / I0)


def test_choices(tmp_path):
    flat = np.round(I0 * 0.1, 2)
    fluorescence = np.round(I0 * EDGE, 3)
    path = written(tmp_path, "Energy i0 it Fe_Ka_mca1 Fe_Ka_mca2\n" + table([ENERGY, I0, IT, flat, fluorescence]))
    assert read_spectra(path, mode="transmission")[0].metadata["column"] == "ln(i0/it)"
    np.testing.assert_allclose(read_spectra(path, mode="fluorescence")[0].mu, (flat + fluorescence) / I0)
    (one,) = read_spectra(path, signal="Fe_Ka_mca2")
    np.testing.assert_allclose(one.mu, fluorescence / I0)
    assert one.metadata["reading"] == {"signal": "Fe_Ka_mca2"}
    np.testing.assert_allclose(read_spectra(path, signal=["fe_ka_mca1", 5])[0].mu, (flat + fluorescence) / I0)
    np.testing.assert_allclose(read_spectra(path, signal="I0", mode="as is")[0].mu, I0)
    for wrong, message in (
        ({"signal": "Zn"}, "signal='Zn' is no column; the file has the columns Energy, i0"),
        ({"mode": "absorption"}, "mode 'absorption' is none of"),
        ({"mode": "as is"}, r"no column of mu\(E\) was found among Energy"),
    ):
        with pytest.raises(ValueError, match=message):
            read_spectra(path, **wrong)


ALIASES = {
    "energy": [
        "energy",
        "Energy",
        "ENERGY (eV)",
        "Photon Energy [eV]",
        "mono_energy",
        "energy_readback",
        "eV",
        "13ID:Energy.RBV",
    ],
    "i0": ["i0", "I0", "Io", "I0_EH2", "monitor", "I_0", "i0_detector", "I0-32"],
    "it": ["it", "I1", "itrans", "It_EH2", "transmission", "I1-32"],
    "time": ["time", "Seconds", "Real time clock", "Integration time"],
    "index": ["index", "point", "Pt_No", "Event-ID"],
    "if": ["if", "FF", "Fluo", "fluorescence", "Fe_Ka_mca1", "TFY", "PIPS"],
    "other": ["Ring current", "temperature", "I0_gain"],
}
IF = np.round(I0 * (0.02 + 0.1 * EDGE), 3)


@settings(max_examples=60)
@given(data=st.data())
def test_the_same_columns_give_the_same_spectrum_or_a_refusal(data, tmp_path_factory):
    """Permuted, renamed by alias, in keV, out of order, with other separators and headers: the same mu(E)."""
    signal = data.draw(st.sampled_from(["it", "if"]))
    keys = [key for key in data.draw(st.permutations(list(ALIASES))) if key not in {"it", "if"} - {signal}]
    names = {key: data.draw(st.sampled_from(aliases)) for key, aliases in ALIASES.items()}
    kev = data.draw(st.booleans())
    energy = ENERGY / 1000 if kev else ENERGY
    if kev:
        names["energy"] = names["energy"].replace("eV", "keV")
    values = {
        "energy": energy, "i0": I0, "it": IT, "if": IF, "time": np.ones(ENERGY.size), "index": np.arange(ENERGY.size),
        "other": np.full(ENERGY.size, 187.25),
    }  # fmt: skip
    separator = data.draw(st.sampled_from(["\t", ",", ";", "   ", " ,\t"]))
    decimal = data.draw(st.sampled_from([".", ","])) if separator in ("\t", ";", "   ") else "."
    mark = data.draw(st.sampled_from(["# ", "", "% ", "#\t"]))
    junk = data.draw(st.lists(st.sampled_from(["Fe foil", "E0 = 8333", "3 4 5", "Scan 12; 300 K", ""]), max_size=3))
    name_separator = separator if separator in ("\t", ",", ";") else "   "
    shuffled = [*range(30, ENERGY.size), *range(35), 3, 3]
    order = data.draw(st.sampled_from([slice(None), slice(None, None, -1), shuffled]))
    columns = [values[key][order] for key in keys]
    rows = table(columns, separator, decimal, "{:.6f}")
    text = (
        "".join(f"{mark}{line}\n" for line in junk) + mark + name_separator.join(names[k] for k in keys) + "\n" + rows
    )
    path = tmp_path_factory.mktemp("table") / "a.dat"
    path.write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy, ENERGY, atol=1e-6)
    np.testing.assert_allclose(spectrum.mu, MU if signal == "it" else IF / I0, atol=1e-9)


def test_exported_curves_of_several_axes_read_back(tmp_path):
    er = np.arange(8280.0, 8420.0)
    rows = list(itertools.zip_longest(ENERGY, EDGE, 0.1 * EDGE, er, np.arctan(er - 8338), fillvalue=None))
    head = (
        "energy (eV),region 1 · optical depth (OD),region 1 · standard deviation,energy (eV),Ni2 · optical depth (OD)\n"
    )
    text = head + "".join(",".join("" if v is None else f"{v:.10g}" for v in row) + "\n" for row in rows)
    region, reference = read_spectra(written(tmp_path, text, "x.csv"))
    np.testing.assert_allclose(region.mu, EDGE, rtol=1e-9)
    np.testing.assert_allclose(region.metadata["standard_deviation"], 0.1 * EDGE, rtol=1e-9)
    np.testing.assert_allclose(reference.energy, er)
    assert [s.metadata["normalized"] for s in (region, reference)] == [False, False]
