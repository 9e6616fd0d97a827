"""Column files as beamlines write them: each layout is written here from its description, and gives the known mu(E)."""

# ruff: noqa: E501, lines of headers are as long as in the files

from __future__ import annotations

import warnings

import numpy as np
import pytest

from napari_xanes import read_spectra

RNG = np.random.default_rng(7)
ENERGY = np.round(
    np.concatenate([np.arange(8280, 8320, 4.0), np.arange(8320, 8360, 0.5), np.arange(8360, 8500, 5.0)]), 3
)
EDGE = 0.5 + np.arctan((ENERGY - 8333) / 1.5) / np.pi
I0 = np.round(50000 + 30 * (ENERGY - 8280) + 40 * np.sin(ENERGY))
IT = np.round(I0 * np.exp(-0.4 - 1.2 * EDGE) + RNG.normal(0, 20, ENERGY.size))
IR = np.round(IT * np.exp(-0.3 - 0.5 * EDGE))
IF = np.round(I0 * (0.02 + 0.1 * EDGE) + RNG.normal(0, 20, ENERGY.size))
FLAT = np.round(I0 * 0.05 + RNG.normal(0, 20, ENERGY.size))
NO_EDGE = np.round(I0 * np.exp(-0.4) + RNG.normal(0, 20, ENERGY.size))
TRANSMISSION = np.log(I0 / IT)
FLUORESCENCE = IF / I0
D = 3.13551
ANGLE = np.degrees(np.arcsin(12398.419843320026 / (2 * D * ENERGY)))


def rows(*columns, separator=" ", number="{:.10g}".format):
    return "\n".join(separator.join(number(v) for v in row) for row in zip(*columns, strict=True)) + "\n"


def time_column():
    return np.ones(ENERGY.size)


def aps_10bm():
    head = (
        'MRCAT_XAFS V0.4 Datafile\n"x.002" created at APS 10BM\nE0= 8333.00\nOffsets= 113.00 102.00 73.00 75.00 0.00\n'
    )
    head += "3000 x 806\n4 layers\n" + "-" * 96 + "\n   energy       Io       It     Iref       If \n"
    return head + rows(ENERGY, I0, IT, IR, FLAT), TRANSMISSION


def aps_12bm():
    names = ["Energy (keV)", "sec", "mononrg", "i0", "i1", "mu01", "mu12", "fla01", "fla02", "TC1"]
    head = "#D Tue Jul 09 14:44:45 2019\n#S Scan 29; exafsscan\n#C exafs_region -200 -20 36 1 0 0 0\n"
    head += "#C " + " ".join(f"{i}_{name}" for i, name in enumerate(names, 1)) + "\n"
    other = np.log(IT / IR)
    body = rows(ENERGY / 1e3, time_column(), ENERGY / 1e3 - 1e-5, I0, IT, TRANSMISSION, other, FLAT, FLAT, 0 * IT)
    return head + body, TRANSMISSION


def labview():
    names = [
        "Mono Energy (alt) *",
        "Scaler preset time *",
        "Ipreslit",
        "I0-32",
        "It-32",
        "Iref-32",
        "XMAP:NiKa_Sum",
        "XMAP:Total",
    ]
    head = (
        "# 1-D Scan File created by LabVIEW Control Panel  1/1/2026\n#\n#                 E0: 8333.00 eV   489 points\n"
    )
    listed = [f"{i}) {name}" for i, name in enumerate(names, 1)]
    head += "".join(f"#  {a:24}{b}\n" for a, b in zip(listed[:4], listed[4:], strict=True))
    head += "#\n# Column Headings:\n#" + "".join(f"{name:21}"[:21] for name in names) + "\n"
    total = FLAT + 1000
    return head + rows(ENERGY, time_column(), I0, I0, NO_EDGE, NO_EDGE, IF, total), FLUORESCENCE


def epics_scan():
    head = "; Epics Scan 1 dimensional scan\n; PV list:\n; Mono Energy readback (13BMA:E_RBV)\t = 9504.0176\n"
    head += ";     -150.00    -10.000     5.0000     29.000     1.0000   0\n; column labels:\n"
    head += "; P1 = {Energy} --> 13BMA:E:Energy.VAL\n; P2 = {Scaler Count Time} --> 13BMD:scaler1.TP\n"
    head += "; D1 = {I0}  --> 13BMD:calc2.VAL\n; D2 = {I1}  --> 13BMD:calc3.VAL\n;-----\n;  P1 P2 D1 D2\n"
    return head + rows(ENERGY, time_column(), I0, IT), TRANSMISSION


