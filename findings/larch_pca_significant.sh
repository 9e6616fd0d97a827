#!/usr/bin/env bash
# Expected: the number of significant components (`nsig`, Malinowski's indicator) does not grow with the number of
# spectra of the same two compounds.
# Observed in xraylarch 2026.3.1: `pca_train` finds about 3 for 12 spectra, about 10 for 40, and for more spectra than
# energies, as in an image, 60 of 60: it counts degrees of freedom by spectra, where the indicator needs the smaller of
# the numbers of spectra and energies.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from larch import Group
from larch.math import pca_train

rng = np.random.default_rng(0)
energy = np.linspace(8300, 8400, 60)
edges = np.array([[8335.0], [8339.0]])
compounds = 0.6 + np.arctan(energy - edges) / np.pi + 0.3 * np.exp(-(((energy - edges - 5) / 3) ** 2))


def significant(number):
    spectra = rng.dirichlet(np.ones(2), number) @ compounds + 0.005 * rng.standard_normal((number, energy.size))
    groups = [Group(energy=energy, norm=norm, filename=str(index)) for index, norm in enumerate(spectra)]
    return int(pca_train(groups, arrayname="norm", xmin=8300, xmax=8400).nsig)


print("xraylarch", version("xraylarch"), "| two compounds, 60 energies, noise of .005")
found = {number: [significant(number) for _ in range(5)] for number in (12, 40, 120)}
for number, answers in found.items():
    print(f"{number} spectra: nsig {answers}")
raise SystemExit(0 if max(found[12]) <= 5 and min(found[40]) > 5 and min(found[120]) >= 59 else 1)
PY
