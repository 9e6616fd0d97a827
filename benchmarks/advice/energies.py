"""Print the error of the valence from a third of the energies, by each way to choose them."""

from __future__ import annotations

import time

import numpy as np
from benchmarks.advice.cases import Case, Measured, cases
from benchmarks.advice.choices import Choice, by_chance, even, one_after_the_other, pivots

_DRAWS = 10


def report() -> None:
    """Print one table."""
    print("error of the valence with a third of the energies, over that of the full scan; bars 1.05 and 0.85 to 1.15")
    heading = ("planned, shared", "planned, equal", "even", "chance", "pivots", "predicted / achieved", "cpu (s)")
    print(f"{'stack':32}{'energies':>12}{'full':>8}" + "".join(f"{one:>22}" for one in heading))
    for case in cases():
        print(_row(case), flush=True)


def _row(case: Case) -> str:
    n = case.energy.size
    count, everything = n // 3, np.arange(n)
    full = case.measured(everything, np.ones(n), 1)
    best = case.error(full)

    def achieved(choice: Choice) -> float:
        return case.error(case.measured(choice.frames, choice.seconds, 2)) / best

    start = time.process_time()
    equal = one_after_the_other(case, count, equal=True, seed=2)
    cpu = time.process_time() - start
    # The exposures of a stack that has been measured can't be shared any more.
    shared = None if isinstance(case, Measured) else one_after_the_other(case, count, equal=False, seed=2)
    of_equal = achieved(equal)
    of_shared = np.nan if shared is None else achieved(shared)
    chance = np.sqrt(np.mean([achieved(by_chance(case, count, seed)) ** 2 for seed in range(_DRAWS)]))
    ratio = equal.predicted / (of_equal * best) if shared is None else shared.predicted / (of_shared * best)
    values = (of_shared, of_equal, achieved(even(case, count)), chance, achieved(pivots(case, full, count)), ratio, cpu)
    return f"{case.name:32}{f'{count} of {n}':>12}{best:8.3f}" + "".join(f"{one:22.2f}" for one in values)
