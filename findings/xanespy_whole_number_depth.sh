#!/usr/bin/env bash
# Expected: the optical depth of counts does not depend on whether they are stored as whole numbers or with decimals.
# Observed in xanespy 0.3.3: apply_references gives the optical depth the type of the counts. Of whole numbers, as cameras
# write them, it is cut to 0, 1, 2 ...: a pixel of 0.9 reads 0, and nothing is said.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "numpy==1.23.5" "scipy==1.10.1" \
  "scikit-image==0.20.0" "scikit-learn==1.2.2" "matplotlib==3.7.5" "h5py==3.10.0" "tqdm==4.66.1"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "xanespy==0.3.3"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import types
from importlib.metadata import files, version
from pathlib import Path
import numpy as np

# The mathematics alone: the package would need a window.
path = next(Path(str(f.locate())) for f in files("xanespy") if f.name == "xanes_math.py")
package = types.ModuleType("xanespy")
package.__path__ = [str(path.parent)]
sys.modules["xanespy"] = package
from xanespy import xanes_math

counts = np.array([[[9000, 6000, 4100, 2000, 1000]]])
reference = np.full_like(counts, 10000)
depth = {
    kind: xanes_math.apply_references(counts.astype(kind), reference.astype(kind), quiet=True).ravel()
    for kind in ("float32", "int32", "uint16")
}
print("xanespy", version("xanespy"))
for kind, values in depth.items():
    print(f"counts as {kind}: optical depth {np.round(values, 3)}")
is_right = np.allclose(depth["float32"], -np.log(counts / reference).ravel(), rtol=1e-5)
is_cut = all(depth[kind].tolist() == [0, 0, 0, 1, 2] for kind in ("int32", "uint16"))
raise SystemExit(0 if is_right and is_cut else 1)
PY
