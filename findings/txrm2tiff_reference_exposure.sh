#!/usr/bin/env bash
# Expected: a reference of another exposure time is scaled to that of the image, one of the file itself and one that is
# given: "If the reference exposure is available (e.g. from XRM/TXRM or OME-TIFF), the reference image will be rescaled".
# Observed in txrm2tiff 2.2.1: a reference that is given is not scaled. The scaled copy is made and dropped, so images of
# 2 s with a reference of 1 s come out twice as bright as with the same reference inside the file. That one is scaled for
# the first image (or that at 0 degrees): of a series of energies with exposure times of 2, 1 and 4 s, one transmission
# comes out as .5, .25 and 1. Nothing is said.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "txrm2tiff==2.2.1" "numpy==2.4.6" "scipy==1.17.1"
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
import struct
from importlib.metadata import version
from pathlib import Path
import numpy as np
from txrm2tiff.txrm import open_txrm


def ole2(streams):
    """Return the bytes of an OLE2 file ([MS-CFB], version 3) of streams with names like ImageInfo/Energy."""
    folders = sorted({name.rsplit("/", n)[0] for name in streams for n in (1, 2) if name.count("/") >= n})
    names = ["", *sorted(folders, key=lambda n: n.count("/")), *streams]
    children = {n: [] for n in names}
    for n in names[1:]:
        children[n.rsplit("/", 1)[0] if "/" in n else ""].append(n)
    for kids in children.values():
        kids.sort(key=lambda n: (len(n), n.upper()))
    after = {a: b for kids in children.values() for a, b in zip(kids, kids[1:])}
    number = {n: i for i, n in enumerate(names)}
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    fat, mini_fat, body, mini = [], [], bytearray(), bytearray()

    def stored(content, table, place, sector):
        first, count = len(table), -(-len(content) // sector)
        table.extend([*range(first + 1, first + count), end])
        place.extend(content.ljust(sector * count, b"\0"))
        return first

    starts = {n: stored(content, mini_fat, mini, 64) for n, content in streams.items()}  # all are shorter than 4096
    starts[""] = stored(bytes(mini), fat, body, 512)
    entries = bytearray()
    for n in names:
        title = ((n.rsplit("/", 1)[-1] or "Root Entry") + "\0").encode("utf-16-le")
        links = free, number.get(after.get(n), free), number[children[n][0]] if children[n] else free
        size = len(mini) if not n else len(streams.get(n, b""))
        kind = 5 if not n else 2 if n in streams else 1
        entries += title.ljust(64, b"\0")
        entries += struct.pack("<HBB3I36xIQ", len(title), kind, 1, *links, starts.get(n, 0), size)
    directory = stored(bytes(entries), fat, body, 512)
    mini_table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    mini_start = stored(mini_table.ljust(-(-len(mini_table) // 512) * 512, b"\xff"), fat, body, 512)
    table = len(fat)
    fat.append(0xFFFFFFFD)
    body += struct.pack(f"<{len(fat)}I", *fat).ljust(512, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack("<16x5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<10I", 0, 1, directory, 0, 4096, mini_start, -(-len(mini_table) // 512), end, 0, table)
    return head.ljust(512, b"\xff") + bytes(body)


def zeiss(name, images, exposures, reference=None):
    count, height, width = images.shape
    numbers = {"ImageHeight": height, "ImageWidth": width, "DataType": 10, "ImagesTaken": count, "NoOfImages": count}
    streams = {"Version": struct.pack("<f", 5.1)}
    streams |= {f"ImageInfo/{k}": struct.pack("<i", v) for k, v in (numbers | {"MosiacRows": 0, "MosiacColumns": 0}).items()}
    lists = {"ExpTimes": exposures, "Energy": [700.0 + i for i in range(count)], "Angles": [0.0] * count}
    streams |= {f"ImageInfo/{k}": np.array(v, "<f4").tobytes() for k, v in lists.items()}
    streams |= {f"ImageData1/Image{i + 1}": image.astype("<f4").tobytes() for i, image in enumerate(images)}
    if reference is not None:
        image, seconds = reference
        streams |= {"ReferenceData/Image": image.astype("<f4").tobytes(), "ReferenceData/DataType": struct.pack("<i", 10)}
        streams |= {f"ReferenceData/ImageInfo/{k}": struct.pack("<i", v) for k, v in numbers.items() if "Image" in k}
        streams["ReferenceData/ImageInfo/ExpTimes"] = struct.pack("<f", seconds)
    Path(name).write_bytes(ole2(streams))
    return name


per_second = np.full((4, 6), 1000.0)
times = np.array([2.0, 1.0, 4.0])
steady, series = [0.5 * per_second * t[:, None, None] for t in (np.array([2.0, 2.0, 2.0]), times)]


def transmission(file, *reference):
    scan = open_txrm(file)
    scan.apply_reference(*reference)
    return np.round(scan.get_images()[:, 0, 0] / 100, 3).tolist()


flat = zeiss("flat.xrm", per_second[None], [1.0])
given = transmission(zeiss("alone.txrm", steady, [2.0] * 3), flat)
inside = transmission(zeiss("inside.txrm", steady, [2.0] * 3, (per_second, 1.0)))
varied = transmission(zeiss("series.txrm", series, times, (per_second, 1.0)))
print("txrm2tiff", version("txrm2tiff"), "-- a transmission of .5 throughout")
print("reference of 1 s, images of 2 s: given", given, " in the file", inside)
print("images of 2, 1 and 4 s, reference in the file:", varied)
raise SystemExit(0 if inside == [0.5] * 3 and given == [1.0] * 3 and varied == [0.5, 0.25, 1.0] else 1)
PY
