"""What a fit of the dead time found, in words, and what to doubt."""

from __future__ import annotations

import numpy as np

from napari_xanes.dead_time.missed_counts import Model
from napari_xanes.dead_time.result import DeadTime
from napari_xanes.wording import counted

_ALIKE = 4.0
"""Two models whose deviances differ by less fit alike."""

_TOLD_DRIFT = 0.005
"""A drift of the ratio of counts to monitor that is told."""

_TOLD_ERROR = 0.01
"""An error of counts, of which the error of the dead time is the reason, that is told."""

_CLEAR = 2.0
"""A zero or a drift is told if it is larger than so many times its error, or than the scatter of a frame."""


def report_of(found: DeadTime, model: Model, monitor: str) -> list[str]:
    """Return what was found, one sentence a line."""
    lines = [
        f"dead time of a {model} detector from {monitor} and the area without sample, in "
        f"{counted(int(found.frames), 'frame', 'frames')}: {found}",
        f"{found.missed:.1%} of the counts were missed at the highest rate there; the beam varied by {found.beam:.1%} "
        f"(root mean square), and counts follow it to {found.scatter:.2%}",
    ]
    if found.dark_sigma:
        lines.append(f"without light, a pixel counts {found.dark_rate:.3g} ± {found.dark_sigma:.2g} counts/s")
    elif np.isfinite(found.zero):
        lines.append(f"without beam, {monitor} shows {-found.zero:.2%} ± {found.zero_sigma:.2%} of its mean")
    if found.left_out:
        lines.append(f"{counted(int(found.left_out), 'frame that does', 'frames that do')} not fit were left out")
    return lines + doubts(found, model, monitor)


def doubts(found: DeadTime, model: Model, monitor: str) -> list[str]:
    """Return the reasons to doubt the dead time."""
    other: Model = "paralyzable" if model == "non-paralyzable" else "non-paralyzable"
    told = []
    if abs(found.likelier) < _ALIKE:
        told.append(
            f"the counts do not tell whether the detector is {model} or {other}: the other model fits alike, with a "
            f"dead time of {found.other:.3g} µs instead of {found.dead_time:.3g}"
        )
    elif found.likelier < 0:
        told.append(
            f"a {other} detector fits better, with a dead time of {found.other:.3g} µs (the likelihood is "
            f"{_times(-found.likelier)} times as large): take model={other!r} unless the detector is known"
        )
    if found.drift > max(_TOLD_DRIFT, _CLEAR * found.scatter):
        told.append(
            f"the ratio of the counts to {monitor} drifts by {found.drift:.1%} over the scan: the error of the dead "
            "time allows for it, if it has nothing to do with the brightness of the beam"
        )
    if found.halves > 0:
        told.append(
            f"halves of the area without sample give dead times that differ by {2 * found.halves:.2g} µs: the beam "
            "moves, or there is sample in the area; the error allows for it"
        )
    return told


def uncertain_by(found: DeadTime, model: Model) -> list[str]:
    """Say by how much the error of the dead time moves counts at the highest rate without sample, if by a percent."""
    # d ln n / dt is the rate n / T, over 1 - n t / T if the detector is paralyzable.
    counts = 1 - found.missed
    photons = (1 - counts) / counts if model == "non-paralyzable" else -float(np.log(counts))
    growth = photons if model == "non-paralyzable" else photons / (1 - photons)
    share = growth * found.sigma / found.dead_time
    if share < _TOLD_ERROR:
        return []
    return [
        f"the error of the dead time ({found}) makes the highest counts uncertain by {share:.1%}, all alike: it is in "
        "no error of a map"
    ]


def _times(deviance: float) -> str:
    """Return a ratio of likelihoods in words."""
    return f"{np.exp(deviance / 2):.0f}" if deviance < 14 else "more than 1000"
