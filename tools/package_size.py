"""Check that a wheel stays small and holds what it must.

Run: python -m tools.package_size dist/*.whl
"""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile

LARGEST = 10e6
"""Bytes that a wheel may have."""
NEEDED = (
    "napari_xanes/napari.yaml",
    "napari_xanes/py.typed",
    "napari_xanes/denoising/network/weights.pt",
    "napari_xanes/edge/xray_tables.npz",
)


def complaints(wheel: Path) -> list[str]:
    """Return what is wrong with a wheel: its size, missing files, files that belong elsewhere."""
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    size = wheel.stat().st_size
    found = [f"{wheel.name} has {size / 1e6:.1f} MB, more than {LARGEST / 1e6:g}"] if size > LARGEST else []
    found += [f"{wheel.name} lacks {name}" for name in NEEDED if name not in names]
    foreign = sorted({name.split("/")[0] for name in names if not name.startswith("napari_xanes")})
    return found + ([f"{wheel.name} holds {', '.join(foreign)}"] if foreign else [])


def main(wheels: list[str]) -> None:
    """Print the sizes; stop with what is wrong."""
    for wheel in map(Path, wheels):
        sys.stdout.write(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB\n")
    found = [complaint for wheel in map(Path, wheels) for complaint in complaints(wheel)]
    if found:
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main(sys.argv[1:])
