"""The report of a joined stack: what was found at the seams, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.registration.overlap import Overlap
from napari_xanes.stack import SpectralStack
from napari_xanes.stitching.inputs import Frame, Kind
from napari_xanes.stitching.intensity import Agreement, Match
from napari_xanes.stitching.sampling import Gap
from napari_xanes.wording import counted

_SIGNIFICANT, _MATTERS = 4.0, 1e-3
"""A step is told if it is more than so many times its error, and more than this share of the values."""

_DISAGREES = 2.0
"""A seam disagrees if the mean square of the differences is so many times that of the noise."""

_WIDE = 5.0
"""A gap is told if it is so many times the largest step of the scan."""


class Seam(NamedTuple):
    """Two stacks, how they were matched and how their values agree; None where that is not known.

    ``interpolation_error`` is None unless one of them was interpolated between its energies.
    """

    i: int
    j: int
    n_energies: int
    overlap: Overlap | None
    accepted: bool
    why_not: str
    agreement: Agreement | None
    interpolation_error: float | None
    gap: Gap | None


def as_mapping(seam: Seam, names: Sequence[str]) -> dict[str, Any]:
    """Return a seam as plain values, without those that are not known."""
    plain: dict[str, Any] = {
        "stacks": [names[seam.i], names[seam.j]],
        "energies": seam.n_energies,
        "interpolated": seam.interpolation_error is not None,
    }
    if seam.interpolation_error is not None:
        plain["interpolation_error"] = seam.interpolation_error
    if seam.overlap is not None:
        plain |= {
            "shift": [float(v) for v in seam.overlap.position],
            "shift_sigma": _finite(seam.overlap.sigma),
            "correlation": seam.overlap.correlation,
            "overlap_pixels": list(seam.overlap.size),
            "accepted": seam.accepted,
        }
        if seam.why_not:
            plain["why_not"] = seam.why_not
    if seam.agreement is not None:
        a = seam.agreement
        plain |= {"values": a.n_values, "step": a.step, "step_sigma": a.step_sigma, "factor": a.factor}
        plain |= {"factor_sigma": a.factor_sigma, "factor_with_offset": list(a.both)}
        plain |= {"factor_with_offset_sigma": list(a.both_sigma), "chi2": a.chi2, "chi2_matched": a.chi2_matched}
    if seam.gap is not None:
        plain |= {"gap": seam.gap.width, "extrapolated_step": seam.gap.step}
    return {name: _plain(value) for name, value in plain.items()}


def _finite(values: Float64Array) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def _plain(value: Any) -> Any:
    """Return numbers with None for NaN, so that a text of them equals itself."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def seam_in_words(seam: Seam, names: Sequence[str], unit: str, match: Match) -> str:
    """Return one line on a seam."""
    parts = []
    if seam.overlap is not None:
        (y, x), (sy, sx) = seam.overlap.position, seam.overlap.sigma
        found = "found" if seam.accepted else f"not taken, because {seam.why_not}"
        parts.append(
            f"position ({y:.2f} ± {sy:.2g}, {x:.2f} ± {sx:.2g}) pixels, correlation {seam.overlap.correlation:.2f}, "
            f"{found}"
        )
    if seam.agreement is not None:
        a = seam.agreement
        off = seam.interpolation_error
        how = "" if off is None else f" (one interpolated between its energies, which may be off by {off:.2g} {unit})"
        parts.append(
            f"{counted(seam.n_energies, 'energy', 'energies')} in common{how}: step "
            f"{_with_error(a.step, a.step_sigma)} {unit}, factor {_with_error(a.factor, a.factor_sigma)}, differences "
            f"{np.sqrt(max(a.chi2, 0)):.2f} times the noise"
        )
        if match != "none" or a.chi2 > 1.5 * a.chi2_matched:
            slope, shift = a.both
            if np.isfinite(slope):
                parts.append(
                    f"with factor {slope:.4g} and offset {shift:.3g} {unit} {np.sqrt(max(a.chi2_matched, 0)):.2f} times"
                )
    if seam.gap is not None:
        # Single frames have no slope.
        how = "extrapolated to its middle" if np.isfinite(seam.gap.change) else "as measured on both sides"
        parts.append(
            f"no energy in common, a gap of {seam.gap.width:.3g} eV; {how}, the second lies {seam.gap.step:.2g} {unit} "
            "below the first"
        )
    return f"{names[seam.i]} to {names[seam.j]}: {'; '.join(parts) or 'nothing to compare'}"


