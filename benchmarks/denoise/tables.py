"""Results as text: for each case a table and its limits, coverage by place, and the seconds of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from benchmarks.denoise.bars import bar
from benchmarks.denoise.places import mean_coverage
from benchmarks.denoise.runs import OURS, Outcome, interval, mean_score, ratios

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
    found = np.array([outcome.scores[OURS].precision for outcome in outcomes])
    ceiling = np.array([outcome.ceiling for outcome in outcomes])
    if not np.isfinite(ceiling).any():
        return []
    share = found / ceiling
    return [
        f"spots: precision {found.mean():.3f}, with a known phase {ceiling.mean():.3f}; share {share.mean():.3f}, "
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
    times = mean_score(outcomes, "PCA k=5").rmse / ours.rmse
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
        ("precision of spots", ours.precision, limits.precision),
        ("amplitude kept", ours.kept, limits.kept),
    ):
        if least is not None:
            checks.append((f"{title} {value:.3f} at least {least}", value >= least))
    return [(text, bool(held)) for text, held in checks]


def timing_table(outcomes: Sequence[Outcome]) -> str:
    """Return the shortest time of each method on one measurement, and its ratio to the plain reference fit."""
    names = list(outcomes[0].seconds)
    best = {name: min(outcome.seconds[name] for outcome in outcomes) for name in names}
    plain = best[names[0]]
    lines = [f"{'method (one strength)':26s}{'CPU s':>9s}{'/ first':>9s}"]
    lines += [f"{name:26s}{seconds:9.2f}{seconds / plain:9.1f}" for name, seconds in best.items()]
    return "\n".join(lines)
