#!/usr/bin/env bash
# Expected: an XDI file whose header says "energy keV" is read in eV like one in degrees, or refused by `pre_edge`.
# Observed in xraylarch 2026.3.1: `read_xdi` turns degrees into eV and computes right angles from keV, but leaves the keV
# in `energy`. `pre_edge`, whose ranges are in eV, takes such a spectrum without a message: its edge step is 1e-12, and
# the normalized spectrum ends at 1e12.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
from pathlib import Path

import numpy as np
from larch.io import read_xdi
from larch.xafs import pre_edge

energy = np.arange(8300.0, 8420.0, 2.0)
absorption = 0.1 + 1 / (1 + np.exp(-(energy - 8345) / 2))
columns = {
    "energy eV": energy,
    "energy keV": energy / 1000,
    "angle degrees": np.degrees(np.arcsin(12398.4198 / (2 * 3.1355 * energy))),
}
steps, firsts = {}, {}
print("xraylarch", version("xraylarch"))
for column, values in columns.items():
    header = ["# XDI/1.0", "# Element.symbol: Ni", "# Element.edge: K", f"# Column.1: {column}", "# Column.2: mutrans"]
    header += ["# Mono.d_spacing: 3.1355", "#---", f"# {column.split()[0]} mutrans"]
    rows = [f"{x:.8f} {y:.6f}" for x, y in zip(values, absorption)]
    Path("spectrum.xdi").write_text("\n".join(header + rows) + "\n")
    spectrum = read_xdi("spectrum.xdi")
    pre_edge(spectrum.energy, spectrum.mutrans, group=spectrum)
    steps[column], firsts[column] = float(spectrum.edge_step), float(spectrum.energy[0])
    print(f"column in {column}: first energy {firsts[column]:.3f}, edge step {steps[column]:.3g}, normalized ends at {spectrum.norm[-1]:.3g}")
right = all(abs(steps[c] - 1) < 0.01 and abs(firsts[c] - 8300) < 0.1 for c in ("energy eV", "angle degrees"))
raise SystemExit(0 if right and steps["energy keV"] < 1e-6 and firsts["energy keV"] < 9 else 1)
PY
