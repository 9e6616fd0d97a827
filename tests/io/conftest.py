"""Paths of real data, and small files written by code that is independent of the readers."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest


@pytest.fixture(scope="session")
def real(real_data: Path) -> Callable[[str], Path]:
    """Return the path of a real file, or skip the test with the name of the missing file."""

    def find(name: str) -> Path:
        path = real_data / name
        if not path.exists():
            pytest.skip(f"real data {name} is not in {real_data}")
        return path

    return find


@pytest.fixture(scope="session")
def truth(real: Callable[[str], Path]) -> dict[str, Any]:
    return json.loads(real("truth.json").read_text())


@pytest.fixture
def frames() -> np.ndarray:
    """Frames with all values different, so that a swapped axis is detected."""
    return np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5) / 64 + 0.5


@pytest.fixture
def write_tiff() -> Callable[..., Path]:
    """Write a multi-page little-endian TIFF tag by tag."""

    def write(path: Path, pages: np.ndarray, *, samples: int = 1, height: int | None = None) -> Path:
        pages = np.ascontiguousarray(pages)
        sample_format = {"f": 3, "u": 1, "i": 2}[pages.dtype.kind]
        content = bytearray(b"II*\0" + struct.pack("<I", 0))
        link = 4
        for page in pages:
            offset = len(content)
            content += page.astype(page.dtype.newbyteorder("<")).tobytes()
            content += b"\0" * (len(content) % 2)
            tags = [
                (256, 4, page.shape[1]),
                (257, 4, height or page.shape[0]),
                (258, 3, page.dtype.itemsize * 8),
                (259, 3, 1),
                (262, 3, 2 if samples == 3 else 1),
                (273, 4, offset),
                (277, 3, samples),
                (278, 4, height or page.shape[0]),
                (279, 4, page.nbytes),
                (339, 3, sample_format),
            ]
            struct.pack_into("<I", content, link, len(content))
            content += struct.pack("<H", len(tags))
            for tag, kind, value in tags:
                content += struct.pack("<HHII", tag, kind, 1, value)
            link = len(content)
            content += struct.pack("<I", 0)
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def write_sdf() -> Callable[..., Path]:
    """Write a STXM_Control scan: header and images."""

    def write(
        folder: Path,
        images: np.ndarray,
        energy: tuple[float, ...],
        *,
        skip: tuple[int, ...] = (),
        flags: str = "Image Stack",
        stem: str = "scan",
        end: str = "",
        steps: tuple[float, float] = (0.1, 0.2),
    ) -> Path:
        _, height, width = images.shape
        x = ", ".join(f"{-10 + steps[1] * i:.3f}" for i in range(width))
        y = ", ".join(f"{5 + steps[0] * i:.3f}" for i in range(height))
        e = ", ".join(f"{v}" for v in energy)
        header = f"""ScanDefinition = {{ Label = "{stem}.hdr"; Type = "NEXAFS Image Scan"; Flags = "{flags}";
	Dwell = 2.0;
\tRegions = (1,
{{
\t\t\tPAxis = {{ Name = "Sample X"; Unit = "um"; Min = -10; Max = 0; Dir = 1;
\t\t\t\tPoints = ({width}, {x});
}};
\t\t\tQAxis = {{ Name = "Sample Y"; Unit = "um"; Min = 5; Max = 6; Dir = 1;
\t\t\t\tPoints = ({height}, {y});
}};
}});
\tStackAxis = {{ Name = "Energy"; Unit = "eV"; Min = 700; Max = 730; Dir = 1;
\t\tPoints = ({len(energy)}, {e});
}};
\tChannels = (1,
{{ Name = "counter1"; Unit = "counts";}});
}};
 Time = "2007 December 14 18:52:00"; BeamFeedback = true;
Image1 = {{StorageRingCurrent = 312.36; Time = "2007 December 14 19:27:58";}};
{end}"""
        path = folder / f"{stem}.hdr"
        path.write_text(header)
        for i, image in enumerate(images):
            if i not in skip:
                rows = ("\t".join(f"{value:g}" for value in row) + "\t\n" for row in image)
                (folder / f"{stem}_a{i:03d}.xim").write_text("".join(rows))
        return path

    return write


@pytest.fixture
def write_nxstxm() -> Callable[..., Path]:
    """Write an NXstxm file like those of microscopes."""

    def write(
        path: Path,
        data: np.ndarray,
        energy: Any,
        *,
        axes: tuple[str, ...] | None = ("energy", "sample_y", "sample_x"),
        definition: Any = (b"NXstxm",),
        scan: str = "sample image stack",
        energy_name: str = "energy",
        unit: str = "eV",
        steps: tuple[float, float] = (0.25, 0.5),
    ) -> Path:
        with h5py.File(path, "w") as file:
            entry = file.create_group("entry1")
            entry.attrs["NX_class"] = b"NXentry"
            entry["definition"] = definition
            control = entry.create_group("control")
            control.attrs["NX_class"] = b"NXmonitor"
            control["data"] = np.full(data.shape, 400.0)
            group = entry.create_group("counter0")
            group.attrs["NX_class"] = b"NXdata"
            group.attrs["signal"] = b"data"
            group["data"] = data
            group[energy_name] = np.asarray(energy)
            group[energy_name].attrs["units"] = unit
            names = axes or ("energy", "sample_y", "sample_x")
            lengths = dict(zip(names, data.shape, strict=False))
            for name, step in zip(("sample_y", "sample_x"), steps, strict=True):
                if name in lengths:
                    group[name] = -3 + step * np.arange(lengths[name])
                    group[name].attrs["units"] = "µm"
            group["stxm_scan_type"] = [scan.encode()]
            if axes is None:
                for number, name in enumerate(("energy", "sample_y", "sample_x"), 1):
                    group[name].attrs["axis"] = number
            else:
                group.attrs["axes"] = [name.encode() for name in axes]
        return path

    return write
