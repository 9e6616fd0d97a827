#!/usr/bin/env bash
# Expected: counts with decimals in .xim images of STXM_Control are read, or the file is refused.
# Observed in mantis-xray 3.3.0: images are read as whole numbers into memory that was not cleared. Counts such as 1000.5
# fail, one line is printed ("Aborted stack ..."), and the stack holds whatever was in this memory before, which may be the
# scan that was opened last.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mantis-xray==3.3.0"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import contextlib
import importlib.util
import io
from importlib.metadata import files, version
from pathlib import Path
from types import SimpleNamespace
import numpy as np

# The reader of this format alone: the package would need a window.
path = next(Path(str(f.locate())) for f in files("mantis-xray") if f.name == "file_sdf.py")
spec = importlib.util.spec_from_file_location("file_sdf", path)
sdf = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sdf)

HEADER = """ScanDefinition = { Label = "scan"; Type = "NEXAFS Image Scan"; Flags = "Image Stack"; Dwell = 1;
 Regions = (1, { PAxis = { Name = "Sample X"; Unit = "um"; Min = 0; Max = 1; Dir = 1; Points = (3, 0.0, 0.5, 1.0); };
  QAxis = { Name = "Sample Y"; Unit = "um"; Min = 0; Max = 1; Dir = 1; Points = (2, 0.0, 1.0); }; });
 StackAxis = { Name = "Energy"; Unit = "eV"; Min = 700; Max = 710; Dir = 1; Points = (2, 700.0, 710.0); };
};
Channels = (1, { ID = 0; Type = 0; Name = "counter0"; Unit = "Hz";});
"""


def opened(name, images, form):
    """Write a stack (E, Y, X) as STXM_Control does, and open it in MANTiS; also return what was printed."""
    Path(f"{name}.hdr").write_text(HEADER)
    for i, image in enumerate(images):
        np.savetxt(f"{name}_a{i:03d}.xim", image, fmt=form, delimiter="\t")
    stack, printed = SimpleNamespace(fill_h5_struct_from_stk=lambda: None), io.StringIO()
    with contextlib.redirect_stdout(printed):
        sdf.read(f"{name}.hdr", stack, (0, 0))
    return np.asarray(stack.absdata).transpose(2, 1, 0), printed.getvalue().strip()


first = 1000.0 * np.arange(1, 13).reshape(2, 2, 3)
second = 500.5 + np.arange(12.0).reshape(2, 2, 3)
is_read = np.array_equal(opened("first", first, "%d")[0], first)
decimals, printed = opened("second", second, "%.1f")
print("mantis-xray", version("mantis-xray"))
print("whole counts are read:", is_read)
print("written: ", second.ravel()[:3], "opened:", decimals.ravel()[:3], "| printed:", printed.splitlines())
print("it is the stack that was opened before:", np.array_equal(decimals, first))
is_wrong = decimals.shape == second.shape and (decimals != second).all() and "Aborted" in printed
raise SystemExit(0 if is_read and is_wrong else 1)
PY
