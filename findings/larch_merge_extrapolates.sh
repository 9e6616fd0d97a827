#!/usr/bin/env bash
# Expected: merge_groups with trim, "trim to the shortest energy range" (the default), keeps the energies that all
# scans have.
# Observed in xraylarch 2026.3.1: it trims above, not below. If a scan starts 10 eV later than the first one of the list,
# its cubic spline goes on below its first energy and is averaged in: with a noise of .001, the merged pre-edge is off by
# .45 (the middle of 30 such pairs), half of the edge. The last common point is lost. `mu_std` shows it; nothing is said.
# With the shorter scan as the first of the list, or as `master`, the merge is right.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "xraylarch==2026.3.1" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from larch import Group
from larch.io import merge_groups
from larch.xafs import pre_edge


def mu(energy):
    return 1 - 2e-4 * (energy - 7100) + 0.8 * (0.5 + np.arctan((energy - 7125) / 2) / np.pi)


rng = np.random.default_rng(0)
scans = []
for start in (7000.0, 7010.0):
    energy = np.arange(start, 7300.0)
    scans.append(Group(energy=energy, mu=mu(energy) + 1e-3 * rng.standard_normal(energy.size)))
print("xraylarch", version("xraylarch"), "-- scans from 7000 and 7010 to 7299 eV, noise 1e-3")
found = {}
for name, order in (("longer first", scans), ("shorter first", scans[::-1])):
    merged = merge_groups(order)
    off = np.abs(merged.mu - mu(merged.energy)).max()
    pre_edge(merged)
    found[name] = merged.energy[0], off, merged.edge_step
    print(f"{name}: {merged.energy[0]:.0f} to {merged.energy[-1]:.0f} eV, off by up to {off:.3f}, step {merged.edge_step:.3f}")
longer, shorter = found["longer first"], found["shorter first"]
raise SystemExit(0 if longer[0] == 7000 and longer[1] > 0.05 and shorter[0] == 7010 and shorter[1] < 0.005 else 1)
PY
