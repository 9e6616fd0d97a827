#!/usr/bin/env bash
# Expected: MCR-ALS of the pixels of an image, from amounts that are nearly right, explains them down to the noise.
# Observed in spectrochempy 1.1.3: by default (unimodConc="all") amounts may have one maximum along the rows of the data,
# as in a reaction over time. Pixels one after the other have many, so the amounts of an image of squares are pressed
# into one hump: the residual is hundreds of times the noise. It ends as a fit that has converged. unimodConc=[] is right.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "spectrochempy==1.1.3"
cd "$work"
HOME="$work" "$work/venv/bin/python" -W ignore - <<'PY' 2>"$work/log" | grep "^>"
from importlib.metadata import version
import numpy as np
import spectrochempy as scp

rng = np.random.default_rng(0)
energy = np.linspace(7100, 7200, 101)


def edge(e0, line):
    return 0.5 + np.arctan((energy - e0) / 1.5) / np.pi + line * np.exp(-(((energy - e0 - 4) / 3) ** 2))


spectra = np.array([edge(7121, 0.3), edge(7126, 0.8)])
first = np.indices((20, 20))[1].ravel() // 5 % 2 * 0.8 + 0.1  # stripes of five pixels
amounts = np.column_stack([first, 1 - first])
pixels = amounts @ spectra + 1e-3 * rng.standard_normal((400, 101))
start = scp.NDDataset(amounts + 0.2 * rng.random(amounts.shape))
left = {}
for name, options in (("as by default", {}), ("unimodConc=[]", {"unimodConc": []})):
    fit = scp.MCRALS(**options)
    fit.fit(scp.NDDataset(pixels), start)
    found = np.asarray(fit.C.data), np.asarray(fit.St.data)
    left[name] = float(np.sqrt(np.mean((found[0] @ found[1] - pixels) ** 2)))
print("> spectrochempy", version("spectrochempy"), "-- noise .001")
for name, rms in left.items():
    print(f"> {name}: residual {rms:.4f}")
raise SystemExit(0 if left["as by default"] > 0.05 and left["unimodConc=[]"] < 0.0012 else 1)
PY
