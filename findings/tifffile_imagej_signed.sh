#!/usr/bin/env bash
# Expected: an image of 16 bits with a sign that ImageJ saved is read with the values that ImageJ shows.
# Observed in tifffile 2026.3.3: every value is 32768 too large. ImageJ stores such images without a sign, and with a
# calibration (cf=0, c0=-32768, c1=1) in the description, which imread does not apply; ratios such as transmission are
# then near 1 everywhere. The same holds for a calibration to other units. (The layout is that of ImageJ's FileSaver and
# Calibration: a straight line has the number 0.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "tifffile==2026.3.3" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import warnings
from importlib.metadata import version
import numpy as np
import tifffile

shown = np.array([[-5, 0, 7], [100, 1000, 30000]], np.int32)
notes = "ImageJ=1.54f\nmin=-5.0\nmax=30000.0\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=gray value\n"
stored = (shown + 32768).astype(np.uint16)
tifffile.imwrite("a.tif", stored, description=notes, metadata=None, photometric="minisblack", byteorder=">")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    read = tifffile.imread("a.tif")
with tifffile.TiffFile("a.tif") as tiff:
    known = tiff.is_imagej and tiff.imagej_metadata
print("tifffile", version("tifffile"), "| shown by ImageJ:", shown.ravel(), "| read:", read.ravel(), read.dtype)
print("the calibration is parsed:", {name: known[name] for name in ("cf", "c0", "c1")}, "| warnings:", len(caught))
raise SystemExit(0 if np.array_equal(read.astype(int) - shown, np.full(shown.shape, 32768)) and not caught else 1)
PY
