#!/usr/bin/env bash
# Expected: the number of significant components that is proposed is the number of compounds, if the noise is low.
# Observed in mantis-xray 3.3.0 and HyperSpy 2.5.0: both propose one more, for 1, 2, 3 and 4 compounds: the elbow of the
# scree plot is the first component of noise, and that is counted. Maps of clusters and targets (MANTiS) and a cleaned
# stack (`get_decomposition_model(number_significant_components)`) then contain a component of noise.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "hyperspy==2.5.0" "numpy==2.4.6" "scipy==1.17.1" h5py
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mantis-xray==3.3.0"
"$work/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version
from types import SimpleNamespace

import hyperspy.api as hs
import numpy as np

with contextlib.redirect_stdout(io.StringIO()):  # it lists its plugins
    from mantis_xray.analysis.analyze import analyze

rng = np.random.default_rng(0)
energy = np.linspace(8300, 8400, 60)


def measured(compounds, noise):
    """Optical depth of 2,500 pixels that mix the compounds."""
    edges = 8335 + 4.0 * np.arange(compounds)[:, None]
    spectra = 0.6 + np.arctan(energy - edges) / np.pi + 0.3 * np.exp(-(((energy - edges - 5) / 3) ** 2))
    amounts = rng.dirichlet(np.ones(compounds), 2500) * rng.uniform(0.3, 1, (2500, 1))
    return amounts @ spectra + noise * rng.standard_normal((2500, 60))


def proposed(od):
    mantis, signal = analyze(SimpleNamespace(od=od, n_ev=60, n_cols=50, n_rows=50)), hs.signals.Signal1D(od.reshape(50, 50, 60))
    with contextlib.redirect_stdout(io.StringIO()):
        mantis.calculate_pca()
        signal.decomposition()
    return int(mantis.numsigpca), int(signal.learning_results.number_significant_components)


print("mantis-xray", version("mantis-xray"), "hyperspy", version("hyperspy"))
answers = []
for noise in (0.002, 0.01):
    answers += list(zip(*(proposed(measured(compounds, noise)) for compounds in (1, 2, 3, 4))))
    print(f"noise {noise} of an edge of about 1: 1, 2, 3, 4 compounds, proposed by MANTiS {answers[-2]}, by HyperSpy {answers[-1]}")
raise SystemExit(0 if all(numbers == (2, 3, 4, 5) for numbers in answers) else 1)
PY
