#!/usr/bin/env bash
# Expected: the edge that PyMca finds depends on the spectrum near the edge, not on the spacing of energies elsewhere.
# Observed in PyMca 5.9.7: estimateXANESEdge smooths over five points if all spacings are equal. Otherwise it puts the
# spectrum on a grid ten times finer with straight lines, and the same five points are half a spacing: nothing is
# smoothed. E0 is then the middle of the steepest pair of points. If only the last of 200 points moves by half an eV,
# E0 moves by .6 eV, and its scatter with 1 % of noise is six times as large. XANES scans have uneven spacings.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "PyMca5==5.9.7" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from PyMca5.PyMcaPhysics.xas.XASNormalization import estimateXANESEdge

even = np.arange(8233.0, 8433.0, 1.0)
uneven = np.r_[even[:-1], even[-1] + 0.5]


def spectrum(energy):
    """A step at 8333 eV with a white line."""
    return 0.8 + np.arctan((energy - 8333) / 2) / np.pi + 0.6 * np.exp(-(((energy - 8341) / 6) ** 2))


def edges(energy, noise):
    rng = np.random.default_rng(0)
    return [estimateXANESEdge(spectrum(energy) + noise * rng.normal(size=energy.size), energy) for _ in range(40)]


print("PyMca", version("PyMca5"))
exact = [estimateXANESEdge(spectrum(energy), energy) for energy in (even, uneven)]
scatter = [float(np.std(edges(energy, 0.01))) for energy in (even, uneven)]
print(f"E0 with even spacings {exact[0]:.2f} eV +- {scatter[0]:.2f}; last point moved {exact[1]:.2f} eV +- {scatter[1]:.2f}")
raise SystemExit(0 if exact[0] - exact[1] > 0.4 and scatter[1] > 3 * scatter[0] else 1)
PY
