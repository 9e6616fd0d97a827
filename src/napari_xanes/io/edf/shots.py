"""The images of EDF files: data, references or darks, of which scan, at which energy, and how long exposed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_xanes.io.edf.file import (
    Frame,
    energy_in_header,
    exposure_in_header,
    n_summed_in_header,
    read_frames,
    read_image,
    why_not_edf,
)
from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.part import Part

_ROLE = re.compile(r"(?:^|_)(data|ref|flat|dark)(?:end|hst)?(?=[_\d]|$)", re.IGNORECASE)
_COUNTER = re.compile(r"[_-]?\d{3,}$|[_-]\d+$")


@dataclass(frozen=True)
class Shot:
    """An image of a file, and what it shows.

    Parameters
    ----------
    frame : Frame
        Its place in the file.
    role : {"data", "ref", "dark"}
        Image of the sample, reference or dark.
    scan : str
        The scan in its name; "" for references and darks without a scan in their names.
    energy : float or None
        eV, None if it is not known.
    energy_source, energy_unit : str
        Where the energy was found, and how its unit was known.
    camera_time : float
        Exposure of one camera frame in s, 0 if it is not known.
    n_summed : int
        How many camera frames are summed in the image.
    """

    frame: Frame
    role: str
    scan: str
    energy: float | None
    energy_source: str
    energy_unit: str
    camera_time: float
    n_summed: int

    @property
    def part(self) -> Part:
        """The image as a frame of a series; its exposure is that of all camera frames."""
        return Part(
            self.frame.path,
            self.energy,
            self.frame.shape,
            self.frame.dtype,
            partial(read_image, self.frame),
            self.energy_unit,
            exposure=self.camera_time * self.n_summed,
        )


def parse_name(path: Path, has_several_images: bool = False) -> tuple[str, str]:
    """Return role and scan in the name of a file; a file with several images is a scan of its own.

    Examples
    --------
    >>> parse_name(Path("map1_data_0000_0012_0000.edf")), parse_name(Path("map1_ref_0000_0012_0000.edf"))
    (('data', 'map1'), ('ref', 'map1'))
    >>> parse_name(Path("foil_7112.5eV_0003.edf"))
    ('data', 'foil')
    """
    if match := _ROLE.search(path.stem):
        role = match[1].lower()
        return ("ref" if role == "flat" else role), path.stem[: match.start()]
    if has_several_images:
        return "data", path.stem
    stem = path.stem
    if energy := energy_in(path.stem):
        start, end = energy[2]
        stem = f"{path.stem[:start].rstrip('_')}_{path.stem[end:]}"
    return "data", _COUNTER.sub("", stem.replace("__", "_").strip("_"))


def parse_shots(path: Path) -> tuple[list[Shot], bool]:
    """Return the complete images of a file, and whether an incomplete one follows them; no pixel is read.

    Raises
    ------
    OSError
        If the file can't be read, or no image is complete.
    ValueError
        If it is not an EDF file, or its header is not understood.
    """
    if reason := why_not_edf(path):
        raise ValueError(f"{path.name}: {reason}")
    frames, is_cut = read_frames(path)
    if not frames:
        raise OSError(f"{path.name}: cut short; copy it again")
    role, scan = parse_name(path, len(frames) > 1)
    shots = []
    for frame in frames:
        energy, source, unit = energy_in_header(frame.header) or _energy_in_name(path, len(frames)) or (None, "", "")
        shots.append(
            Shot(
                frame,
                role,
                scan,
                energy,
                source,
                unit,
                exposure_in_header(frame.header),
                n_summed_in_header(frame.header),
            )
        )
    return shots, is_cut


def _energy_in_name(path: Path, n_frames: int) -> tuple[float, str, str] | None:
    energy = energy_in(path.stem) if n_frames == 1 else None
    return None if energy is None else (energy[0], "the names of the files", f"{energy[1]} (file names)")


def of_scan(shots: Sequence[Shot], role: str, scan: str, *, is_only_scan: bool) -> list[Shot]:
    """Return the images of one role of a scan.

    If a scan has no references or darks of its own, those of no scan are returned; all if it is the only scan.
    """
    role_shots = [shot for shot in shots if shot.role == role]
    scan_shots = [shot for shot in role_shots if shot.scan == scan]
    return (
        scan_shots if scan_shots or role == "data" else [shot for shot in role_shots if is_only_scan or not shot.scan]
    )
