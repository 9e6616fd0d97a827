"""Facts in the names of Zeiss ``.xrm`` files, or else in their headers: energy, sample, angle, reference or image.

SSRL 6-2c writes ``rep01_000051_ref_NiO_08324.0_eV_001of010.xrm``, APS 8-BM ``fov07_xanessoc01_8250_0eV.xrm``. In a
tomography, ``rep01_NiO_+010.00deg_08324.0_eV_001of003.xrm``, each angle is a scan; references without an angle belong
to all angles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.series import SAME_VIEW
from napari_xanes.io.zeiss.file import read_content

REFERENCE_NAME = re.compile(r"(?:^|(?<=_))ref(?=_|$)", re.IGNORECASE)
_ANGLE = re.compile(r"(?:^|(?<=_))([+-]?\d+(?:\.\d+)?)_?deg(?=_|$)", re.IGNORECASE)
_COUNTER = re.compile(r"[_-]?\d+$")
_REPEAT = re.compile(r"^rep\d+_(?:\d{6}_(?=ref_))?|_\d+of\d+(?=_|$)", re.IGNORECASE)

MOST_APART = 5.0
"""eV: if the energy of a header differs by more from that of the name, it is the energy of something else."""
SAME_ENERGY = 0.5
"""eV: a monochromator may drift by this at one energy."""


@dataclass(frozen=True)
class XrmName:
    """The facts in the name of a file.

    Parameters
    ----------
    folder, name : str
        The file.
    energy : float
        eV.
    sample : str
        The name without all other facts.
    angle : str
        Such as "+010.00deg"; empty if the name has none.
    is_reference : bool
        Whether it is a reference.
    """

    folder: str
    name: str
    energy: float
    sample: str
    angle: str
    is_reference: bool

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.folder, self.name)

    @property
    def scan(self) -> str:
        """Name of the scan: the sample and the angle, because each angle of a tomography is a scan."""
        return ", ".join(part for part in (self.sample, self.angle) if part)

    def serves(self, image: XrmName) -> bool:
        """Whether a reference has the name of the image's sample, or of the end of that name."""
        return image.sample == self.sample or (bool(self.sample) and image.sample.endswith(f"_{self.sample}"))

    @property
    def degrees(self) -> float | None:
        """The angle as a number; None if the name has none."""
        return float(self.angle.removesuffix("deg")) if self.angle else None


@lru_cache(maxsize=10_000)
def parse_name(folder: str, name: str) -> XrmName | None:
    """Return the facts in the name of a file in a folder; None if there is no energy in it."""
    stem = Path(name).stem
    match = energy_in(stem)
    if match is None:
        return None
    energy, _, (start, end) = match
    stem_without_energy = f"{stem[:start].rstrip('_')}_{stem[end:].lstrip('_')}".strip("_")
    angle = _ANGLE.search(stem_without_energy)
    sample = _without_gaps(_ANGLE.sub("", REFERENCE_NAME.sub("", _REPEAT.sub("", stem_without_energy))))
    return XrmName(folder, name, energy, sample, f"{angle[1]}deg" if angle else "", bool(REFERENCE_NAME.search(stem)))


def _without_gaps(name: str) -> str:
    return re.sub("_{2,}", "_", name).strip("_")


def parse_names(paths: Sequence[Path]) -> list[XrmName]:
    """Return the facts in the names of files; files without an energy in the name are left out."""
    names = (parse_name(str(path.parent), path.name) for path in paths)
    return [name for name in names if name is not None]


def parse_headers(paths: Sequence[Path]) -> list[XrmName]:
    """Return the same facts of files without energies in their names, from the headers.

    Samples with images of only one energy, or at several angles, are left out: a tomography at one energy is no
    series, even if its monochromator drifts.
    """
    headers = [parsed for path in paths if (parsed := _parse_header(path)) is not None]
    series: set[str] = set()
    for sample in {name.sample for name, _ in headers if not name.is_reference}:
        images = [(name.energy, angle) for name, angle in headers if name.sample == sample and not name.is_reference]
        energies, angles = zip(*images, strict=True)
        if max(energies) - min(energies) > SAME_ENERGY and max(angles) - min(angles) <= SAME_VIEW:
            series.add(sample)
    return [name for name, _ in headers if name.is_reference or name.sample in series] if series else []


def _parse_header(path: Path) -> tuple[XrmName, float] | None:
    """Return the facts of a file and its angle in degrees; None if it is damaged or has no energy."""
    try:
        content = read_content(path)
    except (OSError, ValueError):
        return None
    if not content.energy.size or not content.energy[0] > 0:
        return None
    sample = _without_gaps(REFERENCE_NAME.sub("", _COUNTER.sub("", path.stem)))
    is_reference = bool(REFERENCE_NAME.search(path.stem))
    name = XrmName(str(path.parent), path.name, float(content.energy[0]), sample, "", is_reference)
    return name, float(content.angle[0]) if content.angle.size else 0.0


def scans_in(names: Sequence[XrmName]) -> list[str]:
    """Return the scans that have images, those of a sample in order of angle."""
    first = {image.scan: image for image in names if not image.is_reference}

    def by_angle(scan: str) -> tuple[str, float]:
        degrees = first[scan].degrees
        return first[scan].sample, float("-inf") if degrees is None else degrees

    return sorted(first, key=by_angle)


def images_of(names: Sequence[XrmName], scan: str) -> list[XrmName]:
    """Return the images of a scan, without its references."""
    return [image for image in names if image.scan == scan and not image.is_reference]


def references_of(names: Sequence[XrmName], scan: str) -> list[XrmName]:
    """Return the references of a scan.

    These are the references with the name of its sample, or of the end of that name; if the folder has no other
    sample, else all references. References of another angle are taken only if there are no others.
    """
    image = next(image for image in names if image.scan == scan)
    references = [reference for reference in names if reference.is_reference]
    of_sample = [reference for reference in references if reference.serves(image)]
    one_sample = len({image.sample for image in names if not image.is_reference}) == 1
    candidates = of_sample or (references if one_sample else [])
    return [reference for reference in candidates if reference.angle in ("", image.angle)] or candidates


def scan_of(path: Path, names: Sequence[XrmName]) -> str | None:
    """Return the scan that a file belongs to; for a reference, the first scan that it serves."""
    file_name = next((name for name in names if name.name == path.name), None)
    if file_name is None or not file_name.is_reference:
        return None if file_name is None else file_name.scan
    return next((scan for scan in scans_in(names) if file_name in references_of(names, scan)), None)
