#!/usr/bin/env bash
# Expected: with norm="edge_jump" the spectra are 1 behind the edge.
# Observed in xaspy 0.3.9: XMCD divides by the mean of all of the spectrum but its last twentieth, instead of that of the
# last twentieth. The level behind the edge then depends on how long the scan is before the edge: 2.1 or 3.7 for the
# same step, and the dichroism scales with it.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "xaspy==0.3.9"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6" "scipy==1.17.1" "pandas==3.1.1" "matplotlib==3.11.2"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from xaspy.xas.polarized import XMCD


def level(start):
    """The level behind a step of height .8 at 700 eV, in a scan from `start` to 720 eV."""
    energy = np.arange(start, 720.0, 0.1)
    step = 0.3 + 0.8 / (1 + np.exp(-(energy - 700) / 0.5))
    scan = pd.DataFrame({"energy": energy, "signal": step, "monitor": np.ones(energy.size)})
    _, _, _, normalized, _ = XMCD([scan], [scan.copy()], "energy", "signal", "monitor", norm="edge_jump")
    return float(normalized[-200:].mean())


near, far = level(680.0), level(655.0)
print(f"xaspy {version('xaspy')}: level behind the edge {near:.2f} in a scan from 680 eV, {far:.2f} from 655 eV (right: 1, 1)")
raise SystemExit(0 if near > 1.5 and far > 2.5 else 1)
PY