def _with_error(value: float, sigma: float) -> str:
    return f"{value:.4g} ± {sigma:.2g}" if np.isfinite(sigma) else f"{value:.4g}"


def warnings_of(seams: Sequence[Seam], names: Sequence[str], unit: str, match: Match) -> list[str]:
    """Return what is wrong at the seams: steps, gaps, positions that contradict each other."""
    told = []
    for seam in seams:
        pair = f"{names[seam.i]} and {names[seam.j]}"
        if seam.overlap is not None and not seam.accepted and "contradicts" in seam.why_not:
            told.append(f"the seam of {pair} disagrees: {seam.why_not}")
        a = seam.agreement
        if a is not None and match == "none" and abs(a.step) > max(_SIGNIFICANT * a.step_sigma, _MATTERS * a.scale):
            told.append(
                f"at the seam of {pair} the values step by {a.step:.3g} ± {a.step_sigma:.2g} {unit}, a factor of "
                f"{a.factor:.4g}; match='offset' or 'factor' removes it"
            )
        elif a is not None and match == "none" and _factor_differs(a):
            told.append(
                f"at the seam of {pair} the values differ by a factor of {a.both[0]:.4g} ± {a.both_sigma[0]:.2g} and "
                f"an offset of {a.both[1]:.3g} {unit}; match='offset + factor' removes it"
            )
        off = seam.interpolation_error
        if a is not None and off is not None and match != "none" and off > _MATTERS * a.scale:
            told.append(
                f"{pair} share no energy, so they were matched by values that are interpolated between energies, which "
                f"may be off by {off:.2g} {unit}; measure two or three energies twice, or use match='none'"
            )
        if a is not None and a.chi2_matched > _DISAGREES**2:
            told.append(
                f"{pair} disagree where both have values, by {np.sqrt(a.chi2_matched):.1f} times the noise, also after "
                "factor and offset: the sample changed, or they do not lie where they are put"
            )
        if seam.gap is not None:
            told += _of_gap(seam.gap, pair, unit)
    return told


def _factor_differs(a: Agreement) -> bool:
    return bool(abs(a.both[0] - 1) > max(_SIGNIFICANT * a.both_sigma[0], _MATTERS))


def _of_gap(gap: Gap, pair: str, unit: str) -> list[str]:
    told = []
    if gap.width > _WIDE * gap.usual:
        told.append(f"{pair} are {gap.width:.3g} eV apart: nothing was measured between them")
    elif abs(gap.step) > _SIGNIFICANT * gap.change:
        told.append(
            f"{pair} share no energy, and between them the mean steps by {gap.step:.2g} {unit}, more than "
            f"{_SIGNIFICANT:g} times what neighbouring frames differ; it was not changed. Measure some energies twice"
        )
    return told


def report_of(
    kind: Kind,
    stacks: Sequence[SpectralStack],
    names: Sequence[str],
    frames: Sequence[Frame],
    layout: tuple[Float64Array, Float64Array, Sequence[str]],
    seams: Sequence[Seam],
    matched: tuple[Float64Array, Float64Array],
    match: Match,
    told: Sequence[str],
) -> str:
    """Return the report in words."""
    unit = stacks[0].unit
    shared = sum(len(frame.made_from) > 1 for frame in frames)
    what = "segments of an energy scan" if kind == "segments" else "tiles"
    energies = f"{counted(len(frames), 'energy', 'energies')}, {frames[0].energy:g} to {frames[-1].energy:g} eV"
    lines = [f"{len(stacks)} {what} joined: {energies}"]
    if kind == "segments":
        lines[0] += f", {shared} of them measured more than once"
    position, sigma, by = layout
    for k, name in enumerate(names):
        place = f"at ({position[k][0]:.2f}, {position[k][1]:.2f}) pixels"
        error = f" ± ({sigma[k][0]:.2g}, {sigma[k][1]:.2g})" if k and np.isfinite(sigma[k]).all() else ""
        lines.append(f"{name}: {place}{error} ({by[k]})")
        if match != "none" and k:
            lines[-1] += f"; multiplied by {matched[0][k]:.4g}, then {matched[1][k]:+.3g} {unit}"
    lines += [seam_in_words(seam, names, unit, match) for seam in seams]
    lines += [f"warning: {text}" for text in told]
    return "\n".join(lines)
