#!/usr/bin/env bash
# Expected: a constant added to an image does not change the shift that is found, as with a correlation.
# Observed in pystackreg 0.2.8: least squares of the grey values see the offset at the borders, and the shift of 2.3
# pixels becomes 0.2, without a warning. Frames before and behind an absorption edge differ by just such an offset.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "pystackreg==0.2.8" "numpy==2.4.6" "scipy==1.17.1"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
import numpy as np
from pystackreg import StackReg
from scipy import ndimage

texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(160, 200)), 4)
texture /= texture.std()
first = texture[10:138, 10:160]
moved = ndimage.shift(texture, (2.3, -1.6), order=5)[10:138, 10:160]
found = {}
for offset in (0, 10):
    matrix = StackReg(StackReg.TRANSLATION).register(first, moved + offset)
    found[offset] = np.array([matrix[1, 2], matrix[0, 2]])
print("pystackreg", version("pystackreg"))
for offset, shift in found.items():
    print(f"offset of {offset} standard deviations: (dy, dx) = {shift.round(3)}, true (2.3, -1.6)")
raise SystemExit(0 if abs(found[0][0] - 2.3) < 0.02 and abs(found[10][0] - 2.3) > 1 else 1)
PY
