#!/usr/bin/env bash
# Expected: a pixel without a value (NaN, usual in optical depth) is left out, or raises an error.
# Observed in pystackreg 0.2.8: with one NaN among 19,200 pixels of either image, register returns the identity. It
# says that nothing moved, without a warning; the same images without the NaN give the shift of (2.3, -1.6) pixels.
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
first = texture[10:138, 10:160]
moved = ndimage.shift(texture, (2.3, -1.6), order=5)[10:138, 10:160]


def shift(reference, image):
    matrix = StackReg(StackReg.TRANSLATION).register(reference, image)
    return np.array([matrix[1, 2], matrix[0, 2]])


holed = moved.copy()
holed[60, 70] = np.nan
whole, with_hole = shift(first, moved), shift(first, holed)
print("pystackreg", version("pystackreg"))
print("(dy, dx) of whole images:", whole.round(3), " with one NaN:", with_hole)
raise SystemExit(0 if np.abs(whole - [2.3, -1.6]).max() < 0.02 and (with_hole == 0).all() else 1)
PY
