#!/usr/bin/env bash
# Expected: a name of an edge that the program does not know is refused, and L2,3 means both edges.
# Observed in feff10-rs 0.2.4: of a name that it does not know, such as LIII, 2p3/2 or L-3, it computes the K edge: 7112 eV
# of Fe for 706. L2,3 is L2 alone, the smaller of the two lines. parse_strict and validate find nothing wrong.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "feff10-rs==0.2.4" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY' 2>"$work/log" | grep -a "^>"
from importlib.metadata import version
import os
import feff10
import numpy as np

CARDS = """TITLE bcc iron
EDGE {edge}
S02 1.0
CONTROL 1 1 1 1 1 1
EXCHANGE 0
SCF 4.0
XANES 4.0
POTENTIALS
0 26 Fe
1 26 Fe
ATOMS
0 0 0 0
1.4 1.4 1.4 1
-1.4 1.4 1.4 1
1.4 -1.4 1.4 1
1.4 1.4 -1.4 1
-1.4 -1.4 1.4 1
-1.4 1.4 -1.4 1
1.4 -1.4 -1.4 1
-1.4 -1.4 -1.4 1
END
"""


def spectrum(edge):
    cards = feff10.FeffInput.parse_strict(CARDS.format(edge=edge))
    cards.validate()
    os.mkdir(edge)
    feff10.FeffPipeline(feff10.FeffConfig(edge, cards)).run()
    return np.loadtxt(f"{edge}/xmu.dat")


print("> feff10-rs", version("feff10-rs"))
found = {edge: spectrum(edge) for edge in ("K", "L2", "L3", "LIII", "L2,3")}
for edge, columns in found.items():
    print(f"> EDGE {edge}: {columns[0, 0]:.1f} to {columns[-1, 0]:.1f} eV")
is_k, is_l2 = np.array_equal(found["LIII"], found["K"]), np.array_equal(found["L2,3"], found["L2"])
print("> LIII has the numbers of K:", is_k, "  L2,3 has those of L2:", is_l2)
raise SystemExit(0 if is_k and is_l2 and found["L3"][0, 0] < 710 < found["L2"][0, 0] < 800 < found["K"][0, 0] else 1)
PY
