"""Write EDF files byte by byte, and series with the file names of ID21. No code is shared with the reader."""

from __future__ import annotations

import numpy as np

NAMES = {"u1": "UnsignedByte", "u2": "UnsignedShort", "i4": "SignedInteger", "f4": "FloatValue", "f8": "DoubleValue"}


def edf(pixels, header=None, *, big=False, pad=512, **changes):
    """Return the bytes of one image: a text header in blocks of 512 bytes, then the rows in order."""
    order = ">" if big else "<"
    entries = {
        "HeaderID": "EH:000001:000000:000000",
        "Image": "1",
        "ByteOrder": "HighByteFirst" if big else "LowByteFirst",
        "DataType": NAMES[f"{pixels.dtype.kind}{pixels.dtype.itemsize}"],
        "Dim_1": str(pixels.shape[1]),
        "Dim_2": str(pixels.shape[0]),
        "Size": str(pixels.nbytes),
        **(header or {}),
        **changes,
    }
    text = "{\n" + "".join(f"{key} = {value} ;\n" for key, value in entries.items() if value is not None)
    text += " " * (-(len(text) + 2) % pad) + "}\n"
    rows = b"".join(pixels[y].astype(pixels.dtype.newbyteorder(order)).tobytes() for y in range(pixels.shape[0]))
    return text.encode("latin-1") + rows


def picture(value, shape=(4, 5)):
    return (value + np.arange(shape[0] * shape[1]).reshape(shape)).astype("u2")


def id21(folder, *, energies=(7.1, 7.11, 7.12), time=0.1, summed=2, repeats=1, refs=True, darks=True, stem="map1"):
    """Write a series with the names of ID21. At energy i: images 1000 (i + 1), references 3000 and 3010 (i + 1)."""
    header = {"exposure_time": time, "nb_frames": summed, "roi": "<0,0>-<5x4>"}
    for i, energy in enumerate(energies):
        head = {"energy": energy, **header}
        for k in range(repeats):
            path = folder / f"{stem}_data_0000_{i:04d}_{k:04d}.edf"
            path.write_bytes(edf(picture(1000 * (i + 1) + 10 * k), head))
        for k in range(2 * refs):
            path = folder / f"{stem}_ref_0000_{i:04d}_{k:04d}.edf"
            path.write_bytes(edf(picture(3000 * (i + 1) + 10 * k), head))
    for k in range(2 * darks):
        head = {"exposure_time": time, "nb_frames": 10, "roi": "<0,0>-<5x4>"}
        (folder / f"{stem}_dark_{time}_{k:04d}.edf").write_bytes(edf(np.full((4, 5), 90 + 20 * k, "u2"), head))
    return folder
