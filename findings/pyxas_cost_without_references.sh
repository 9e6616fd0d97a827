#!/usr/bin/env bash
# Expected: the cost of a fit is the mean square of what the references leave over: 0 for a stack made of them.
# Observed in pyxas 1.0: `compute_xanes_fit_cost` replaces the fitted sum by the offset, so the cost is the mean square
# of the spectrum itself. The mask made from it keeps thin pixels and drops thick ones, however good the fit is.
# (The cost that `fit_2D_xanes_non_iter` returns is right.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6" "scipy==1.17.1" "scikit-image==0.26.0" "matplotlib==3.11.2" "pystackreg==0.2.8" "joblib==1.6.0" h5py pandas tqdm
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "pyxas==1.0"
cd "$work"
MPLBACKEND=Agg "$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from pyxas.xanes_util import compute_xanes_fit_cost, compute_xanes_fit_mask, fit_2D_xanes_non_iter

energy = np.linspace(8300, 8400, 50)
spectra = np.array([1 / (1 + np.exp(-(energy - edge) / 2)) for edge in (8340, 8344)])
thickness = np.linspace(0.1, 1.5, 15).reshape(3, 5)
stack = np.einsum("r,re,yx->eyx", [0.3, 0.7], spectra, thickness)
references = {f"ref{index}": np.c_[energy, spectrum] for index, spectrum in enumerate(spectra)}
amounts, offset, right = fit_2D_xanes_non_iter(stack, energy, references)
cost = compute_xanes_fit_cost(stack, amounts, offset, {f"ref{index}": spectrum for index, spectrum in enumerate(spectra)})
kept = compute_xanes_fit_mask(cost, error_thresh=0.1)
print(f"pyxas {version('pyxas')}: largest cost returned by the fit {right.max():.1g}, computed afterwards {cost.max():.3g}")
print(f"mean square of the spectra {np.mean(stack**2, axis=0).max():.3g}; pixels that its mask keeps: {int(kept.sum())} of {kept.size}")
raise SystemExit(0 if right.max() < 1e-12 and np.allclose(cost, np.mean(stack**2, axis=0)) and kept.sum() < kept.size else 1)
PY
