"""Print how good plans of energies and completed sparse scans are.

python -m benchmarks.advice [energies] [sparse]
"""

from __future__ import annotations

import argparse

from benchmarks.advice import energies, sparse

PARTS = {"energies": energies.report, "sparse": sparse.report}


def main() -> None:
    """Run the parts that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; all by default")
    for name in parser.parse_args().parts or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
