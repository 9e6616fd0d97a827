#!/usr/bin/env bash
# Expected: pre_edge writes normalized values in the order of the group's energies, or refuses energies that decrease.
# Observed in xraylarch 2026.3.1: it sorts a copy, writes `norm` with increasing energies, and leaves `energy` and `mu`
# as they are. For a scan from high to low energies, `norm` is mirrored against `energy`: it is 0 where the edge has
# passed.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
import numpy as np
from larch import Group
from larch.xafs import pre_edge

energy = np.arange(8100.0, 9000.0, 2.0)
mu = 0.3 + 0.5 + np.arctan((energy - 8340) / 2) / np.pi
down = Group(energy=energy[::-1].copy(), mu=mu[::-1].copy())
pre_edge(down)
print("xraylarch", version("xraylarch"))
for name in ("energy", "mu", "norm"):
    values = getattr(down, name)
    print(f"{name:6s} first {values[0]:.3f} last {values[-1]:.3f}")
mirrored = down.energy[0] > down.energy[-1] and down.norm[0] < 0.01 and down.norm[-1] > 0.9
raise SystemExit(0 if mirrored else 1)
PY
