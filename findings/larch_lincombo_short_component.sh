#!/usr/bin/env bash
# Expected: a linear combination fit of components that end before the data is limited to the common energies, or
# refused.
# Observed in xraylarch 2026.3.1: lincombo_fit continues the shorter component by its cubic spline to the end of the
# data. A mixture of .3 and .7, without noise, comes out as .46 and .54, with a tail of 60 eV; with xmax at the common
# end it is right.
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


def spectrum(e0):
    x = energy - e0
    return (0.5 + np.arctan(x / 2) / np.pi) * (1 + 0.1 * np.sin(x / 15) * np.exp(-np.abs(x) / 60))


low, high = spectrum(8340), spectrum(8344)
mixture = Group(energy=energy, norm=0.3 * low + 0.7 * high)
parts = [Group(energy=energy, norm=low, filename="low"), Group(energy=energy[:70], norm=high[:70], filename="high")]
whole = lincombo_fit(mixture, parts)
limited = lincombo_fit(mixture, parts, xmax=energy[69])
print("xraylarch", version("xraylarch"))
print("component `high` ends at", energy[69], "eV; fitted up to", whole.xdata[-1], "eV")
print("weights:", {k: round(float(v), 3) for k, v in whole.weights.items()}, " true: 0.3, 0.7")
print("with xmax:", {k: round(float(v), 3) for k, v in limited.weights.items()})
wrong = whole.xdata[-1] == energy[-1] and abs(whole.weights["high"] - 0.7) > 0.1
raise SystemExit(0 if wrong and abs(limited.weights["high"] - 0.7) < 1e-6 else 1)
PY
