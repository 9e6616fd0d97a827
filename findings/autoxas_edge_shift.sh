#!/usr/bin/env bash
# Expected: a calibration of the energies by a foil moves the edge of the foil to its tabulated energy.
# Observed in autoxas 1.0.2: the shift is found, added to the energies, and the spectra are interpolated at the new
# energies: each value stays at its own energy, and so does the edge. Only the range of the scan moves, and its end is
# filled with the last value.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1" \
  "pandas==2.2.3" "plotly==5.24.1" "plotly_express==0.4.1" "seaborn==0.13.2"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "autoxas==1.0.2"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY' 2>/dev/null
from importlib.metadata import version
from pathlib import Path
import numpy as np
from autoXAS.autoXAS import autoXAS
from larch.xafs import find_e0
from larch.xray import xray_edge

table = xray_edge("Fe", "K", energy_only=True)
energy = np.arange(7000.0, 7300.0, 0.5)
mu = 0.2 + 1 / (1 + np.exp(-(energy - table - 3) / 0.8))
Path("scans").mkdir()
rows = "".join(f"{e:.2f} 1.0 {m:.6f}\n" for e, m in zip(energy, mu))
Path("scans/Fe.dat").write_text("# Energy I0 I1\n" + rows)


def edge():
    return float(find_e0(scan.data["Energy"].to_numpy(), scan.data["mu"].to_numpy()))


scan = autoXAS()
scan.data_directory, scan.energy_column, scan.I0_columns, scan.I1_columns = "scans", "Energy", "I0", "I1"
scan.edges = {"Fe": "K"}
scan._read_data()
scan.experiments, scan.metals = ["Fe"], ["Fe"]
before = edge()
scan._calculate_edge_shift(scan.edges)
scan._energy_correction()
shift, first = float(scan.edge_correction_energies["Fe"]), float(scan.data["Energy"].iloc[0])
print("autoxas", version("autoxas"), "pandas", version("pandas"))
print(f"edge {before:g} eV, tabulated {table:g}, shift found {shift:g}; edge after the correction {edge():g}")
print(f"first energy {energy[0]:g} eV, after the correction {first:g}")
raise SystemExit(0 if abs(shift + 3) <= 0.5 and edge() == before and first == energy[0] + shift else 1)
PY
