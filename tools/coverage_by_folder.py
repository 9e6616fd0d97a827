"""Print the share of lines that the tests ran, one row per folder of the package; ``make coverage`` calls it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from coverage import Coverage

GOAL = 85  # percent of lines in each folder


def lines_by_folder(coverage: Coverage, root: Path) -> tuple[Counter[str], Counter[str]]:
    """Count the lines of each folder below `root`: all executable lines, and those that no test ran."""
    lines: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for file in coverage.get_data().measured_files():
        folder = str(Path(file).relative_to(root).parent)
        _, executable, _, not_executed, _ = coverage.analysis2(file)
        lines[folder] += len(executable)
        missing[folder] += len(not_executed)
    return lines, missing


def rows(lines: Counter[str], missing: Counter[str]) -> list[str]:
    """Return one row of text per folder, and one for all."""
    table = [("all", lines.total(), missing.total()), *((name, lines[name], missing[name]) for name in sorted(lines))]
    return [
        f"{name:<28} {count:>6} lines {100 - 100 * n_missing / count:>6.1f} %"
        f"{'  below the goal' if 100 * (count - n_missing) < GOAL * count else ''}"
        for name, count, n_missing in table
        if count
    ]


if __name__ == "__main__":
    data = Coverage()
    data.load()
    package = Path(__file__).resolve().parents[1] / "src" / "napari_xanes"
    sys.stdout.write("\n".join(["Lines run by the tests:", *rows(*lines_by_folder(data, package))]) + "\n")
