#!/usr/bin/env bash
# Expected: the error of a fitted position follows the noise, as with most fits ("uncertainty values associated with each
# fitted parameter").
# Observed in silx 3.1.3: without errors of the points, FitManager takes each for 1 and does not scale by what the fit
# leaves over. A peak of height 1 has a position of +- .34 eV, be the noise 1e-3 or 1e-1; it scatters by .0003 and .03.
# A normalized spectrum has no counts whose root could be used (`weight_flag`): scale sigma by the root of the reduced
# chi-square, or give `sigmay`.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "silx==3.1.3" "numpy==2.4.6"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from silx.math.fit import fittheories
from silx.math.fit.fitmanager import FitManager

energy = np.linspace(0.0, 20.0, 201)
rng = np.random.default_rng(0)
manager = FitManager()
manager.addtheory("Gaussians", fittheories.THEORY["Gaussians"])
manager.settheory("Gaussians")
manager.setbackground("Constant")


def told_and_seen(noise, **errors):
    told, seen = [], []
    for _ in range(40):
        manager.setdata(energy, 1 + np.exp(-((energy - 10) ** 2) / 2) + rng.normal(0, noise, energy.size), **errors)
        manager.estimate()
        manager.runfit()
        found = {p["name"]: p for p in manager.fit_results}["Position1"]
        seen.append(found["fitresult"])
        told.append(found["sigma"])
    return np.mean(told), np.std(seen)


print("silx", version("silx"))
rows = {}
for noise in (0.001, 0.01, 0.03):
    rows[noise] = told_and_seen(noise)
    print(f"noise {noise}: error of the position told {rows[noise][0]:.3f}, seen in 40 spectra {rows[noise][1]:.4f}")
with_errors = told_and_seen(0.01, sigmay=np.full(energy.size, 0.01))
print(f"noise 0.01 with sigmay: told {with_errors[0]:.4f}, seen {with_errors[1]:.4f}")
same = all(abs(told - 0.336) < 0.01 for told, _ in rows.values())
raise SystemExit(0 if same and rows[0.001][1] < 0.001 and 0.5 < with_errors[0] / with_errors[1] < 2 else 1)
PY
