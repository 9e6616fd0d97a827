"""Results as text: for each case a table and its limits, coverage by place, and the seconds of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from benchmarks.denoise.bars import bar
from benchmarks.denoise.places import mean_coverage
from benchmarks.denoise.runs import OURS, Outcome, best_rival, interval, mean_score, ratios
from numpy.typing import NDArray

COLUMNS: Mapping[str, str] = {
    "rmse": "RMSE",
    "bias": "|bias|",
    "contrast": "contrast",
    "precision": "spots AP",
    "precision_stack": "in stack",
    "kept": "kept",
    "within_1": "1 sigma",
    "within_2": "2 sigma",
    "offset_error": "off by",
    "invented": "invented",
    "n_new": "n new",
}
"""Titles of the scores."""


def case_table(name: str, outcomes: Sequence[Outcome]) -> str:
    """Return the scores of all methods on one case, the ratio to the best rival, and the limits."""
    lines = [f"{name + f' ({len(outcomes)} seeds)':26s}" + "".join(f"{title:>9s}" for title in COLUMNS.values())]
    for method in outcomes[0].scores:
        values = vars(mean_score(outcomes, method))
        cells = ("" if np.isnan(values[key]) else f"{values[key]:.3f}" for key in COLUMNS)
        lines.append(f"{method:26s}" + "".join(f"{cell:>9s}" for cell in cells))
    if len(outcomes[0].scores) > 1:
        ratio = ratios(outcomes)
        low, high = interval(ratio)
        lines.append(
            f"to the best rival of each seed: {ratio.mean():.3f} (95 % {low:.3f} to {high:.3f}), "
            f"worst {ratio.max():.3f}"
        )
        lines += _spots(outcomes)
    lines += coverage_lines(outcomes)
    if len(outcomes[0].scores) > 1:
        lines += [f"  {'holds ' if held else 'MISSED'} {text}" for text, held in verdicts(name, outcomes)]
    return "\n".join(lines)


def _spots(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line on the average precision of spots, beside that of a known phase; none without spots."""
    share, ceiling = spot_shares(outcomes), [outcome.ceiling for outcome in outcomes]
    if not share.size:
        return []
    return [
        f"spots: precision with a known phase {np.nanmean(ceiling):.3f}, ours {share.mean():.3f} of it, "
        f"worst seed {share.min():.3f}"
    ]


