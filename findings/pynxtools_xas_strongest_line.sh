#!/usr/bin/env bash
# Expected: of a fluorescence scan over an edge, the line of the element whose edge it is becomes the spectrum; or all.
# Observed in pynxtools-xas 0.1.1 (layout avg_<element>_<line> of ESRF ID21): the strongest line is taken, whatever the
# energies are. A scan of P K (2140 to 2200 eV) of a silicate becomes "Si K" with the constant signal of Si, whose edge
# is at 1839 eV. The line of P is left out, and nothing is said.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "pynxtools-xas==0.1.1" "h5py==3.16.0"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import h5py
import numpy as np
from pynxtools_xas.parsers import EsrfFluoParser

energy = np.linspace(2.14, 2.20, 121)  # keV
lines = {"P_Ka1": 50 * (0.5 + np.arctan((energy - 2.1535) * 1e3) / np.pi), "Si_Ka1": np.full(energy.size, 4000.0)}


def parsed(*names):
    with h5py.File("scan.h5", "w") as file:
        entry = file.create_group("1.1")
        entry.attrs["NX_class"] = "NXentry"
        entry["instrument/avg_energy/data"] = energy
        for name in names:
            entry[f"instrument/avg_{name}/data"] = lines[name]
    parser = EsrfFluoParser()
    parser.parse("scan.h5")
    (spectrum,) = parser.data.values()
    found = f"{spectrum.metadata['element_name']} {spectrum.metadata['edge_name']}"
    print(f"{names}: {found}, {spectrum.energy[0]:.0f} to {spectrum.energy[-1]:.0f} eV, "
          f"signal {spectrum.intensity[0]:.1f} to {spectrum.intensity[-1]:.1f}")
    return found, spectrum.intensity


print("pynxtools-xas", version("pynxtools-xas"))
alone, _ = parsed("P_Ka1")
both, signal = parsed("P_Ka1", "Si_Ka1")
raise SystemExit(0 if alone == "P K" and both == "Si K" and np.ptp(signal) == 0 else 1)
PY
