"""Print how well the methods of Explore find what is there.

python -m benchmarks.explore [search] [phases] [speed] [bands] [lazy] [peaks] [peers] [--trials 100]
"""

from __future__ import annotations

import argparse

from benchmarks.explore import bands, lazy_stack, parts_speed, peaks, peers, reference_search, small_phases

PARTS = {
    "search": reference_search.report,
    "phases": small_phases.report,
    "speed": parts_speed.report,
    "bands": bands.report,
    "lazy": lazy_stack.report,
    "peaks": peaks.report,
    "peers": peers.report,
}


def main() -> None:
    """Run the parts that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; all by default")
    parser.add_argument("--trials", type=int, default=100, help="number of spectra or stacks for each line")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        PARTS[name](options.trials)


if __name__ == "__main__":
    main()
