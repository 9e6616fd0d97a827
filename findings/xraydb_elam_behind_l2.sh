#!/usr/bin/env bash
# Expected: between two absorption edges the photoelectric cross section falls with energy, as it does behind the K edges.
# Observed in xraydb 4.5.8: `mu_elam` of Ti to Cu still rises behind the L2 edge, for 7 to 48 eV. Behind the K edges it
# falls at once, but not behind that of Cr, where it rises for 52 eV.
# So a spectrum of a 3d L edge can't be matched to these tables near its edge (MBACK): napari-xanes uses a step there.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraydb==4.5.8"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import xraydb


def rises_for(element, edge, reach):
    """eV behind an edge until the largest value within reach."""
    distance = np.arange(1.0, reach)
    return float(distance[np.argmax(xraydb.mu_elam(element, xraydb.xray_edge(element, edge).energy + distance))])


elements = "Ti V Cr Mn Fe Co Ni Cu".split()
behind_l2 = {element: rises_for(element, "L2", 60) for element in elements}
behind_k = {element: rises_for(element, "K", 60) for element in elements}
print("xraydb", version("xraydb"), "| eV of rise behind L2:", behind_l2, "| behind K:", behind_k)
cr = behind_k.pop("Cr")
raise SystemExit(0 if min(behind_l2.values()) > 5 and max(behind_k.values()) == 1 and cr > 5 else 1)
PY
