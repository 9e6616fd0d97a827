"""More layouts of column files, written from their descriptions: each gives the known mu(E), or is refused by its reason."""

# ruff: noqa: E501, lines of headers are as long as in the files

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.io.spectra.test_layouts import (
    ANGLE,
    ENERGY,
    FLAT,
    FLUORESCENCE,
    I0,
    IF,
    IR,
    IT,
    NO_EDGE,
    TRANSMISSION,
    D,
    photon_factory,
    rows,
    time_column,
)

from napari_xanes import read_spectra

ZERO = 0 * ENERGY
K = np.linspace(-2, 6, ENERGY.size)


def aps_9bm_spec():
    head = "#F powder_Apr13\n#E 1144942126\n#C fourc  User = user\n#O0      tth        th       Chi       phi    energy\n\n"
    head += "#S 1  gescan  energy 8280 8500  257 var\n#T 1  (Seconds)\n#G3 4.07 -6.5e-16 0\n#P0 0.2395 0.2395 27.556 0.2395 2150\n#N 13\n"
    head += "#L energy  H  K  L  Epoch  current  i0  i1  i2  i0off  i1off  Lytle  Seconds\n"
    body = rows(
        ENERGY, ZERO, ZERO, ZERO, 100 + ENERGY, 1e6 + ZERO, I0, ZERO, ZERO + 235, I0 / 2, ZERO, IF, time_column()
    )
    return head + body, FLUORESCENCE


def aps_20bm_labview():
    names = [
        "Mono Energy *",
        "Scaler preset time *",
        "Preslit",
        "I0",
        "I1",
        "I2-IF",
        "I3",
        "As_SUM",
        "DXP12:0:As",
        "DXP12:1:As",
    ]
    head = "# 1-D Scan File created by LabVIEW Control Panel  1/1/2026  11:17:00 AM; Scan time 0 hrs 6 min 41 sec.\n#\n# Beamline 20 BM\n#\n"
    head += "# N2 in I0, I1, I3 (ref)\n#\n# Amplifier Sensitivities:\n# Preslit: 500 pA/V  I0: 5 nA/V  I1: 2 nA/V\n#\n"
    head += "# Positioner names/Drive PVs/Readback PVs:\n# Mono Energy */bm:monoE.VAL/bm:EnctoE.VAL\n#\n# Column Headings:\n#"
    head += "".join(f"{name:21}" for name in names) + "\n"
    columns = (ENERGY, time_column(), I0, I0, IT, FLAT, IR, 1483 + ZERO, 140 + ZERO, 123 + ZERO)
    return head + rows(*columns, number="{:24.8f}".format), TRANSMISSION


def mrcat():
    head = 'MRCAT_XAFS V0.3 Datafile\n"Ni.0001" created at APS Sector 10-ID on Mon Jan 1 10:11:12 2026\nRing energy= 7.00 GeV\n'
    head += "E0= 8333.00\nNUM_REGIONS= 3\nSRB= -200 -20 30 12k\nSettling time= 0.10\nOffsets= 113.00 102.00 73.00 75.00\nGains= 7.00 7.00 8.00 8.00\n"
    head += "Ni foil\n\n" + "-" * 80 + "\n   Energy       Io       It     Iref       If\n"
    return head + rows(ENERGY, I0, IT, IR, FLAT), TRANSMISSION


def xdac_old():
    head = 'XDAC V1.2 Datafile V1\n"ni.060" created on 1/3/26 at 10:20:36 PM on X-11A\nRing energy= 2.58 GeV\nE0= 8333.00\n'
    head += "SRB= -200 -20 20 22k\nSPP= 2 2 2\n\n\nOffsets= 9925.80 9914.40\nGains= 7.00 7.00\nNi foil, I0: 50%N2, It:N2\n\n\n"
    head += "-" * 80 + "\n        Energy            I0            It\n"
    return head + rows(ENERGY, I0, IT, number="{:14.5f}".format), TRANSMISSION


