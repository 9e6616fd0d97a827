"""What was found about the shifts of a stack, in words."""

from __future__ import annotations

import numpy as np

from napari_xanes._typing import BoolArray, Float64Array
from napari_xanes.registration.estimation import Estimate
from napari_xanes.wording import one_or_more

_MOST_NAMED = 12

_LARGE = 1.5
"""Residuals of the usual frame, over its noise, that are more than noise."""

_STRONG = 0.3
"""A pattern of the detector of so much of the power of the sample can hold frames; a tenth as much does not."""

_STRONG_FOR_PAIRS = 0.03
"""The same where correlations take the pattern for a part of the sample (by simulation: it then moves frames by more
than three times their errors)."""

_MUCH_REPLACED = 0.08
"""Share of the pixels that show what other frames show, beyond which shifts can be off by more than their errors say
(by simulation: up to 8 times them in a cross that takes a quarter of a small image)."""

_LEAST_COMMON = 1 / 3
"""Share of the height or width that all frames see, below which places of frames were wrong in silence (a particle that
crosses the image while its contrast inverts: by 2 to 8 pixels)."""

_STILL = 0.02
"""Root mean square of shifts in pixels below which frames do not move."""


def sentences(energy: Float64Array, found: Estimate, outliers: BoolArray, shape: tuple[int, ...]) -> str:
    """Return a line on the drift, one on the errors, and one on each reason to doubt them; `shape` is (Y, X)."""
    seen = found.found
    span = np.ptp(found.shifts[seen], axis=0)
    sigma = found.sigma[seen]
    replaced = (
        f"; {100 * found.replaced:.2g} % of the pixels have no value, or show the same wherever the sample is (dead "
        "pixels, dust): the search went around them"
    )
    lines = [
        f"{int(seen.sum())} of {seen.size} frames are aligned; they drift over {span[0]:.2f} pixels in y and "
        f"{span[1]:.2f} in x{replaced if found.replaced else ''}",
        f"the errors of the shifts are {np.median(sigma):.3f} pixels in the median and at most {sigma.max():.3f}",
    ]
    common = np.maximum(np.array(shape) - span, 0)
    if (common < _LEAST_COMMON * np.array(shape)).any():
        lines.append(
            f"all frames together see {common[0]:.0f} x {common[1]:.0f} of {shape[0]} x {shape[1]} pixels: the sample "
            "leaves the image, and shifts can be off by many times their errors, most where the contrast changes; a "
            "part of the energies, or method='tracked region', helps"
        )
    return "\n".join([*lines, *_doubts(energy, found, outliers)])


def warnings_of(report: str | None) -> list[str]:
    """Return the lines of a report that are reasons to doubt."""
    return (report or "").splitlines()[2:]


def _doubts(energy: Float64Array, found: Estimate, outliers: BoolArray) -> list[str]:
    seen, lines = found.found, []
    usual = float(np.nanmedian(found.residual[seen]))
    if usual > _LARGE:
        lines.append(
            f"what the fit leaves is {usual:.2g} times the noise in the median: jittering lines, blur, or more than a "
            "few spectra are no drift; the errors are widened to what halves of the image tell, but what pulls both "
            "halves alike is not in them"
        )
    if found.pattern > (_STRONG if found.apart else _STRONG_FOR_PAIRS):
        help_ = "better flats, or a region without it" + ("" if found.apart else ", or method='joint'")
        lines.append(
            f"a pattern that stays with the detector has {found.pattern:.2g} times the power of the sample's contrast "
            f"(median frame): it may hold frames, and the shifts can be off by many times their errors; {help_}, help"
        )
    if found.replaced > _MUCH_REPLACED:
        lines.append(
            f"{100 * found.replaced:.2g} % of the pixels tell nothing of the sample (no value, dead pixels, dust): "
            "shifts can be off by several times their errors; a region without them, or given shifts, help"
        )
    if found.irreplaceable:
        lines.append(
            "pixels without a value, dead pixels or dust pass over all that the frames share, so that no other frame "
            "tells what they hide: they may hold frames, and the shifts can be off by many times their errors; a part "
            "of the energies, a region without such pixels, or given shifts, help"
        )
    if found.hidden:
        lines.append(
            f"a pattern of the detector holds the frames: kept apart from the sample, the stack shows a drift of about "
            f"{found.hidden:.2g} pixels (root mean square) behind it, so that shifts and errors are wrong; better "
            "flats, a region without the pattern, or shifts from another detector help"
        )
    if found.unsettled:
        lines.append(
            f"the border of the image cuts the sample and still held the frames when the fit ended: shifts can be off "
            f"by {found.unsettled:.2g} pixels (root mean square, in the errors) and more; a region with a border of "
            "the sample on all sides, or given shifts, help"
        )
    if found.period is not None:
        dy, dx = found.period
        lines.append(
            f"the sample repeats itself (moved by {dy:g} pixels in y and {dx:g} in x, it looks the same, or inverted): "
            "shifts can be off by whole periods, and their errors do not know it; a region with something that does "
            "not repeat, or given shifts, help"
        )
    if not found.hidden and np.sqrt((found.shifts[seen] ** 2).mean()) < _STILL:
        lines.append(
            "the frames do not move: they are aligned already, or what they share is a pattern of the detector that is "
            "stronger than the sample; a drift behind such a pattern was looked for, and none is seen"
        )
    copies = np.zeros_like(seen) if found.copies is None else found.copies
    if copies.any():
        lines.append(
            one_or_more(
                int(copies.sum()),
                f"{_named(energy, np.flatnonzero(copies), 'is', 'are')} a copy of another frame, noise included: it "
                "tells nothing of its own, and has the place and the error of its original; drop it before noise is "
                "estimated",
                f"{_named(energy, np.flatnonzero(copies), 'is', 'are')} copies of other frames, noise included: they "
                "tell nothing of their own, and have the place and error of their originals; drop them before noise is "
                "estimated",
            )
        )
    strange = outliers & seen & ~copies
    if strange.any():
        lines.append(f"{_named(energy, np.flatnonzero(strange), 'holds', 'hold')} something else than the others")
    if not seen.all():
        lines.append(
            f"{_named(energy, np.flatnonzero(~seen), 'shows', 'show')} nothing of what the others show: "
            f"{one_or_more(int((~seen).sum()), 'its', 'their')} place is that of the neighbours"
        )
    return lines


def _named(energy: Float64Array, frames: np.ndarray, one_does: str, they_do: str) -> str:
    if frames.size == 1:
        return f"the frame at {energy[frames[0]]:g} eV {one_does}"
    names = ", ".join(f"{energy[i]:g}" for i in frames[:_MOST_NAMED])
    more = f" and {frames.size - _MOST_NAMED} more" if frames.size > _MOST_NAMED else ""
    return f"the frames at {names} eV{more} {they_do}"
