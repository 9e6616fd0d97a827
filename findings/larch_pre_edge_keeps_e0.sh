#!/usr/bin/env bash
# Expected: pre_edge without e0 determines E0 from the group's spectrum each time, as its text says.
# Observed in xraylarch 2026.3.1: the second call takes the E0 that the first one has left in the group. After the
# energies are calibrated by +6 eV, E0 stays where it was, and the spectrum is normalized by a jump that is read 6 eV
# too low.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
import numpy as np
from larch import Group
from larch.xafs import find_e0, pre_edge

energy = np.arange(8100.0, 9000.0, 2.0)
scan = Group(energy=energy, mu=0.5 + np.arctan((energy - 8340) / 2) / np.pi)
pre_edge(scan)
before = scan.e0
scan.energy = scan.energy + 6.0
pre_edge(scan)
again = find_e0(scan.energy, scan.mu)
print("xraylarch", version("xraylarch"))
print("E0 at first:", before, " after +6 eV and pre_edge:", scan.e0, " by find_e0:", again)
raise SystemExit(0 if scan.e0 == before and abs(again - before - 6) < 0.1 else 1)
PY