def ssrl_elements():
    head = "SSRL   EXAFS Data Collector 4.0       \nThu Jan 20 02:18:52 2026              \nPTS:        455 COLS:         11\nxsp.det\nNi.rgn\n"
    head += '43 unfocused  0.000 0 X 3.135600 20000\n5 1000 600 RST 0 0\ni0 5e8 50pA", "1x1mm"\n\n\n\n\n\nWeights: \n'
    head += " " + "  ".join(["1.000"] * 11) + "\nOffsets: \n " + "  ".join(["0.000"] * 11) + "\nData: \n"
    names = ["Real time clock", "Sum_RTC", "Requested Energy", "Achieved Energy", "I0", "I1", "I2"]
    names += ["SCA1_1", "SCA1_2", "ICR1_1", "ICR1_2"]
    head += "".join(f"{name:<18}\n" for name in names) + "\n"
    columns = (time_column(), ZERO, ENERGY + 0.3, ENERGY, I0, NO_EDGE, IR, IF / 4, IF * 3 / 4, 2 * IF, 3 * IF)
    return head + rows(*columns), FLUORESCENCE


def bm23():
    head = "#F /data/bm23/inhouse/ni  BM23 E.S.R.F.\n#D Mon Jan 01 10:00:00 2026\n#S 1 zapline mono\n#N 5\n#L E(keV)  Time  I0  I1  I2\n"
    body = rows(ENERGY / 1e3, time_column(), I0, IT, IR).splitlines(keepends=True)
    body.insert(20, "-" * 60 + "\n")
    return head + "".join(body), TRANSMISSION


def b18():
    head = "# Diamond Light Source\n# Instrument: B18-CORE XAS\n# Sample: Ni foil\n#\n# qexafs_energy\tI0\tIt\tIref\tlnI0It\tlnItIref\tFF\tFFI0\n"
    return head + rows(ENERGY, I0, IT, IR, TRANSMISSION, np.log(IT / IR), FLAT, FLAT / I0, separator="\t"), TRANSMISSION


def gda_srs():
    head = "&SRS\n<MetaDataAtStart>\ncmd=qexafs 8280 8500\nscan=1\n</MetaDataAtStart>\n &END\nqexafs_energy\tI0\tIt\tIref\tFF\n"
    return head + rows(ENERGY, I0, IT, IR, FLAT, separator="\t"), TRANSMISSION


def samba():
    head = "# SOLEIL SAMBA\n# scan.nxs\n# Energy Theta XMU FLUO REF FLUO_RAW I0 I1 I2\n"
    columns = (ENERGY, ANGLE, TRANSMISSION, FLAT / I0, np.log(IT / IR), FLAT, I0, IT, IR)
    return head + rows(*columns), TRANSMISSION


def rock():
    head = "#Energy(eV)\tmu_sample\tmu_ref\tI0\tI1\tI2\n"
    return head + rows(ENERGY, TRANSMISSION, np.log(IT / IR), I0, IT, IR, separator="\t"), TRANSMISSION


def p65_fio():
    names = ["ENERGY_SP", "ENERGY_RBV", "sample_time", "I0", "I1", "I2", "PIPS"]
    head = "!\n! Comments\n!\n%c\nP65: Name: Ni  from 1-Jan-2026 12:00:00\n!\n! Parameter\n!\n%p\nMONO = Si111\n!\n! Data\n!\n%d\n"
    head += "".join(f" Col {i} {name} DOUBLE\n" for i, name in enumerate(names, 1))
    return head + rows(ENERGY + 0.4, ENERGY, time_column(), I0, IT, IR, FLAT), TRANSMISSION


def p64_fio():
    head = "!\n! Data\n!\n%d\n Col 1 energy_kev DOUBLE\n Col 2 i0 DOUBLE\n Col 3 i1 DOUBLE\n Col 4 fluo DOUBLE\n"
    return head + rows(ENERGY / 1e3, I0, NO_EDGE, IF), FLUORESCENCE


def bioxas():
    head = "# BioXAS-Main\n# Scan: Ni foil\n# EnergySetpoint\tEncoderEnergyFeedback\tDwellTime\tI0Detector\tI1Detector\tI2Detector\tDirectEnergySetpoint\n"
    columns = (ENERGY + 0.2, ENERGY, time_column(), I0, IT, IR, ENERGY + 0.1)
    return head + rows(*columns, separator="\t"), TRANSMISSION


def sgm():
    head = "# CLS SGM\n# Energy(eV)\tI0\tTEY\tTFY\tPD\n"
    return head + rows(ENERGY, I0, IF, FLAT, FLAT, separator="\t"), FLUORESCENCE


