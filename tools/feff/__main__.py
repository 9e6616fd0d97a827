"""Compute the K-edge libraries again: ``python -m tools.feff FOLDER [ni-k ...]``.

Each spectrum takes about a minute on one core. A run whose result is already in FOLDER is not repeated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.feff.crystals import CRYSTALS
from tools.feff.making import write_k_library


def main() -> None:
    """Read the command line and write the libraries that it names."""
    parser = argparse.ArgumentParser(prog="python -m tools.feff", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where FEFF's files go")
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(CRYSTALS)}; all by default")
    arguments = parser.parse_args()
    for name in arguments.names or CRYSTALS:
        write_k_library(name, arguments.folder)


if __name__ == "__main__":
    main()
