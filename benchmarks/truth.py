"""Is every number within its error bar, and does the user hear of it where it is not?

    python -m benchmarks.truth [--edges "Ni K" ...] [--cases base ...] [--estimators denoise ...] [--all]
    python -m benchmarks.truth --save benchmarks/truth_before.json      # sigma and trusted pixels of the controls

For each edge, each fault and each estimator: the share of trusted pixels within one and two sigma of the truth.
The bars are 64 to 72 % and 92 to 98 %. "wide": error bars are larger than errors. "told": wrong, with a warning.
"WRONG": wrong, trusted and silent; the bar is none. Controls are cases in which nothing is wrong: warnings there are
counted, and sigma and trusted pixels are compared with those of the file.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.truthfulness.estimators import ESTIMATORS, Estimate
from benchmarks.truthfulness.judgement import Judgement, judge
from benchmarks.truthfulness.measured import answers
from benchmarks.truthfulness.specimens import CASES, Case, Measurement, measure
from benchmarks.truthfulness.spectra import DATA, EDGES, Edge

import napari_xanes as nx
from napari_xanes import blocks

BEFORE = Path(__file__).with_name("truth_before.json")
"""Controls as they were before error bars had a model part; the references were the measured ones."""

_HAS_DATA = (DATA / "references").is_dir()


def judgements(edges: list[str], cases: list[str], estimators: list[str]) -> Iterator[Judgement]:
    """Yield a judgement for every map; an estimator that refuses a case gives none, and its words are printed."""
    for edge_name in edges:
        edge = EDGES[edge_name]()
        for case_name in cases:
            case = CASES[case_name]
            measurement = measure(edge, case, seed=list(CASES).index(case_name))
            for estimator in estimators:
                try:
                    estimates = list(_estimates(estimator, edge, case, measurement))
                except ValueError as error:
                    print(f"{edge_name}, {case_name}, {estimator}: refused: {error}")
                    continue
                for estimate in estimates:
                    yield judge(edge_name, case_name, estimate, measurement, control=case.control)


def _estimates(estimator: str, edge: Edge, case: Case, measurement: Measurement) -> Iterator[Estimate]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        depth = nx.ops.optical_depth(measurement.stack)
        yield from ESTIMATORS[estimator](edge, case, measurement, depth)


def row(judgement: Judgement) -> str:
    told = judgement.warnings[0][:60] if judgement.warnings else ""
    return (
        f"{judgement.key:62s} {judgement.verdict:7s} {judgement.within_one:5.2f} {judgement.within_two:5.2f}  "
        f"bias {judgement.bias:+7.4f}  sigma {judgement.sigma:7.4f}  trusted {judgement.trusted:4.2f}  {told}"
    )


def control_rows(results: list[Judgement]) -> Iterator[str]:
    """Compare the controls with what they were before."""
    saved = json.loads(BEFORE.read_text())
    before = saved["controls"] if saved["measured_references"] == _HAS_DATA else {}
    controls = [judgement for judgement in results if judgement.control]
    warned = [judgement for judgement in controls if judgement.warnings]
    yield f"controls: {len(controls)} maps, {len(warned)} with a warning (bar: 0)"
    yield from (f"  warned: {judgement.key}: {judgement.warnings[0][:90]}" for judgement in warned)
    for judgement in controls:
        if judgement.key not in before:
            continue
        sigma, trusted = before[judgement.key]
        ratio, lost = judgement.sigma / sigma, trusted - judgement.trusted
        if ratio > 1.3 or lost > 0.02:
            right = judgement.within_two
            yield f"  {judgement.key}: sigma {ratio:.2f} x before, {lost:+.1%} masked; now {right:.2f} within 2 sigma"


def print_measured() -> None:
    counts: Counter[str] = Counter()
    for answer in answers():
        counts[answer.verdict] += 1
        told = answer.warnings[0][:70] if answer.warnings else ""
        print(
            f"{answer.compound:12s} {answer.method:44s} {answer.valence:6.2f} +- {answer.sigma:5.2f}  "
            f"true {answer.truth:4.2f}  {answer.verdict:7s} {told}"
        )
    print("measured spectra: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--edges", nargs="+", choices=EDGES, default=list(EDGES))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=list(ESTIMATORS))
    parser.add_argument("--all", action="store_true", help="print also the maps that are right")
    parser.add_argument("--save", type=Path, help="write sigma and trusted pixels of the controls to this file")
    parser.add_argument("--measured", action="store_true", help="only the measured spectra")
    arguments = parser.parse_args()

    if not arguments.measured:
        results = []
        with blocks.single_threaded_blas():
            for judgement in judgements(arguments.edges, arguments.cases, arguments.estimators):
                results.append(judgement)
                if arguments.all or judgement.verdict != "right":
                    print(row(judgement), flush=True)
        print("\n".join(control_rows(results)))
        counts = Counter(judgement.verdict for judgement in results)
        print("simulated maps: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
        if arguments.save is not None:
            controls = {j.key: (round(j.sigma, 6), round(j.trusted, 4)) for j in results if j.control}
            arguments.save.write_text(
                json.dumps({"measured_references": _HAS_DATA, "controls": controls}, indent=1) + "\n"
            )
    if _HAS_DATA:
        print_measured()
    else:
        print(f"measured spectra: skipped, there is no folder {DATA}")


if __name__ == "__main__":
    main()
