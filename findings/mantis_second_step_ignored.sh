#!/usr/bin/env bash
# Expected: a peak fit with two steps (L3 and L2) has two steps in its model.
# Observed in mantis-xray 3.3.0: the model computes the first step only, as often as there are steps. A fit with two
# steps leaves the second at its start, .5 high, and draws it; the curve of the fit does not contain it, and its base,
# steps and peaks do not add up to the curve. A second step can be had only by peaks that imitate it.
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
from scipy.special import erf

with contextlib.redirect_stdout(io.StringIO()):  # it lists its plugins
    from mantis_xray.analysis.analyze import Cfitparams, analyze

energy = np.arange(700.0, 740.0, 0.2)
true = 0.1 + sum(h * (0.5 + 0.5 * erf((energy - e0) / (3.0 / 1.665))) for e0, h in ((708.0, 0.6), (721.0, 0.3)))

fit = analyze(SimpleNamespace(ev=energy, n_ev=energy.size))
start = Cfitparams()
start.base, start.stepfitparams = 0.1, [708.0, 0.5, 3.0, 721.0, 0.5, 3.0]
fit.xrayfitspectra, fit.xfitpars = true[None], [start]
curve, parts = fit.fit_spectrum(0, 2, 0)
between = np.searchsorted(energy, 714.5)
print("mantis-xray", version("mantis-xray"))
for name, values in (("spectrum", true), ("fitted curve", curve), ("sum of the fit's parts", sum(parts))):
    print(f"{name}: between the steps {values[between]:.2f}, behind both {values[-1]:.2f}, off by up to {abs(values - true).max():.2f}")
print("second step after the fit: position %.1f, height %.2f, width %.1f (start: 721.0, 0.50, 3.0)" % tuple(start.stepfitparams[3:6]))
untouched = np.allclose(start.stepfitparams[3:6], [721.0, 0.5, 3.0], atol=1e-3)
raise SystemExit(0 if untouched and abs(curve - true).max() > 0.1 and abs(sum(parts) - curve)[-1] > 0.3 else 1)
PY