def coverage_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the coverage of our errors by place: means over seeds, and the lowest and highest seed."""
    titles = ("values", "1 sigma", "2 sigma", "lowest", "highest", "times", "RMSE")
    lines = [f"{'coverage by place':26s}" + "".join(f"{title:>9s}" for title in titles)]
    for name, (mean, lowest, highest) in mean_coverage([outcome.places for outcome in outcomes]).items():
        numbers = (mean.within_1, mean.within_2, lowest, highest, mean.times, mean.rmse)
        low, high = bar("").covered
        mark = "" if low <= mean.within_2 <= high else "  <" if mean.within_2 < low else "  >"
        lines.append(f"  {name:24s}{mean.count:9d}" + "".join(f"{number:9.3f}" for number in numbers) + mark)
    return lines


def verdicts(name: str, outcomes: Sequence[Outcome]) -> list[tuple[str, bool]]:
    """Return each limit of a case in words, and whether it holds."""
    limits, ours, ratio = bar(name), mean_score(outcomes, OURS), ratios(outcomes)
    pca = "PCA k=5"
    times = mean_score(outcomes, pca).rmse / ours.rmse if pca in outcomes[0].scores else np.nan
    low, high = limits.covered
    checks = [
        (f"ratio {ratio.mean():.3f} at most {limits.ratio}", ratio.mean() <= limits.ratio),
        (f"worst ratio {ratio.max():.3f} at most {limits.worst}", ratio.max() <= limits.worst),
        (f"2 sigma cover {ours.within_2:.3f}, {low} to {high}", low <= ours.within_2 <= high),
    ]
    for title, value, most in (
        ("|bias|", ours.bias, limits.bias),
        ("RMSE", ours.rmse, limits.rmse),
        ("invented share", ours.invented, limits.invented),
        ("new spectra", ours.n_new, limits.invented),
        ("error of the offset", ours.offset_error, limits.offset),
    ):
        if most is not None:
            checks.append((f"{title} {value:.4f} at most {most}", value <= most))
    for title, value, least in (
        ("times better than PCA", times, limits.times_pca),
        ("contrast gain", ours.contrast, limits.contrast),
        ("amplitude kept", ours.kept, limits.kept),
    ):
        if least is not None and not np.isnan(value):
            checks.append((f"{title} {value:.3f} at least {least}", value >= least))
    share = spot_shares(outcomes)
    if share.size:
        checks.append(
            (f"spots {share.mean():.3f} of a known phase's, at least {limits.spots}", share.mean() >= limits.spots)
        )
        checks.append(
            (f"worst seed {share.min():.3f}, at least {limits.worst_spots}", share.min() >= limits.worst_spots)
        )
    return [(text, bool(held)) for text, held in checks]


def spot_shares(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """Return for each seed with spots our average precision over that of a known phase."""
    shares = np.array([outcome.scores[OURS].precision / outcome.ceiling for outcome in outcomes], dtype=np.float64)
    return shares[np.isfinite(shares)]


def summary_table(cases: Mapping[str, Sequence[Outcome]]) -> str:
    """Return one line per case, with 95 % intervals over seeds; an asterisk marks what misses its limit."""
    titles = ("seeds", "RMSE", "ratio to the best rival", "worst", "|bias|", "contrast", "spots", "worst")
    widths = (7, 8, 28, 8, 9, 10, 8, 8)
    heading = "".join(f"{title:>{width}s}" for title, width in zip(titles, widths, strict=True))
    lines = [f"{'case':16s}{heading}{'2 sigma':>9s}{'lowest place':>24s}  best rival"]
    lines += [_summary_line(name, outcomes) for name, outcomes in cases.items() if len(outcomes[0].scores) > 1]
    return "\n".join([*lines, "* misses its limit (bars.py); spots: precision over that of a known phase"])


def _summary_line(name: str, outcomes: Sequence[Outcome]) -> str:
    limits, ours, ratio, spots = bar(name), mean_score(outcomes, OURS), ratios(outcomes), spot_shares(outcomes)
    low, high = interval(ratio)

    def cell(value: float, held: bool, width: int) -> str:
        return f"{'' if np.isnan(value) else f'{value:.3f}' + ('' if held else '*'):>{width}s}"

    mean, worst = (float(spots.mean()), float(spots.min())) if spots.size else (np.nan, np.nan)
    of_ratio = f"{ratio.mean():.3f} ({low:.3f} to {high:.3f})" + ("" if ratio.mean() <= limits.ratio else "*")
    coverage = mean_coverage([outcome.places for outcome in outcomes])
    lowest = min((place for place in coverage if not place.startswith("means")), key=lambda p: coverage[p][0].within_2)
    rivals = [best_rival(outcome) for outcome in outcomes]
    least, most = limits.covered
    return (
        f"{name:16s}{len(outcomes):7d}{ours.rmse:8.3f}{of_ratio:>28s}"
        + cell(float(ratio.max()), ratio.max() <= limits.worst, 8)
        + cell(ours.bias, limits.bias is None or ours.bias <= limits.bias, 9)
        + cell(ours.contrast, limits.contrast is None or ours.contrast >= limits.contrast, 10)
        + cell(mean, mean >= limits.spots, 8)
        + cell(worst, worst >= limits.worst_spots, 8)
        + cell(ours.within_2, least <= ours.within_2 <= most, 9)
        + f"{f'{coverage[lowest][0].within_2:.3f} {lowest}':>24s}  {max(set(rivals), key=rivals.count)}"
    )


def timing_table(outcomes: Sequence[Outcome]) -> str:
    """Return the shortest time of each method on one measurement, and its ratio to the plain reference fit."""
    names = list(outcomes[0].seconds)
    best = {name: min(outcome.seconds[name] for outcome in outcomes) for name in names}
    plain = best[names[0]]
    lines = [f"{'method (one strength)':26s}{'CPU s':>9s}{'/ first':>9s}"]
    lines += [f"{name:26s}{seconds:9.2f}{seconds / plain:9.1f}" for name, seconds in best.items()]
    return "\n".join(lines)
