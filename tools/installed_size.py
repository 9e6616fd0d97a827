"""Print what napari-xanes installs beyond napari and PyTorch: each package, its size, and what asks for it.

Run: python -m tools.installed_size

It looks at the environment that it runs in, so the package must be installed there. Compiled Python files don't count.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

OURS = "napari-xanes[all]"
PRESENT = ("napari[pyqt6]", "torch")
"""What a user of napari and of networks has anyway."""


def needed(*requirements: str) -> dict[str, str]:
    """Return the names of all packages that requirements install here, each with the one that asked first."""
    asked_by: dict[str, str] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, parent = waiting.pop(0)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        extras = frozenset(requirement.extras)
        if (name, extras) in done:
            continue
        done.add((name, extras))
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:  # for another system or Python
            continue
        asked_by.setdefault(name, parent)
        for line in map(Requirement, lines):
            if line.marker is None or any(line.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append((line, name))
    return asked_by


def size(package: Distribution) -> int:
    """Return the bytes of a package's files."""
    places = (Path(str(file.locate())) for file in package.files or () if "__pycache__" not in file.parts)
    return sum(place.stat().st_size for place in places if place.exists())


def main() -> None:
    """Print the table, largest first, and the sum."""
    present = needed(*PRESENT)
    rows = {name: by for name, by in needed(OURS).items() if name not in present}
    sizes = {name: size(distribution(name)) for name in rows}
    for name in sorted(rows, key=lambda name: -sizes[name]):
        sys.stdout.write(f"{sizes[name] / 1e6:8.1f} MB  {name:24} {rows[name]}\n")
    sys.stdout.write(f"{sum(sizes.values()) / 1e6:8.1f} MB  beyond {' and '.join(PRESENT)}\n")


if __name__ == "__main__":
    main()
