#!/usr/bin/env bash
# Expected: a fit of two components returns two weights.
# Observed in xraylarch 2026.3.1: the result's `weights` and `params` are keyed by the components' `filename`. Of two
# files with the same name in different folders, only the last one is in the result; the weights that are left add up
# to .7.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
import numpy as np
from larch import Group
from larch.math import lincombo_fit

energy = np.arange(8300.0, 8500.0, 2.0)
oxide, metal = (0.5 + np.arctan((energy - e0) / 2) / np.pi for e0 in (8344, 8336))
mixture = Group(energy=energy, norm=0.3 * oxide + 0.7 * metal)
parts = [Group(energy=energy, norm=norm, filename="merged.dat") for norm in (oxide, metal)]
fit = lincombo_fit(mixture, parts)
weights = {name: round(float(value), 3) for name, value in fit.weights.items()}
print("xraylarch", version("xraylarch"))
print("two components, weights in the result:", weights)
raise SystemExit(0 if weights == {"merged.dat": 0.7} else 1)
PY
