#!/usr/bin/env bash
# Expected: a point that one of three scans lacks (NaN) is the mean of the other two, or NaN.
# Observed in daxs 2026.3: `aggregate` counts it as zero and divides by the monitor, or number, of all three scans, in
# both of its modes. The sum spectrum has a dip of a third at this energy, without a message.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "daxs==2026.3" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from daxs.measurements import Xas
from daxs.scans import Scan

energy = np.linspace(7100.0, 7200.0, 101)
absorption = 2 + np.arctan((energy - 7130) / 2)


def scan(missing=None):
    signal = 1000 * absorption
    if missing is not None:
        signal[missing] = np.nan
    return Scan.from_data({"x": energy, "signal": signal, "monitor": np.full(energy.size, 1000.0)})


measurement = Xas(sources=[])
measurement.add_scans([scan(), scan(missing=40), scan()])
shares = []
for mode in ("fraction of sums", "mean of fractions"):
    measurement.aggregate(mode)
    shares.append(measurement.signal[39:42] / absorption[39:42])
    print("daxs", version("daxs"), "|", mode, "| measured over true:", np.round(shares[-1], 3))
expected = np.array([1, 2 / 3, 1])
raise SystemExit(0 if all(np.allclose(share, expected) for share in shares) else 1)
PY
