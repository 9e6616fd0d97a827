#!/usr/bin/env bash
# Expected: the energies that read_athena gives of a project are those that Athena and Larix show: "pre_edge, background
# subtraction, and FFT from Athena by using the parameters saved in the project file".
# Observed in xraylarch 2026.3.1: a project holds energies as measured, and the shift of a calibration beside them
# (bkg_eshift). read_athena puts the shift into `energy_shift` and leaves `energy` as it was, but takes E0 from the
# shifted axis. So a spectrum that was calibrated by 5 eV is read 5 eV too low, and its E0 lies 5 eV above its edge.
# Larix adds the shift itself. In Larch: group.energy += group.energy_shift, then pre_edge.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from larch import Group
from larch.io import create_athena, read_athena
from larch.xafs import pre_edge


def steepest(group):
    return float(group.energy[np.argmax(np.gradient(group.mu, group.energy))])


# As Larix has it after a calibration by 5 eV: energy = energy_orig + energy_shift (wxxas/xasnorm_panel.py).
measured = np.arange(7000.0, 7300.0)
mu = 0.2 + 0.8 * (0.5 + np.arctan((measured - 7112) / 2) / np.pi)
foil = Group(energy=measured + 5, energy_orig=measured, energy_shift=5.0, mu=mu, label="foil", filename="foil")
pre_edge(foil)
before = steepest(foil)
project = create_athena("foil.prj")
project.add_group(foil)
project.save()
read = read_athena("foil.prj", do_preedge=True).groups["foil"]
print("xraylarch", version("xraylarch"))
print(f"written: edge at {before:.0f} eV, E0 {foil.e0:.0f}")
print(f"read:    edge at {steepest(read):.0f} eV, E0 {read.e0:.0f}, energy_shift {read.energy_shift}")
raise SystemExit(0 if before == 7117 and steepest(read) == 7112 and read.e0 == 7117 and read.energy_shift == 5 else 1)
PY
