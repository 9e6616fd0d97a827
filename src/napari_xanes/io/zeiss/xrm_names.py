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
class Named:
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

    def serves(self, image: Named) -> bool:
        """Whether a reference has the name of the image's sample, or of the end of that name."""
        return image.sample == self.sample or (bool(self.sample) and image.sample.endswith(f"_{self.sample}"))

    @property
    def degrees(self) -> float | None:
        """The angle as a number; None if the name has none."""
        return float(self.angle.removesuffix("deg")) if self.angle else None


@lru_cache(maxsize=10_000)
def parse_name(folder: str, name: str) -> Named | None:
    """Return the facts in the name of a file in a folder; None if there is no energy in it."""
    stem = Path(name).stem
    match = energy_in(stem)
    if match is None:
        return None
    energy, _, (start, end) = match
    rest = f"{stem[:start].rstrip('_')}_{stem[end:].lstrip('_')}".strip("_")
    angle = _ANGLE.search(rest)
    sample = _without_gaps(_ANGLE.sub("", REFERENCE_NAME.sub("", _REPEAT.sub("", rest))))
    return Named(folder, name, energy, sample, f"{angle[1]}deg" if angle else "", bool(REFERENCE_NAME.search(stem)))


def _without_gaps(name: str) -> str:
    return re.sub("_{2,}", "_", name).strip("_")


def parse_names(paths: Sequence[Path]) -> list[Named]:
    """Return the facts in the names of files; files without an energy in the name are left out."""
    facts = (parse_name(str(path.parent), path.name) for path in paths)
    return [named for named in facts if named is not None]


def parse_headers(paths: Sequence[Path]) -> list[Named]:
    """Return the same facts of files without energies in their names, from the headers.

    Samples with images of only one energy, or at several angles, are left out: a tomography at one energy is no
    series, even if its monochromator drifts.
    """
    facts = [parsed for path in paths if (parsed := _parse_header(path)) is not None]
    series: set[str] = set()
    for sample in {named.sample for named, _ in facts if not named.is_reference}:
        images = [(named.energy, angle) for named, angle in facts if named.sample == sample and not named.is_reference]
        energies, angles = zip(*images, strict=True)
        if max(energies) - min(energies) > SAME_ENERGY and max(angles) - min(angles) <= SAME_VIEW:
            series.add(sample)
    return [named for named, _ in facts if named.is_reference or named.sample in series] if series else []


def _parse_header(path: Path) -> tuple[Named, float] | None:
    """Return the facts of a file and its angle in degrees; None if it is damaged or has no energy."""
    try:
        content = read_content(path)
    except (OSError, ValueError):
        return None
    if not content.energy.size or not content.energy[0] > 0:
        return None
    sample = _without_gaps(REFERENCE_NAME.sub("", _COUNTER.sub("", path.stem)))
    is_reference = bool(REFERENCE_NAME.search(path.stem))
    named = Named(str(path.parent), path.name, float(content.energy[0]), sample, "", is_reference)
    return named, float(content.angle[0]) if content.angle.size else 0.0


def scans_in(named: Sequence[Named]) -> list[str]:
    """Return the scans that have images, those of a sample in order of angle."""
    first = {image.scan: image for image in named if not image.is_reference}

    def by_angle(scan: str) -> tuple[str, float]:
        degrees = first[scan].degrees
        return first[scan].sample, float("-inf") if degrees is None else degrees

    return sorted(first, key=by_angle)


def images_of(named: Sequence[Named], scan: str) -> list[Named]:
    """Return the images of a scan, without its references."""
    return [image for image in named if image.scan == scan and not image.is_reference]


def references_of(named: Sequence[Named], scan: str) -> list[Named]:
    """Return the references of a scan.

    These are the references with the name of its sample, or of the end of that name; if the folder has no other
    sample, else all references. References of another angle are taken only if there are no others.
    """
    image = next(image for image in named if image.scan == scan)
    references = [reference for reference in named if reference.is_reference]
    of_sample = [reference for reference in references if reference.serves(image)]
    one_sample = len({image.sample for image in named if not image.is_reference}) == 1
    candidates = of_sample or (references if one_sample else [])
    return [reference for reference in candidates if reference.angle in ("", image.angle)] or candidates


def scan_of(path: Path, named: Sequence[Named]) -> str | None:
    """Return the scan that a file belongs to; for a reference, the first scan that it serves."""
    this = next((facts for facts in named if facts.name == path.name), None)
    if this is None or not this.is_reference:
        return None if this is None else this.scan
    return next((scan for scan in scans_in(named) if this in references_of(named, scan)), None)
