"""What the names of Zeiss ``.xrm`` files, or else their headers, tell: energy, sample, angle, a reference or not.

SSRL 6-2c writes ``rep01_000051_ref_NiO_08324.0_eV_001of010.xrm``, APS 8-BM ``fov07_xanessoc01_8250_0eV.xrm``. Of a
tomography, ``rep01_NiO_+010.00deg_08324.0_eV_001of003.xrm``, each angle is a scan; references of no angle belong to all
of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from napari_xanes.io.energy_names import energy_in
from napari_xanes.io.projections import SAME_VIEW
from napari_xanes.io.zeiss.file import content

REFERENCE_NAME = re.compile(r"(?:^|(?<=_))ref(?=_|$)", re.IGNORECASE)
_ANGLE = re.compile(r"(?:^|(?<=_))([+-]?\d+(?:\.\d+)?)_?deg(?=_|$)", re.IGNORECASE)
_COUNTER = re.compile(r"[_-]?\d+$")
_REPEAT = re.compile(r"^rep\d+_(?:\d{6}_(?=ref_))?|_\d+of\d+(?=_|$)", re.IGNORECASE)

MOST_APART = 5.0
"""eV by which the energy of a header may differ from the one in the name; beyond, it is that of something else."""
SAME_ENERGY = 0.5
"""eV by which a monochromator may wander at one energy."""


@dataclass(frozen=True)
class Named:
    """What the name of a file tells: energy in eV, of which sample, at which angle, and whether it is a reference."""

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
        """Which scan it belongs to: those of a tomography are its angles."""
        return ", ".join(part for part in (self.sample, self.angle) if part)

    def serves(self, image: Named) -> bool:
        """Whether a reference has the name of an image's sample, or of the end of it."""
        return image.sample == self.sample or (bool(self.sample) and image.sample.endswith(f"_{self.sample}"))

    @property
    def degrees(self) -> float:
        """The angle as a number, to sort by."""
        return float(self.angle.removesuffix("deg") or "-inf")


@lru_cache(maxsize=10_000)
def told_by(folder: str, name: str) -> Named | None:
    """What the name of a file in a folder tells; None if there is no energy in it."""
    stem = Path(name).stem
    found = energy_in(stem)
    if found is None:
        return None
    energy, _, (start, end) = found
    rest = f"{stem[:start].rstrip('_')}_{stem[end:].lstrip('_')}".strip("_")
    angle = _ANGLE.search(rest)
    sample = re.sub("_{2,}", "_", _ANGLE.sub("", REFERENCE_NAME.sub("", _REPEAT.sub("", rest)))).strip("_")
    return Named(folder, name, energy, sample, f"{angle[1]}deg" if angle else "", bool(REFERENCE_NAME.search(stem)))


def told_by_names(paths: Sequence[Path]) -> list[Named]:
    """What the names of files tell; those without an energy in the name are left out."""
    told = (told_by(str(path.parent), path.name) for path in paths)
    return [one for one in told if one is not None]


def told_by_headers(paths: Sequence[Path]) -> list[Named]:
    """The same of files whose names tell no energy, where their headers tell several, of one view.

    A tomography at one energy is no series, however its monochromator wandered.
    """
    found: list[tuple[Named, float]] = []
    for path in paths:
        try:
            held = content(path)
        except (OSError, ValueError):
            continue
        if held.energy.size and held.energy[0] > 0:
            sample = re.sub("_{2,}", "_", REFERENCE_NAME.sub("", _COUNTER.sub("", path.stem))).strip("_")
            angle = float(held.angle[0]) if held.angle.size else 0.0
            is_reference = bool(REFERENCE_NAME.search(path.stem))
            found.append((Named(str(path.parent), path.name, float(held.energy[0]), sample, "", is_reference), angle))
    several: set[str] = set()
    for sample in {one.sample for one, _ in found if not one.is_reference}:
        of_it = [(one.energy, angle) for one, angle in found if one.sample == sample and not one.is_reference]
        energies, angles = zip(*of_it, strict=True)
        if max(energies) - min(energies) > SAME_ENERGY and max(angles) - min(angles) <= SAME_VIEW:
            several.add(sample)
    return [one for one, _ in found if one.is_reference or one.sample in several] if several else []


def scans_in(named: list[Named]) -> list[str]:
    """The scans that there are images of, those of a sample in order of angle."""
    found = {one.scan: one for one in named if not one.is_reference}
    return sorted(found, key=lambda scan: (found[scan].sample, found[scan].degrees))


def samples_of(named: list[Named], scan: str) -> list[Named]:
    """The images of a scan, without its references."""
    return [one for one in named if one.scan == scan and not one.is_reference]


def references_of(named: list[Named], scan: str) -> list[Named]:
    """The references of a scan: those of its sample or of the end of its name, or all where there is no other sample.

    Those of an angle of their own serve other angles only where there are no others.
    """
    this = next(one for one in named if one.scan == scan)
    found = [one for one in named if one.is_reference]
    own = [one for one in found if one.serves(this)]
    alone = len({one.sample for one in named if not one.is_reference}) == 1
    served = own or (found if alone else [])
    return [one for one in served if one.angle in ("", this.angle)] or served


def scan_of(path: Path, named: list[Named]) -> str | None:
    """The scan that a file belongs to; of a reference the first one that it serves."""
    this = next((one for one in named if one.name == path.name), None)
    if this is None or not this.is_reference:
        return None if this is None else this.scan
    return next((scan for scan in scans_in(named) if this in references_of(named, scan)), None)