def step_scan_xdi():
    names = ["Energy eV", "TSCALER counts", "I0 counts", "I1 counts"]
    names += [f"{line}_mca{i} counts" for line in ("OutputCounts", "Ca_Ka", "Ni_Ka", "Clock") for i in (1, 2)]
    head = "#XDI/1.1    Epics StepScan File / 2.0\n"
    head += "".join(f"# Column.{i}: {name}  ||  13QX4:{i}\n" for i, name in enumerate(names, 1))
    head += "#----\n# " + "  ".join(name.split()[0] for name in names) + "\n"
    half = np.round(IF / 2)
    counts = [FLAT + 5e4, FLAT + 5e4, FLAT, FLAT, half, IF - half, 1e6 + 0 * IF, 1e6 + 0 * IF]
    return head + rows(ENERGY, time_column(), I0, NO_EDGE, *counts), FLUORESCENCE


def xdac():
    head = 'XDAC V1.4 Datafile V1\n"Fe.002" created on 6/27/11 at 2:22:40 PM on X-23A2\nDiffraction element= Si (311)\n'
    head += "E0= 8333.00\nSRB= -200 -20 30 60 13k\nN2 in I0, Vortex\n\n" + "-" * 80 + "\n"
    head += "        Energy            I0            It         Ifch1         Ifch2       Ifslow1       Ifslow2       Iffast1       Iffast2\n"
    slow = np.full(ENERGY.size, 9000.0)
    return head + rows(ENERGY, I0, NO_EDGE, IF / 4, IF / 4, slow, slow, 2 * slow, 2 * slow), FLUORESCENCE


def ssrl():
    head = "SSRL   EXAFS Data Collector 1.3\nSun May 21 00:13:57 2006\nPTS:        455 COLS:          6\n"
    head += "2-3 unfocused  0.000 -2 Si(220) 1.920156   100000\n4 2000 25 RST 0 0\n\n\nWeights:\n"
    head += " 1.000  1.000  1.000  1.000  1.000  1.000 \nOffsets: \n 0.000  0.000  0.000  144.200  133.500  238.300 \n"
    head += "Data: \nReal time clock   \nRequested Energy  \nAchieved Energy   \nI0                \nI1                \nI2                \n"
    return head + rows(time_column(), ENERGY + 0.02, ENERGY, I0, IT, IR), TRANSMISSION


def photon_factory(modes="1 2", signal=IT, spread=1.0):
    head = (
        "  9809     KEK-PF   BL12C\n x.001  07.05.12 23:28 - 07.05.12 23:55\n Ring :   2.5 GeV   348.8 mA -  342.8 mA\n"
    )
    head += f" Mono :   SI(111)       D=  {D} A    Initial angle=  9.25969 deg\n BL12C     Transmission( 2)   Repetition=  6\n"
    head += " Block      Init-Eng  final-Eng      Step/eV     Time/s       Num\n     1       8049.00  8150.00   6.00   1.00   17\n"
    head += "     2       8150.00  8500.00    .35       1.00       486\n Ortec(-1)     NDCH = 3\n  Angle(c)  Angle(o)    time/s"
    head += (
        "         2         3\n      Mode         0         0 "
        + modes
        + "\n    Offset         0         0   826.150   652.975\n"
    )
    return head + rows(ANGLE + 0.01 * spread, ANGLE, time_column(), I0, signal)


def spring8():
    return photon_factory().replace("KEK-PF   BL12C", "SPring-8 BL01B1"), TRANSMISSION


def photon_factory_fluorescence():
    return photon_factory("1 3", IF), FLUORESCENCE


def cls_hxma():
    head = '# CLS Data Acquisition\n#(1)\t"Event-ID"\t"BL1606-ID-1:Energy"\t"MONO16061I1001:Energy:fbk"\t"MONO16061I1001:Energy:sp"'
    head += (
        "".join(f'\t"BL1606-ID1:mcs0{i}:fbk"' for i in (3, 4, 5, 6))
        + '\t"BL1606-ID-1:k"\n# Background counts time=0, 5.0000\n'
    )
    columns = (time_column(), ENERGY, ENERGY + 0.01, ENERGY, IF, I0, IT, IR, 0 * IT)
    return head + rows(*columns, separator=", "), TRANSMISSION


def lucia():
    head = "# XAS / LUCIA / SOLEIL : \n# Monochromator Crystal : 3: Si311\n# Range\t\tFrom(eV)\tTo(eV)\t\tStep(eV)\n## 1\t\t7070\t\t7105\t\t2\n#\n"
    head += "# Energy\tIo\t\tFY\t\tDeadTime\t\tFY_c\t\tTEY\t\tIt\t\tCtr4\n"
    return head + rows(ENERGY, I0, FLAT, 7 + 0 * IF, IF, 0 * IF, 0 * IF, 0 * IF, separator="\t\t"), FLUORESCENCE


