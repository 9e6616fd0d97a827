#!/usr/bin/env bash
# Expected: an EDF file of format 2 with images and their errors (blocks 1.Image.Psd and 1.Image.Error) has as many
# frames as images.
# Observed in fabio 2026.6.0: the errors are frames among the images, without a word. So the mean over frames, or frames
# paired with energies in their order, are those of images and errors mixed. (The names of blocks are those that the
# ESRF's own programs write: "Psd" are data, "Error" their variances.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "fabio==2026.6.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version
from pathlib import Path

import fabio
import numpy as np


def block(entries, content=b""):
    text = "{\r\n" + "".join(f"{name} = {value} ;\r\n" for name, value in entries.items())
    return (text + " " * (510 - len(text)) + "}\n").encode() + content


def image(kind, value):
    pixels = np.full((16, 16), value, "<u2")
    sizes = {"EDF_BinarySize": pixels.nbytes, "EDF_HeaderSize": 512, "Dim_1": 16, "Dim_2": 16}
    types = {"ByteOrder": "LowByteFirst", "DataType": "UnsignedShort"}
    return block({"EDF_DataBlockID": kind} | sizes | types, pixels.tobytes())


general = {"EDF_DataFormatVersion": 2.40, "EDF_DataBlocks": 4, "EDF_BlockBoundary": 512, "EDF_BinarySize": 0}
blocks = [block(general | {"EDF_HeaderSize": 512}), image("1.Image.Psd", 100), image("1.Image.Error", 1)]
Path("scan.edf").write_bytes(b"".join([*blocks, image("2.Image.Psd", 200), image("2.Image.Error", 2)]))
with fabio.open("scan.edf") as file:
    means = [float(file.getframe(number).data.mean()) for number in range(file.nframes)]
print("fabio", version("fabio"), "| two images of 100 and 200, errors of 1 and 2 | frames:", means)
raise SystemExit(0 if sorted(means) == [1, 2, 100, 200] else 1)
PY
