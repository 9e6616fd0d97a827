"""What was done to a stack, as values that travel with it and as words for people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_xanes._typing import Float32Array
from napari_xanes.denoising.bands import mixed
from napari_xanes.denoising.design_matrix import Design
from napari_xanes.denoising.novelty.amounts import (
    CLEAR,
)
from napari_xanes.denoising.pipeline import (
    Cleaned,
)
from napari_xanes.denoising.survey import (
    Look,
)
from napari_xanes.noise import AmountNoise, PhotonNoise
from napari_xanes.spectrum import Spectrum
from napari_xanes.stack import SpectralStack

_WORTH_SAYING = 0.002
"""Share of the absorption below which a removed background is called none."""

_ALIKE = 0.85
"""As `Fit.alike`; smoothing by half a pixel gives 0.7."""

_SATURATED = 0.001


def removed(cleaned: Cleaned, design: Design, shape: tuple[int, ...]) -> tuple[NDArray[Any], Float32Array]:
    """Columns (E, N) and maps (N, Y, X) of what was taken away beside noise: offsets and patterns."""
    columns, maps = cleaned.offset[:, None], np.ones((1, *shape), np.float32)
    patterns = cleaned.background
    if patterns is not None:
        columns = np.concatenate([columns, patterns.modes / design.root[:, None]], axis=1)
        maps = np.concatenate([maps, patterns.enlarged(np.eye(patterns.modes.shape[1]), shape)])
    return columns, maps


def companions(
    cleaned: Cleaned, design: Design, names: list[str], offset: float, seen: Look, how: str
) -> dict[str, Any]:
    """What belongs to a cleaned stack, for ``metadata["denoise"]``.

    Parameters
    ----------
    cleaned, design, seen
        The result, what it is a combination of, and what was measured.
    names : list of str
        Names of the references; none where spectra were learned.
    offset : float
        By how much the references were moved, in eV.
    how : str
        What cleaned the maps, in words.
    """
    stack = seen.measured.stack
    shape = cleaned.jump.shape
    columns, maps = removed(cleaned, design, shape)
    features = [
        {
            "spectrum": Spectrum(f"new feature {i + 1}", stack.energy, direction / design.root),
            "map": amount,
        }
        for i, (direction, amount) in enumerate(zip(cleaned.directions.new.T, cleaned.new, strict=True))
    ]
    return {
        "names": names,
        "fractions": cleaned.fractions,
        "fraction_sigma": cleaned.fraction_sigma,
        "edge_jump": cleaned.jump,
        "edge_jump_sigma": cleaned.jump_sigma,
        "background": mixed(columns, maps),
        "novelty": cleaned.novelty,
        "novel": features,
        "report": report(cleaned, design, names, offset, seen, how),
    }


def noise_of(cleaned: Cleaned, design: Design) -> AmountNoise:
    """The errors of the cleaned stack as those of its amounts, for ``metadata["noise"]``.

    The first source is the edge jump, the others are the fractions, whose errors add up to zero.
    """
    fractions, sigma, jump = cleaned.fractions, cleaned.fraction_sigma, cleaned.jump
    k = len(fractions)
    factors = np.zeros((k, 1 + k, *jump.shape), np.float32)
    factors[:, 0] = fractions * cleaned.jump_sigma
    factors[np.arange(k), 1 + np.arange(k)] = jump * sigma
    if design.sums and k > 1:
        share = sigma**2 / np.maximum((sigma**2).sum(axis=0), 1e-30)
        factors[:, 1:] -= share[:, None] * (jump * sigma)[None]
        length = np.sqrt((factors[:, 1:] ** 2).sum(axis=1))
        factors[:, 1:] *= (jump * sigma / np.maximum(length, 1e-30))[:, None]
    columns = design.references / design.root[:, None]
    return AmountNoise(columns.astype(np.float32), factors)


def saturated_share(stack: SpectralStack) -> float:
    """Share of the flat that stands at its largest value, in the frame in the middle; 0 where there is no flat."""
    if not isinstance(stack.noise, PhotonNoise):
        return 0.0
    photons = stack.noise.i0
    frame = np.asarray(photons[len(photons) // 2])
    if frame.size == 1 < stack.data[0].size:
        return 0.0
    return float(np.mean(frame == frame.max()))


def report(
    cleaned: Cleaned,
    design: Design,
    names: list[str],
    offset: float,
    seen: Look,
    how: str,
) -> dict[str, Any]:
    """Numbers, and ``text``: a list of sentences."""
    from scipy.ndimage import label

    inside = ~seen.air & (seen.measured.precision > 0)
    depth, count = 0.0, 0
    if cleaned.background is not None:
        modes = cleaned.background.modes / design.root[:, None]
        power = cleaned.background.power_on_squares(modes)[seen.squares.sample_precision > 0]
        depth = float(np.sqrt(np.mean(power) / len(modes)))
        count = modes.shape[1]
    usual = float(np.mean(seen.measured.total[inside])) - float(cleaned.offset.mean()) if inside.any() else 0.0
    share = depth / max(usual, 1e-9)
    spots = int(label(cleaned.novelty > CLEAR)[1]) if cleaned.directions.new.shape[1] else 0
    text = []
    if cleaned.background is not None and share > _WORTH_SAYING:
        text.append(f"Removed {share:.1%} of the absorption that came from the beam, in {count} patterns.")
    elif not cleaned.has_air:
        text.append(
            "There is no empty area, so a background of the beam whose spectrum looks like the sample's can't be told "
            "from it: slow changes across the image may not be real."
        )
    else:
        text.append("No background of the beam was found.")
    if offset:
        word = "low" if offset > 0 else "high"
        text.append(f"The references lay {abs(offset):.2f} eV too {word} and were moved; check the energy calibration.")
    if cleaned.directions.new.shape[1]:
        what = "the references" if names else "the learned spectra"
        text.append(f"{spots} {'place is' if spots == 1 else 'places are'} not explained by {what}; kept as measured.")
    unexplained = cleaned.directions.unexplained
    if unexplained:
        text.append(
            f"{unexplained} {'place has' if unexplained == 1 else 'places have'} residuals far beyond the noise that "
            "can't be told from artefacts; nothing of them was kept: look at the stack before denoising there."
        )
    if cleaned.directions.nuisance.shape[1]:
        text.append("Edges of the sample change from frame to frame: the frames may not be aligned.")
    if cleaned.chi_square > (1.5 if seen.measured.photons else 3.0):
        noise = "photon noise" if seen.measured.photons else "noise between neighbouring energies"
        text.append(
            f"Residuals are {np.sqrt(cleaned.chi_square):.1f} times the {noise}: references are missing or lie at the "
            "wrong energy, or there is noise of another kind. Do not trust these maps before that is settled."
        )
    if cleaned.alike < _ALIKE:
        text.append(
            "The noise of neighbouring pixels is alike: the stack was smoothed or resampled before, and errors come "
            "out too small; better denoise what was measured."
        )
    saturated = saturated_share(seen.measured.stack)
    if saturated > _SATURATED:
        text.append(
            f"{saturated:.1%} of the flat stand at its largest value: the detector was probably saturated there, and "
            "the absorption comes out too small."
        )
    text.append(f"Maps were cleaned by {how}.")
    if cleaned.adapted is not None:
        change = f"the error where it had not learned changed by {cleaned.adapted.gain - 1:+.1%}"
        text.append(
            f"The network was adapted to this stack: {change}."
            if cleaned.adapted.accepted
            else f"Adapting the network did not help ({change}), so it was left as it was."
        )
    return {
        "text": text,
        "background_share": share,
        "background_patterns": count,
        "empty_area": bool(cleaned.has_air),
        "reference_offset_eV": offset,
        "new_features": int(cleaned.directions.new.shape[1]),
        "new_places": spots,
        "unexplained_places": unexplained,
        "misregistration": bool(cleaned.directions.nuisance.shape[1]),
        "chi_square": cleaned.chi_square,
        "noise_alike": cleaned.alike,
        "saturated_share": saturated,
        "photons_known": seen.measured.photons,
        "adapted": None if cleaned.adapted is None else cleaned.adapted.accepted,
    }
