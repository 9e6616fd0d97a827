"""The table of surprises has a row for each script, with the versions that the script installs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
ROWS = {
    row[0]: row[1:]
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    if (row := re.findall(r"(?<=\| )(?:\[`(?=\w))?([^|]+?)(?:`\]\([\w.]+\))?(?= \|)", line)) and line.startswith("| [`")
}


def test_the_table_has_the_scripts_and_nothing_else() -> None:
    assert set(ROWS) == {path.stem for path in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_was_expected_and_its_row_has_its_versions(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    head = text.partition("set -euo pipefail")[0]
    assert "# Expected: " in head
    assert "# Observed in " in head
    assert len(ROWS[script.stem]) == 4
    for version in re.findall(r"\d+\.\d[\d.]*\d|\d+\.\d+", ROWS[script.stem][0]):
        assert version in text, f"the script does not have the version {version} of its row"
    assert os.name == "nt" or text.startswith("#!/usr/bin/env bash\n")
