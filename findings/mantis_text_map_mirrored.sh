#!/usr/bin/env bash
# Expected: in a text of positions, energies and intensities, each intensity stays at its energy.
# Observed in mantis-xray 3.3.0 (#X #Y #Wave #Intensity): the energies are sorted, the images are always turned round. So
# only a text that falls in energy is right; of one that rises, each spectrum is mirrored: the image of 700 eV stands at
# 720 eV, without a word.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mantis-xray==3.3.0"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import importlib.util
from importlib.metadata import files, version
from pathlib import Path
from types import SimpleNamespace
import numpy as np

# The reader of this format alone: the package would need a window.
path = next(Path(str(f.locate())) for f in files("mantis-xray") if f.name == "file_csv.py")
spec = importlib.util.spec_from_file_location("file_csv", path)
text = importlib.util.module_from_spec(spec)
spec.loader.exec_module(text)


def opened(energies):
    """Write a map whose intensity is its energy, and open it; return energies and the spectrum of one pixel."""
    rows = [f"{x}\t{y}\t{energy}\t{energy}" for y in (0.0, 1.0) for x in (0.0, 1.0, 2.0) for energy in energies]
    Path("map.txt").write_text("\n".join(["#X\t#Y\t#Wave\t#Intensity", *rows]) + "\n")
    stack = SimpleNamespace(fill_h5_struct_from_stk=lambda: None)
    text.read("map.txt", stack)
    return stack.ev, stack.absdata[1, 1]


falling, rising = opened([720.0, 710.0, 700.0]), opened([700.0, 710.0, 720.0])
print("mantis-xray", version("mantis-xray"))
for name, (energy, intensity) in (("falling", falling), ("rising", rising)):
    print(f"{name} in the file: energies {energy}, intensities {intensity} (they should be equal)")
is_mirrored = np.array_equal(rising[0][::-1], rising[1]) and not np.array_equal(rising[0], rising[1])
raise SystemExit(0 if np.array_equal(falling[0], falling[1]) and is_mirrored else 1)
PY
