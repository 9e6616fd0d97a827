"""Published numbers beside ours, by recipes on open data.

    python -m benchmarks.published

The data are those of `$NAPARI_XANES_DATA`, by default ../shared/data; what is missing is skipped and said. Paths in
the recipes start from that folder. "within 2 sigma" compares with our error alone; what was published often has none.
"""

from __future__ import annotations

from benchmarks.published.cases import CASES, DATA, answer, verdict

HEADER = "| what | published | source | ours | verdict | recipe | why it differs |\n|---|---|---|---|---|---|---|"


def main() -> None:
    print(HEADER)
    for case in CASES:
        if not (DATA / case.data).exists():
            print(f"| {case.what} | {case.published:g} | {case.source} | no data: {case.data} | | {case.recipe} | |")
            continue
        value, sigma = answer(case)
        ours = f"{value:.4g}" if sigma is None else f"{value:.{case.digits}f} ± {sigma:.{case.digits}f}"
        told = verdict(case, value, sigma)
        why = case.why if told == "differs" else ""
        print(f"| {case.what} | {case.published:g} | {case.source} | {ours} | {told} | {case.recipe} | {why} |")


if __name__ == "__main__":
    main()
