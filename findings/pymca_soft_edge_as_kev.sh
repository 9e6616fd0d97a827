#!/usr/bin/env bash
# Expected: a spectrum in eV is normalized the same way at every edge; far below the edge it becomes 0.
# Observed in PyMca 5.9.7: XASNormalization takes each edge below 200 for one in keV. For B K (188 eV), S L (165 eV) or
# P L (135 eV) in eV, the default pre-edge range is .4 to .05 eV below the edge, on the edge itself: the "normalized"
# spectrum is 1 below the edge already, and its jump is .44 of the true one, without a message.
# The same spectrum moved to 288 eV gives 0 and the whole jump.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "PyMca5==5.9.7" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from PyMca5.PyMcaPhysics.xas.XASNormalization import XASNormalization


def normalized(edge):
    """The level below the edge and the jump, of a step of height 1 on a constant, 60 eV before and 90 eV behind."""
    energy = edge + np.arange(-60.0, 90.0, 0.1)
    absorption = 0.3 + 0.5 + np.arctan((energy - edge) / 0.5) / np.pi
    result = XASNormalization(absorption, energy)
    return float(result[1][:50].mean()), float(result[3])


# At 288 eV the default range needs 400 to 50 eV before the edge: there are 10 eV of it.
soft, hard = normalized(188.0), normalized(288.0)
print("PyMca", version("PyMca5"))
for name, (level, jump) in (("edge at 188 eV", soft), ("edge at 288 eV", hard)):
    print(f"{name}: level below the edge {level:.2f}, jump {jump:.2f} (true: 0 and 1)")
raise SystemExit(0 if soft[0] > 0.5 and soft[1] < 0.7 and abs(hard[0]) < 0.05 and abs(hard[1] - 1) < 0.1 else 1)
PY
