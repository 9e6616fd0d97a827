#!/usr/bin/env bash
# Expected: a scan that was measured from high to low energy is read with all its points, as the same one from low to high.
# Observed in araucaria 0.1.11: points are taken for repeats of the one before them if their energy is not larger by a
# tolerance, without regard to the sign of the difference. Of a descending scan one point is left, and nothing is said.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "numpy==1.23.5" "scipy==1.10.1" \
  "h5py==3.10.0" "lmfit==1.2.2" "matplotlib==3.7.5" "xraydb==4.5.8"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "araucaria==0.1.11"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from araucaria.io import read_xmu

energy = np.arange(7050.0, 7200.0)
mu = 0.2 + 1 / (1 + np.exp(-(energy - 7112)))
table = np.column_stack([energy, mu, mu])
np.savetxt("up.xmu", table)
np.savetxt("down.xmu", table[::-1])
up, down = read_xmu("up.xmu"), read_xmu("down.xmu")
print("araucaria", version("araucaria"))
print("written: 150 points; read upwards:", up.energy.size, "downwards:", down.energy.size, "at", down.energy, "eV")
raise SystemExit(0 if up.energy.size == 150 and down.energy.size == 1 else 1)
PY
