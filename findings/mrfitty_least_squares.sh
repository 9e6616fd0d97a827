#!/usr/bin/env bash
# Expected: `fit_method = lsq`, the default, finds the weights that leave the smallest sum of squares, as `ols` does.
# Observed in mrfitty 0.15.0: lsq fits a constant besides the references (LinearRegression of scikit-learn), and then
# draws, compares and reports the references without it. On a spectrum that stands .05 too high it leaves five times the
# sum of squares (NSS) of nnlsq, which has less freedom, and draws its curve .05 too low. References are chosen by these sums.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "mrfitty==0.15.0" "numpy==2.4.6" "scipy==1.17.1"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from mrfitty.base import AdaptiveEnergyRangeBuilder, ReferenceSpectrum, Spectrum
from mrfitty.combination_fit import AllCombinationFitTask
from mrfitty.linear_model import NonNegativeLinearRegression, OlsWithStats
from sklearn.linear_model import LinearRegression  # what `fit_method = lsq` stands for (mrfitty/fit_task_builder.py)

energy = np.arange(7100.0, 7200.0, 0.5)


def write(name, values):
    np.savetxt(name, np.column_stack([energy, values]))
    return name


def edge(e0, line):
    return 0.5 + np.arctan((energy - e0) / 1.5) / np.pi + line * np.exp(-(((energy - e0 - 4) / 3) ** 2))


ferrous, ferric = edge(7121, 0.3), edge(7125, 0.6)
references = [ReferenceSpectrum.read_file(write(*pair)) for pair in (("ferrous.e", ferrous), ("ferric.e", ferric))]
unknown = Spectrum.read_file(write("mixture.e", 0.55 * ferrous + 0.45 * ferric + 0.05))
print("mrfitty", version("mrfitty"), "-- .55 and .45, on .05:")
left = {}
for name, method in (("lsq", LinearRegression), ("ols", OlsWithStats), ("nnlsq", NonNegativeLinearRegression)):
    task = AllCombinationFitTask(method, references, [unknown], AdaptiveEnergyRangeBuilder(), 1, range(2, 3))
    _, table = task.fit(unknown)
    fit = table[2][0]
    left[name] = fit.nss
    weights = dict(zip(fit.reference_spectra_A_df.columns, np.round(fit.reference_spectra_coef_x, 3).tolist()))
    print(f"{name:6s} {weights}, NSS {fit.nss:.5f}, mean residual {fit.residuals.mean():+.3f}")
raise SystemExit(0 if left["lsq"] > 5 * left["nnlsq"] and abs(left["ols"] - left["nnlsq"]) < 1e-9 else 1)
PY
