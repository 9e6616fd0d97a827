"""The part of the changelog that belongs to a version, as notes of a release.

Run: python -m tools.release_notes 1.2.3
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def headings(text: str) -> list[str]:
    """Return the headings of a changelog's parts, the newest first."""
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def part(text: str, version: str) -> str:
    """Return what a changelog says of a version; its heading is ``## 1.2.3 (2026-11-29)``.

    Raises
    ------
    ValueError
        The version has no part, or its part is empty.
    """
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", heading) and body.strip():
            return body.strip()
    raise ValueError(
        f"CHANGELOG.md has no part '## {version} (year-month-day)'; its parts: {', '.join(headings(text))}. "
        "Rename 'Unreleased' before the tag is set"
    )


def main(version: str) -> None:
    """Print the notes; stop where the project has no public address yet, because a release links to it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if not project.get("urls"):
        raise SystemExit("pyproject.toml has no [project.urls]: see 'A release' in CONTRIBUTING.md")
    sys.stdout.write(part((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
