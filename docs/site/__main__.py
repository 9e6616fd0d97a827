"""Build the site: ``python docs/site [FOLDER]``, by default into docs/_build/html. A warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import build_main

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Build the site, and return its exit status."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_build" / "html"
    options = ["--quiet", "--fail-on-warning", "--keep-going", "--fresh-env", "-b", "html"]
    status = build_main(
        [
            *options,
            "-d",
            str(target.with_name(f"{target.name}-doctrees")),
            "-c",
            str(HERE),
            str(HERE.parent),
            str(target),
        ]
    )
    if status == 0:
        print(f"open {target / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