def hxma_epics():
    head = '# CLS Data Acquisition\n#(1)\t"Event-ID"\t"BL1606-ID-1:Energy"'
    head += "".join(f'\t"BL1606-ID1:mcs0{i}:fbk"' for i in (4, 5, 6)) + '\t"DXP:Ge32:Sum"\n#(1) 1\n'
    return head + rows(time_column(), ENERGY, I0, IT, IR, FLAT, separator=", "), TRANSMISSION


def fdmnes_unconvolved():
    head = "# FDMNES program, Revision 20th of January 2022\n#    Date = 01 01 2026\n"
    head += "  8333.000   28  1  1     0.00000   -19.30749    -5.01332 = E_edge, Z, n_edge, j_edge, Abs_before_edge, VO_interstitial, E_Fermi\n"
    return head + "    Energy    <xanes>\n" + rows(ENERGY - 8333, TRANSMISSION), TRANSMISSION


def feff6():
    head = "# Ni fcc                                        Feff 6L.02\n# Abs   Z=28 Rmt= 1.269 Rnm= 1.398 K  shell\n"
    head += "# Mu=-4.6E+00 kf=1.7E+00 Vint=-1.6E+01 Rs_int= 2.056\n# -----------------------------------------------------------------------\n"
    return head + "#  omega    e    k    mu    mu0     chi     @#\n" + rows(
        ENERGY, ENERGY - 8333, K, TRANSMISSION, ZERO, ZERO
    ), TRANSMISSION


def crispy_csv():
    return '"Energy (eV)";"XAS (a.u.)"\n' + rows(ENERGY, TRANSMISSION, separator=";"), TRANSMISSION


def crispy_spec():
    head = "#F Ni2+ Oh 2p XAS.spec\n#D 2026-01-01T10:00:00\n\n#S 1 Isotropic Absorption\n#D 2026-01-01T10:00:00\n#N 2\n"
    return head + "#L Absorption Energy (eV)  Absorption Intensity\n" + rows(ENERGY, TRANSMISSION), TRANSMISSION


def ritsumeikan_csv():
    names = "#Energy,Ch0(SC),Ch1(MCP),Ch2(SDD),Ch3(I0),,Real eV"
    table = zip(ENERGY + 0.3, FLAT, FLAT, IF, I0, ENERGY, strict=True)
    body = "".join("{:.8g},{:.8g},{:.8g},{:.8g},{:.8g},,{:.8g}\n".format(*row) for row in table)
    return "# SR Center\n" + names + "\n" + body, None


def lytle():
    steps = np.round(ANGLE * 4000, 3)
    energy = 12398.419843320026 / (2 * D * np.sin(np.radians(steps / 4000)))
    head = f"  NPTS  NS CUEDGE  CUHITE   DSPACE  STPDEG  STEPMM  START    STOP     SCALE\n   {ENERGY.size}   4  84294. 200000. {D}   4000.   3150.  {steps[0]:.0f}.  {steps[-1]:.0f}.    2.000\n"
    head += "   DELTA:     50.      8.     16.     32.     46.\n  DELEND:  84788.  83804.  81216.  76752.  71076.\n     SEC:   2.000   2.000   2.000   2.000   2.000\n"
    head += "  OFFSET: 1830. 1937.  366.  851.\n Ni foil AT 300K                                            7   9  1- 1-83\n"
    assert np.abs(energy - ENERGY).max() < 2e-3
    return head + rows(steps, I0, IT, FLAT, IR), TRANSMISSION


def photon_factory_yield():
    return photon_factory("1 4", IF), FLUORESCENCE


def photon_factory_other_mode():
    text = photon_factory("1 2", IF).replace("BL12C     Transmission( 2)", "BL9A      Fluorescence( 3)")
    return text, FLUORESCENCE


def saga():
    return photon_factory().replace("KEK-PF   BL12C", "SAGA-LS  BL11"), TRANSMISSION


def aichi():
    return photon_factory("1 3", IF).replace("KEK-PF   BL12C", "AichiSR  BL5S1"), FLUORESCENCE


LAYOUTS = [
    aps_9bm_spec, aps_20bm_labview, mrcat, xdac_old, ssrl_elements, bm23, b18, gda_srs, samba, rock, p65_fio, p64_fio, bioxas,
    sgm, hxma_epics, fdmnes_unconvolved, feff6, crispy_csv, crispy_spec, lytle, photon_factory_yield,
    photon_factory_other_mode, saga, aichi,
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_layout(tmp_path, layout):
    text, mu = layout()
    path = tmp_path / "scan.001"
    path.write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy, ENERGY, atol=3e-3)
    np.testing.assert_allclose(spectrum.mu, mu, rtol=1e-7, atol=1e-9)
    assert len(spectrum.metadata["reasons"]) >= 2


