"""``python -m benchmarks.denoise [--quick] [--seeds 8] [--cases 200 1000 ...] [--figure | --cost | --real FOLDER]``.

The denoiser is not told the counts per photon. Nothing is kept between runs, so slices by `--cases`, `--seeds` and
`--first` add up to the whole.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.denoise.cases import CASES, MIN_JUMP, SIZE
from benchmarks.denoise.cost import cost_table, costs
from benchmarks.denoise.figure import DOSES, dose_curves, dose_figure, dose_gains
from benchmarks.denoise.real import real_table
from benchmarks.denoise.runs import RIVALS, run
from benchmarks.denoise.tables import case_table, summary_table, timing_table

QUICK = ("200", "1000", "null")
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "dose.png"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.denoise", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"two seeds of {', '.join(QUICK)}")
    parser.add_argument("--seeds", type=int, help="measurements of each case (default 8, 2 with --quick)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--cases", "--case", nargs="+", choices=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--noise", default="auto", help="the denoiser's parameter of that name")
    parser.add_argument("--background", default="auto", help="the denoiser's parameter of that name")
    parser.add_argument("--known-gain", action="store_true", help="tell the denoiser the counts per photon")
    parser.add_argument("--size", type=int, default=SIZE, help=f"width of the image in pixels (default {SIZE})")
    parser.add_argument("--without", nargs="+", default=[], choices=RIVALS, help="rivals to leave out")
    parser.add_argument("--only-ours", action="store_true", help="no rivals: coverage by place and our scores only")
    parser.add_argument("--figure", action="store_true", help=f"only the dose figure, to {PICTURE.name}")
    parser.add_argument("--cost", action="store_true", help="only time and memory for several sizes of the stack")
    parser.add_argument("--adapt", action="store_true", help="adapt the network to each measurement first")
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="compare halves of real stacks only")
    arguments = parser.parse_args()
    options = {"noise": arguments.noise, "background": arguments.background, "adapt": arguments.adapt}
    seeds = arguments.seeds or (2 if arguments.quick else 8)

    if arguments.cost:
        print(cost_table(costs(options)))
        return

    if arguments.real is not None:
        print(real_table(arguments.real))
        return

    if arguments.figure:
        curves = dose_curves(seeds, options)
        dose_figure(PICTURE, curves)
        print(f"{'photons':28s}" + "".join(f"{dose:>9d}" for dose in DOSES))
        for title, rows, digits in (("RMSE", curves, 3), ("times fewer than", dose_gains(curves), 1)):
            for name, values in rows.items():
                print(f"{title + ' ' + name:28s}" + "".join(f"{value:9.{digits}f}" for value in values))
        return

    print(
        f"{arguments.size} x {arguments.size} pixels, 80 energies; counts per photon: "
        f"{'known' if arguments.known_gain else 'not known'}. Valence from 0 to 1 (true standard deviation 0.21),\n"
        f"scored where the edge jump is above {MIN_JUMP} (times the dilution) and the references explain the sample.\n"
    )
    rivals = () if arguments.only_ours else [name for name in RIVALS if name not in arguments.without]
    all_outcomes = {}
    for name in arguments.cases or (QUICK if arguments.quick else CASES):
        numbers = range(arguments.first, arguments.first + seeds)
        outcomes = [
            run(
                CASES[name],
                seed,
                options,
                gain=arguments.known_gain,
                size=arguments.size,
                rivals=rivals,
            )
            for seed in numbers
        ]
        all_outcomes[name] = outcomes
        print(case_table(name, outcomes), end="\n\n", flush=True)
    if not arguments.only_ours:
        print(summary_table(all_outcomes), end="\n\n")
    print(timing_table([outcome for outcomes in all_outcomes.values() for outcome in outcomes]))


if __name__ == "__main__":
    main()