def lisa():
    head = "#eBraggEnergy I0_EH1 I1_EH1 mu I1_EH2 IR_EH2 mu_ref\n"
    return head + rows(ENERGY, I0, IT, TRANSMISSION, IT, IR, np.log(IT / IR)), TRANSMISSION


def snbl():
    head = "#F /x.dat\n#E 1371554237\n#O0  samplez    omegax\n\n#S 1  zapline mono 10.3073 9.89985 7244 100\n#N 8\n"
    head += "#L Mon    Det1  Ion1  MonEx  Ion2  Htime  TwoTheta  ZapEnergy\n"
    return head + rows(I0, 0 * I0, IT, I0, IR, 1e5 + 0 * I0, ANGLE, ENERGY / 1e3), TRANSMISSION


def iss():
    head = "# Facility: NSLS-II\n# E0: 8333\n#\n# # energy  i0  ir  it  iff  pba2_adc7\n"
    return head + rows(ENERGY, -1e-9 * I0, -1e-9 * IR, -1e-9 * IT, -1e-9 * FLAT, 1e-4 + 0 * IT), TRANSMISSION


def phoenix():
    names = [
        "Energy",
        "NiKa_sum_cps",
        "AlKa_sum_cps",
        "I0_KEITHLEY1",
        "KEITHLEY1_GAIN",
        "I1_KEITHLEY2",
        "KEITHLEY4_TEY",
        "D1_NiKa_corr",
        "D1_ICR",
    ]
    head = "#    " + "    ".join(f"{name}_c{i}" for i, name in enumerate(names, 1)) + "\n"
    return head + rows(ENERGY, IF, FLAT, I0, 7 + 0 * I0, 0 * I0 - 0.1, FLAT, IF, FLAT), FLUORESCENCE


def desy_fio():
    head = "!\n! Comments\n!\n%c\nName: fe_001\n!\n! Parameter\n!\n%p\nI0_gain = 6\n!\n! Data\n!\n%d\n"
    names = ["ENERGY", "ENERGY_ENC", "TIMESTAMP", "I0", "I1", "I2"]
    head += "".join(f" Col {i} {name} DOUBLE\n" for i, name in enumerate(names, 1))
    return head + rows(ENERGY + 0.5, ENERGY, time_column(), I0, IT, IR), TRANSMISSION


def balder():
    head = "# Pt_No  dt  mono1_energy  albaem-02_ch1  I0  It\n"
    return head + rows(np.arange(ENERGY.size), time_column(), ENERGY, FLAT, I0, IT), TRANSMISSION


def log_of_ratio():
    head = "#%name: Cu2S  cuprous sulfide\n#%mono: si(220) unfocused\n#---------------\n# energy     log(i0/it)   log(it/ir)  i0\n"
    return head + rows(ENERGY, TRANSMISSION, np.log(IT / IR), I0), TRANSMISSION


def feff():
    head = "# Ni\n#  PATH  Rmax= 5.0\n# ----\n#  omega    e    k    mu    mu0     chi     @#\n"
    k = np.linspace(-2, 6, ENERGY.size)
    return head + rows(ENERGY, ENERGY - 8333, k, TRANSMISSION, 0 * IT, 0 * IT), TRANSMISSION


def fdmnes():
    head = "# FDMNES program, Revision 20th of January 2022\n#    Date = 21 01 2022\n"
    head += "#         8333.0          1.25          15.0           0.0 = E_edge, Gamma_hole, Gamma_max, E_cut\n    Energy    <xanes>\n"
    return head + rows(ENERGY - 8333, TRANSMISSION), TRANSMISSION


LAYOUTS = [
    aps_10bm, aps_12bm, labview, epics_scan, step_scan_xdi, xdac, ssrl, spring8, photon_factory_fluorescence, cls_hxma,
    lucia, lisa, snbl, iss, phoenix, desy_fio, balder, log_of_ratio, feff, fdmnes,
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_layout(tmp_path, layout):
    text, mu = layout()
    path = tmp_path / "scan.001"
    path.write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (spectrum,) = read_spectra(path)
    np.testing.assert_allclose(spectrum.energy, ENERGY, atol=2e-5)
    np.testing.assert_allclose(spectrum.mu, mu, rtol=1e-7, atol=1e-9)
    assert len(spectrum.metadata["reasons"]) >= 2
