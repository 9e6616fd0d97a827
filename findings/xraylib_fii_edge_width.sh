#!/usr/bin/env bash
# Expected: f'' of an element jumps at its edge, like the photoelectric cross section to which it is proportional.
# Observed in xraylib 4.3.0: `Fii` rises over 200 eV around the K edge of Ni; 13 eV below the edge it is five times the
# value that `CS_Photo` of the same library gives. So are Mn, Fe, Co and Cu. `CS_Photo` is sharp, and the refractive
# index is made from cross sections and is sharp, too.
# So f'' for a Kramers-Kronig transform or a match of a spectrum to tables must not come from `Fii` near an edge.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylib==4.3.0" "numpy==2.4.6"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import xraylib


def excess(element, distance):
    """f'' from `Fii` over f'' from the cross section, both 1 at 400 eV above the K edge, at a distance in eV."""
    number = xraylib.SymbolToAtomicNumber(element)
    edge = xraylib.EdgeEnergy(number, xraylib.K_SHELL)

    def ratio(energy):
        return xraylib.Fii(number, energy) / (energy * xraylib.CS_Photo(number, energy))

    return ratio(edge + distance / 1000) / ratio(edge + 0.4)


print("xraylib", version("xraylib"))
below, above, far = {}, {}, {}
for element in ("Mn", "Fe", "Co", "Ni", "Cu"):
    below[element], above[element], far[element] = (excess(element, distance) for distance in (-13, 13, -500))
    print(f"{element}: f'' over cross section at -500, -13, +13 eV: {far[element]:.2f}, {below[element]:.2f}, {above[element]:.2f}")
print("right: 1, 1, 1")
smeared = all(below[element] > 2 and above[element] < 0.95 for element in below)
raise SystemExit(0 if smeared and all(abs(value - 1) < 0.1 for value in far.values()) else 1)
PY
