"""Run over many files, and disturb it.

    python -m benchmarks.many speed [--count 4 --size 256 --frames 60]
    python -m benchmarks.many folder [--count 200 --size 256 --frames 60 --workers 2 --kills 4]
    python -m benchmarks.many faults [--kills 20]
    python -m benchmarks.many scaling [--record FILE]

`speed` compares two workers with one (bar: 1.8 times as fast, client below 400 MB). `folder` runs the command on a
folder, twice, and once more with kills: its memory, what is written anew, which results differ. `faults` kills workers
at random moments, restarts the scheduler, fills the disk and cuts files; after a restart every result must equal the
undisturbed one, and none may be half-written. `scaling` puts recorded times of tasks on 1 to 1024 workers. POSIX only.
"""

from __future__ import annotations

import argparse

from benchmarks.many import faults, folder, scaling, speed


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    of_speed = parts.add_parser("speed")
    of_speed.add_argument("--count", type=int, default=4)
    of_speed.add_argument("--size", type=int, default=256)
    of_speed.add_argument("--frames", type=int, default=60)
    of_folder = parts.add_parser("folder")
    for name, usual in (("count", 200), ("size", 256), ("frames", 60), ("workers", 2), ("kills", 4)):
        of_folder.add_argument(f"--{name}", type=int, default=usual)
    of_one = parts.add_parser("one")
    of_one.add_argument("numbers", type=int, nargs=4)
    of_faults = parts.add_parser("faults")
    of_faults.add_argument("--kills", type=int, default=20)
    of_scaling = parts.add_parser("scaling")
    of_scaling.add_argument("--files", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.part == "speed":
        speed.report(arguments.count, arguments.size, arguments.frames)
    elif arguments.part == "folder":
        folder.report(arguments.count, arguments.size, arguments.frames, arguments.workers, arguments.kills)
    elif arguments.part == "one":
        speed.one(*arguments.numbers)
    elif arguments.part == "faults":
        faults.report(arguments.kills)
    else:
        scaling.report(arguments.files)


if __name__ == "__main__":
    main()