def test_ritsumeikan_with_an_empty_column(tmp_path):
    (tmp_path / "scan.csv").write_text(ritsumeikan_csv()[0])
    (spectrum,) = read_spectra(tmp_path / "scan.csv")
    np.testing.assert_allclose(spectrum.energy, ENERGY)  # as measured, not the first column
    np.testing.assert_allclose(spectrum.mu, FLUORESCENCE, rtol=1e-6)


def test_lytle_of_another_length_is_refused(tmp_path):
    text, _ = lytle()
    (tmp_path / "scan.dat").write_text("".join(text.splitlines(keepends=True)[:-3]))
    with pytest.raises(ValueError, match="header says 118 points, but its table has 115 rows of 5 columns"):
        read_spectra(tmp_path / "scan.dat")


def test_9809_of_two_modes_without_an_edge_is_refused(tmp_path):
    flat = photon_factory("1 2", NO_EDGE).replace("BL12C     Transmission( 2)", "BL9A      Fluorescence( 3)")
    (tmp_path / "scan.dat").write_text(flat)
    with pytest.raises(ValueError, match=r"marks the detector as transmitted; choose with mode="):
        read_spectra(tmp_path / "scan.dat")
    np.testing.assert_allclose(read_spectra(tmp_path / "scan.dat", mode="transmission")[0].mu, np.log(I0 / NO_EDGE))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Quanty: energies from the edge, which the file does not give, with the real and the imaginary part.
        ("#Energy Re[0] Im[0]\n" + rows(ENERGY - 8333, TRANSMISSION, FLUORESCENCE), "relative to an edge"),
        ("#1\n#2\n#3\n#4\n#5\n" + rows(ENERGY - 8333, TRANSMISSION, FLUORESCENCE), "no list of photon energies"),
        # dispersive: pixels of a strip detector
        (rows(np.arange(1.0, 119), FLUORESCENCE), "no list of photon energies"),
        (rows(np.arange(512.0), np.ones(512)), "no list of photon energies"),
        # SRS before names: angles in millidegrees or energies, six counters
        ("&SRS\n SRSRUN=1\n &END\n" + rows(ANGLE * 1e3, time_column(), I0, IT, FLAT, ZERO), "choose|no column of I0"),
    ],
)  # fmt: skip
def test_refused(tmp_path, text, message):
    (tmp_path / "scan.dat").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_spectra(tmp_path / "scan.dat")


def test_scans_that_were_appended_are_kept_apart(tmp_path):
    head = "# energy i0 it\n"
    text = head + rows(ENERGY, I0, IT) + rows(ENERGY, 2 * I0, IT)
    (tmp_path / "scan.dat").write_text(text)
    with pytest.warns(UserWarning, match="start again: 2 scans of the same range are kept apart"):
        first, second = read_spectra(tmp_path / "scan.dat")
    assert (first.name, second.name) == ("scan pass 1", "scan pass 2")
    np.testing.assert_allclose(first.mu, TRANSMISSION)
    np.testing.assert_allclose(second.mu, TRANSMISSION + np.log(2))


def test_a_scan_to_and_fro_is_two_scans(tmp_path):
    jitter = np.random.default_rng(1).normal(0, 0.3, ENERGY.size)
    there = ENERGY + jitter
    text = "# energy i0 it\n" + rows(there, I0, IT) + rows(ENERGY[::-1], I0[::-1], IT[::-1])
    (tmp_path / "scan.dat").write_text(text)
    with pytest.warns(UserWarning, match="2 scans"):
        first, second = read_spectra(tmp_path / "scan.dat")
    np.testing.assert_allclose(first.energy, np.sort(there), rtol=1e-9)
    np.testing.assert_allclose(second.mu, TRANSMISSION)


def test_segments_of_one_scan_stay_together(tmp_path):
    order = np.r_[60:118, 0:65]
    (tmp_path / "scan.dat").write_text("# energy i0 it\n" + rows(ENERGY[order], I0[order], IT[order]))
    (spectrum,) = read_spectra(tmp_path / "scan.dat")
    np.testing.assert_allclose(spectrum.mu, TRANSMISSION)
    assert "points sorted by energy" in spectrum.metadata["notes"]
