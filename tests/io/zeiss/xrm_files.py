"""Write series of small ``.xrm`` files with the names that beamlines use."""

from __future__ import annotations

import numpy as np
from tests.io.zeiss.ole2 import write_zeiss as write


def image(value: float) -> np.ndarray:
    return (value + np.arange(20).reshape(1, 4, 5)).astype("<u2")


def aps(folder, energies=(8250, 8340, 8353), *, header=True, stem="fov07"):
    for i, energy in enumerate(energies):
        in_header = [energy - 0.06] if header else [0.0]
        write(folder / f"{stem}_xanessoc01_{energy}_0eV.xrm", image(100 * (i + 1)), in_header, [35.0])
        write(folder / f"ref_xanessoc01_{energy}_0eV.xrm", image(200 * (i + 1)), in_header, [35.0])
    return folder


def numbered(folder, energies, *, angles=None, stem="scan"):
    """Write files of a microscope that numbers its files and writes the energy into the header."""
    for i, energy in enumerate(energies):
        angle = {} if angles is None else {"angles": [angles[i]]}
        write(folder / f"{stem}_{i:04d}.xrm", image(100 * (i + 1)), [energy], [35.0], **angle)
    return folder


def ssrl(folder, *, energies=(8324.0, 8330.5), sample=0.5, reference=0.3, repeats=2):
    n = 0
    for i, energy in enumerate(energies):
        for rep in range(1, repeats + 1):
            for k in range(1, 4):
                name = f"rep{rep:02d}_NCA_fov08_{energy:07.1f}_eV_{k:03d}of003.xrm"
                write(folder / name, image(100 * (i + 1) + rep * 10 + k), [0.0], [sample])
            for k in range(1, 3):
                n += 1
                name = f"rep{rep:02d}_{n:06d}_ref_NCA_fov08_{energy:07.1f}_eV_{k:03d}of002.xrm"
                write(folder / name, image(300 * (i + 1) + k), [0.0], [reference])
    (folder / "ScanInfo_NCA_fov08.txt").write_text("VERSION 1\nENERGY 1\nFILES\n")
    return folder


def ssrl_tomography(folder, angles=("-010.00", "+000.00", "+010.50", "+100.00"), energies=(8324.0, 8330.25)):
    """Write images of value 1000 * angle index + 100 * energy index, and references of 5000 + 100 * energy index."""
    for i, energy in enumerate(energies):
        for k in (1, 2):
            name = f"rep01_{i + 1:06d}_ref_NCA_fov08_{energy:08.2f}_eV_{k:03d}of002.xrm"
            write(folder / name, image(5000 + 100 * i + k), [0.0], [0.3])
        for n, angle in enumerate(angles):
            name = f"rep01_NCA_fov08_{angle}deg_{energy:08.2f}_eV_001of001.xrm"
            write(folder / name, image(1000 * n + 100 * i), [0.0], [0.5])
    return folder
