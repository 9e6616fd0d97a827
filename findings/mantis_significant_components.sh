#!/usr/bin/env bash
# Expected: the number of significant components that is proposed is the number of compounds, if the noise is low.
# Observed in mantis-xray 3.3.0: it proposes one more for 1, 2, 3 and 4 compounds: the elbow of its scree plot is the
# first component of noise, and that is counted. Cluster and target maps then contain a component of noise.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6" "scipy==1.17.1" h5py
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mantis-xray==3.3.0"
"$work/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np

with contextlib.redirect_stdout(io.StringIO()):  # it lists its plugins
    from mantis_xray.analysis.analyze import analyze

rng = np.random.default_rng(0)
energy = np.linspace(8300, 8400, 60)


def proposed(compounds, noise):
    edges = 8335 + 4.0 * np.arange(compounds)[:, None]
    spectra = 0.6 + np.arctan(energy - edges) / np.pi + 0.3 * np.exp(-(((energy - edges - 5) / 3) ** 2))
    amounts = rng.dirichlet(np.ones(compounds), 2500) * rng.uniform(0.3, 1, (2500, 1))
    od = amounts @ spectra + noise * rng.standard_normal((2500, 60))
    found = analyze(SimpleNamespace(od=od, n_ev=60, n_cols=50, n_rows=50))
    with contextlib.redirect_stdout(io.StringIO()):
        found.calculate_pca()
    return int(found.numsigpca)


print("mantis-xray", version("mantis-xray"))
answers = {noise: [proposed(compounds, noise) for compounds in (1, 2, 3, 4)] for noise in (0.002, 0.01)}
for noise, numbers in answers.items():
    print(f"noise {noise} of an edge of about 1: 1, 2, 3, 4 compounds, proposed {numbers}")
raise SystemExit(0 if all(numbers == [2, 3, 4, 5] for numbers in answers.values()) else 1)
PY
