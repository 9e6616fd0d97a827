#!/usr/bin/env bash
# Expected: a linear combination of references is that of the references, and its R-factor is of the fit.
# Observed in bm23id24-xas 0.0.13: lc_check adds a constant to the references, which it neither returns nor draws, and
# computes the R-factor without it. A spectrum that the fit meets exactly has an R-factor as of a bad fit, and one of no
# reference at all, a constant, is "fitted" with concentrations of 0.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "numpy==1.23.5" "scipy==1.10.1" \
  "scikit-learn==1.2.2" "matplotlib==3.7.5"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "bm23id24-xas==0.0.13"
cd "$work"
MPLBACKEND=Agg "$work/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version
import matplotlib.pyplot as plt
import numpy as np
from bm23id24_xas.LCA import lc_check

plt.rcParams["figure.dpi"] = 20
energy = np.arange(7080.0, 7180.0, 2.0)
references = [1 / (1 + np.exp(-(energy - edge))) for edge in (7112.0, 7120.0)]
mixture = 0.6 * references[0] + 0.4 * references[1]
scans = [mixture, mixture + 0.2, np.full_like(energy, 0.5)]
with contextlib.redirect_stdout(io.StringIO()):
    fit = lc_check(np.column_stack([energy, *scans]), np.column_stack([energy, *references]), None)
shares, r_factor = np.asarray(fit["Concentration"]), np.asarray(fit["R-factor"])
print("bm23id24-xas", version("bm23id24-xas"), "returns", sorted(fit))
for name, share, r in zip(("mixture", "mixture + 0.2", "constant 0.5"), shares, r_factor):
    print(f"{name}: concentrations {np.round(share, 3)}, R-factor {r:.4f}")
is_exact = np.allclose(shares[0], [0.6, 0.4]) and r_factor[0] < 1e-9
is_hidden = np.allclose(shares[1], [0.6, 0.4]) and r_factor[1] > 0.02 and np.allclose(shares[2], 0)
raise SystemExit(0 if is_exact and is_hidden else 1)
PY
