#!/usr/bin/env bash
# Expected: register_stack(reference="first", n_frames=4) matches every frame to the mean of the first four, so that
# the shifts of a steady drift are equally spaced.
# Observed in pystackreg 0.2.8: the first frame is not matched; it keeps 0, while the others are told relative to the
# mean of the four. A drift of .4 pixels per frame comes out as 0, -.2, .2, .6: the first frame is off by .6 pixels.
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
stack = np.stack([ndimage.shift(texture, (0.4 * i, 0), order=5)[10:138, 10:160] for i in range(8)])
matrices = StackReg(StackReg.TRANSLATION).register_stack(stack, reference="first", n_frames=4)
steps = np.diff(matrices[:, 1, 2])
print("pystackreg", version("pystackreg"))
print("dy:", matrices[:, 1, 2].round(2), " steps:", steps.round(2), " true step: 0.4")
raise SystemExit(0 if abs(steps[0] + 0.2) < 0.05 and np.abs(steps[1:] - 0.4).max() < 0.02 else 1)
PY
