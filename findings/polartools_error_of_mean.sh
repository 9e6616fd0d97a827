#!/usr/bin/env bash
# Expected: the "error of the mean of x-ray absorption" that load_multi_xas returns covers what the mean is off.
# Observed in polartools 0.6.0: the standard deviation of the scans is divided by their number, not by one less, before
# the root of the number is taken off: the error is 0 for one scan, .71 of the true one for two and .82 for three, which
# are the usual numbers of scans. A fit weighted by it takes a single scan for exact.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "polartools==0.6.0" "numpy==2.4.6" "scipy==1.17.1"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from polartools.absorption import load_multi_xas

energy = np.arange(7000.0, 7400.0)
mu = 0.2 + 0.8 * (0.5 + np.arctan((energy - 7112) / 2) / np.pi)
rng = np.random.default_rng(0)
told, seen = {n: [] for n in (1, 2, 3, 5)}, {n: [] for n in (1, 2, 3, 5)}
for _ in range(30):
    for number in range(5):
        noisy = mu + 0.01 * rng.standard_normal(energy.size)
        rows = np.column_stack([energy / 1000, 1e5 * np.exp(-noisy), np.full(energy.size, 1e5)])
        np.savetxt(f"scan_{number}_primary.csv", rows, delimiter=",", header="energy,4idhI0,4idhI", comments="")
    for n in told:
        _, mean, error = load_multi_xas(range(n), "csv", folder=".")
        told[n].append(np.mean(error**2))
        seen[n].append(np.mean((mean - mu) ** 2))
print("polartools", version("polartools"))
ratio = {n: float(np.sqrt(np.mean(told[n]) / np.mean(seen[n]))) for n in told}
for n, value in ratio.items():
    print(f"{n} scans: error told is {value:.2f} of what the mean is off")
raise SystemExit(0 if ratio[1] == 0 and abs(ratio[2] - 0.71) < 0.03 and abs(ratio[3] - 0.82) < 0.03 else 1)
PY
