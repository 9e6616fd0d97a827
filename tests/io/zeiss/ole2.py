"""Write small OLE2 files with the layout of [MS-CFB]. No code is shared with the readers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def ole2(streams: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a version 3 file with streams, which have names like ``ImageInfo/Energy``."""
    tree: dict[str, list[str]] = {"": []}
    for name in streams:
        parts = name.split("/")
        for depth, part in enumerate(parts):
            parent, full = "/".join(parts[:depth]), "/".join(parts[: depth + 1])
            if part not in [n.rsplit("/", 1)[-1] for n in tree.setdefault(parent, [])]:
                tree[parent].append(full)
    ids = {"": 0}
    for children in tree.values():
        for child in children:
            ids[child] = len(ids)
    fat: list[int] = []
    mini_fat: list[int] = []
    body, mini = bytearray(), bytearray()
    starts = {}

    def stored(content: bytes, table: list[int], place: bytearray, sector: int) -> int:
        count = -(-len(content) // sector)
        if not count:
            return END
        first = len(table)
        table += [*range(first + 1, first + count), END]
        place += content.ljust(count * sector, b"\0")
        return first

    for name, content in streams.items():
        small = len(content) < CUTOFF
        table, place, sector = (mini_fat, mini, MINI) if small else (fat, body, SECTOR)
        starts[name] = stored(content, table, place, sector)
    mini_start, mini_size = stored(bytes(mini), fat, body, SECTOR), len(mini)
    links = {name: [FREE, FREE, FREE] for name in ids}

    def balanced(names: list[str]) -> int:
        if not names:
            return FREE
        middle = len(names) // 2
        links[names[middle]][:2] = balanced(names[:middle]), balanced(names[middle + 1 :])
        return ids[names[middle]]

    for parent, children in tree.items():
        links[parent][2] = balanced(sorted(children, key=lambda n: (len(n), n.upper())))
    entries = bytearray()
    for name in ids:
        title = (name.rsplit("/", 1)[-1] or "Root Entry").encode("utf-16-le") + b"\0\0"
        kind = 5 if not name else 2 if name in streams else 1
        start = mini_start if not name else starts.get(name, 0)
        size = mini_size if not name else len(streams.get(name, b""))
        entries += title.ljust(64, b"\0") + struct.pack("<HBB3I", len(title), kind, 1, *links[name])
        entries += b"\0" * 36 + struct.pack("<IQ", start, size)
    directory = stored(bytes(entries), fat, body, SECTOR)
    mini_table = b"".join(struct.pack("<I", n) for n in mini_fat)
    mini_table = mini_table.ljust(-(-len(mini_table) // SECTOR) * SECTOR, b"\xff")
    mini_fat_start = stored(mini_table, fat, body, SECTOR)
    count = 1
    while count * SECTOR // 4 < len(fat) + count:
        count += 1
    own = list(range(len(fat), len(fat) + count))
    fat += [FAT] * count
    body += b"".join(struct.pack("<I", n) for n in fat).ljust(count * SECTOR, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    head += struct.pack("<4I", 0, count, directory, 0)
    head += struct.pack("<5I", CUTOFF, mini_fat_start, len(mini_table) // SECTOR, END, 0)
    head += struct.pack(f"<{count}I", *own)
    return head.ljust(SECTOR, b"\xff") + bytes(body)


def zeiss(images: np.ndarray, energy: list[float], exposure: list[float] | None = None, **more: object) -> bytes:
    """Return the bytes of a Zeiss file with images (N, Y, X). `more` adds streams; a value of None removes a stream."""
    codes = {"u1": 3, "u2": 5, "f4": 10}
    reference = more.pop("reference", None)
    integers = {
        "ImageHeight": images.shape[1],
        "ImageWidth": images.shape[2],
        "DataType": codes[images.dtype.str[1:]],
        "ImagesTaken": len(images),
        "NoOfImages": len(images),
        "MosiacRows": 0,
        "MosiacColumns": 0,
    } | {key: value for key, value in more.items() if isinstance(value, int)}
    streams = {f"ImageInfo/{key}": struct.pack("<i", value) for key, value in integers.items()}
    lists = {"Energy": energy, "ExpTimes": exposure or [1.0] * len(images), "PixelSize": [0.03]}
    lists |= {key: value for key, value in more.items() if isinstance(value, list)}
    streams |= {f"ImageInfo/{key}": np.array(value, "<f4").tobytes() for key, value in lists.items()}
    for i, image in enumerate(images):
        streams[f"ImageData{-(-(i + 1) // 100)}/Image{i + 1}"] = image.tobytes()
    if reference is not None:
        image, seconds = reference
        streams["ReferenceData/Image"] = image.tobytes()
        streams["ReferenceData/DataType"] = struct.pack("<i", codes[image.dtype.str[1:]])
        streams["ReferenceData/ExpTime"] = struct.pack("<f", seconds)
    streams |= {key: value for key, value in more.items() if isinstance(value, bytes)}
    for key in [key for key, value in more.items() if value is None]:
        del streams[key]
    return ole2(streams)


def write_zeiss(path: Path, images: np.ndarray, energy: list[float], *args: object, **more: object) -> Path:
    path.write_bytes(zeiss(images, energy, *args, **more))
    return path
