#!/usr/bin/env bash
# Expected: non-negative matrix approximation ends when the cost changes by less than deltaErrorThreshold.
# Observed in mantis-xray 3.3.0: the change is taken from the column of changes, not of costs, so it is -1e-13 always,
# and the threshold, whatever it is, does nothing. Each run takes exactly maxIters steps, 10 by default: spectra and maps
# then leave twice the noise over, without a word that they have not converged; 500 steps come down to the noise.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6" "scipy==1.17.1" h5py
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mantis-xray==3.3.0"
"$work/venv/bin/python" - <<'PY'
import contextlib
import io
from importlib.metadata import version
from types import SimpleNamespace
import numpy as np

with contextlib.redirect_stdout(io.StringIO()):  # it lists its plugins
    from mantis_xray.analysis.nnma import nnma

print("mantis-xray", version("mantis-xray"))
rng = np.random.default_rng(0)
energy = np.linspace(8300, 8400, 80)
spectra = np.array([0.6 + np.arctan(energy - e0) / np.pi + 0.3 * np.exp(-(((energy - e0 - 4) / 3) ** 2)) for e0 in (8340, 8344, 8350)])
amounts = rng.dirichlet(np.ones(3), 1600)
od = amounts @ spectra + 0.05 * rng.standard_normal((1600, 80))
stack = SimpleNamespace(od=od, ev=energy, n_ev=80, n_cols=40, n_rows=40)


def run(steps, threshold):
    np.random.seed(0)
    found = nnma(stack)
    found.setParameters(kNNMA=3, maxIters=steps, deltaErrorThreshold=threshold)
    with contextlib.redirect_stdout(io.StringIO()):
        found.calcNNMA()
    left = od.T - found.muRecon @ np.reshape(found.tRecon, (3, -1), order="F")
    return found.maxIters, float(found.deltaError), float(np.sqrt(np.mean(left**2)))


found = {key: run(*key) for key in ((10, 1e-3), (500, 1e-3), (500, 1e9))}
for (steps, threshold), (taken, change, rms) in found.items():
    print(f"at most {steps} steps, threshold {threshold:g}: {taken} steps, change {change:g}, {rms:.3f} left over (noise: 0.050)")
same = all(taken == steps for (steps, _), (taken, _, _) in found.items()) and len({c for _, c, _ in found.values()}) == 1
raise SystemExit(0 if same and found[10, 1e-3][2] > 1.5 * found[500, 1e-3][2] else 1)
PY
