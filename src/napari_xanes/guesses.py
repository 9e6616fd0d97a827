"""What was read and guessed about a stack: each fact in words, with its source and with what corrects it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes._typing import Float64Array
from napari_xanes.computing import computed
from napari_xanes.io.array_roles import role_of
from napari_xanes.io.energies import ev_per_unit
from napari_xanes.spreading import pixel_step
from napari_xanes.stack import SpectralStack

_UNKNOWN = "not known"
_NOT_LOOKED = "not looked for"
_MOST_FRAMES = 8
"""Number of spoiled frames that are named."""

_PIXELS = 4096
"""Number of pixels whose mean spectrum tells the edge."""


@dataclass(frozen=True)
class Guess:
    """A fact about a stack.

    Parameters
    ----------
    name : str
        What it is about: quantity, energies, I0 ...
    value : str
        In words.
    source : str
        Where it comes from: given by the user, an array or text, the header, a guess and its reason.
    keyword : str
        What corrects it: a keyword of `napari_xanes.read`, or a step with its parameter. Empty if nothing does.
    """

    name: str
    value: str
    source: str
    keyword: str = ""


def guesses(stack: SpectralStack, *, look: bool = True) -> tuple[Guess, ...]:
    """Return what was read and guessed about a stack.

    Parameters
    ----------
    stack : SpectralStack, shape (E, Y, X) or (E, Z, Y, X)
        As it was read, or after some steps.
    look : bool
        Look at the values for spoiled frames and for the element. This takes a second; the values of lazy stacks stay
        in their files in any case.

    Returns
    -------
    tuple of Guess
        Quantity, energies, their unit, I0, flats, darks, pixel size, exposure, changes made while reading, spoiled
        frames, element and edge.

    Examples
    --------
    >>> metadata = {"quantity_source": "guessed: integers"}
    >>> stack = SpectralStack(np.ones((2, 3, 4)), [8330, 8340], "counts", metadata=metadata)
    >>> [guess.value for guess in guesses(stack, look=False)][:2]
    ['counts', '2 from 8330 to 8340 eV']
    >>> guesses(stack, look=False)[0].source
    'guessed: integers'
    """
    looked = look and not stack.is_lazy
    return (
        _quantity(stack),
        _energies(stack),
        _energy_unit(stack),
        _i0(stack),
        _images(stack, "flats", "flat", "optical_depth(i0=)"),
        _images(stack, "darks", "dark", ""),
        _pixel_size(stack),
        _exposure(stack),
        _changes(stack),
        _spoiled(stack, looked),
        _absorber(stack, looked),
    )


def _why_not_looked(stack: SpectralStack) -> str:
    return "the values stay in the file" if stack.is_lazy else "the values were not looked at"


def _given(stack: SpectralStack, keyword: str) -> bool:
    return stack.source is not None and keyword in stack.source.reading


def _array_used_as(stack: SpectralStack, role: str) -> str:
    """Return the name of the array in the file that was used as something; empty if that is not known."""
    used = [use["name"] for use in _contents(stack) if use.get("used_as") == role]
    return ", ".join(used)


def _contents(stack: SpectralStack) -> list[Mapping[str, Any]]:
    return [use for use in stack.metadata.get("contents", ()) if isinstance(use, Mapping)]


def _source(stack: SpectralStack, keyword: str, role: str, *, found: bool = True) -> str:
    """Return where a fact comes from: the user, an array, or else the header of the file."""
    if keyword and _given(stack, keyword):
        return f"given by {keyword}="
    if not found:
        return "the file does not say" if stack.source is not None else ""
    if stack.source is None:
        return "given"
    title = stack.metadata.get("format")
    return _array_used_as(stack, role) or (f"the header ({title})" if title else "the file")


def _quantity(stack: SpectralStack) -> Guess:
    unit = "" if stack.unit in (stack.quantity, "1") else f" ({stack.unit})"
    source = str(
        stack.metadata.get("quantity_source") or f"the format ({stack.metadata.get('format', 'napari-xanes')})"
    )
    if _given(stack, "quantity"):
        source = "given by quantity="
    if stack.history:
        source = f"after {stack.history[-1].name}"
    elif stack.source is None and "quantity_source" not in stack.metadata:
        source = "given"
    return Guess("quantity", stack.quantity.replace("_", " ") + unit, source, "quantity")


def _energies(stack: SpectralStack) -> Guess:
    energy = stack.energy
    value = f"{energy.size} from {energy[0]:g} to {energy[-1]:g} eV" if energy.size > 1 else f"{energy[0]:g} eV"
    return Guess("energies", value, _place_of_energies(stack, "energies"), "energies")


def _place_of_energies(stack: SpectralStack, keyword: str) -> str:
    """Return where the energies come from: the user, a text, the names of files, an array, or the header."""
    place = str(stack.metadata.get("energy_source", ""))
    if not place or _given(stack, keyword):
        return _source(stack, keyword, "energies")
    return Path(place).name if Path(place).is_absolute() else place


def _energy_unit(stack: SpectralStack) -> Guess:
    text = str(stack.metadata.get("energy_unit", ""))
    unit, _, reason = text.partition(" (")
    if text and ev_per_unit(text) is None:
        return Guess("energy unit", _UNKNOWN, text, "energy_unit")
    if not unit:
        return Guess("energy unit", "eV", "as napari-xanes keeps energies", "energy_unit")
    is_told = bool(reason) and not _given(stack, "energy_unit")
    source = reason.rstrip(")") if is_told else _place_of_energies(stack, "energy_unit")
    return Guess("energy unit", unit, source, "energy_unit")


def _i0(stack: SpectralStack) -> Guess:
    keyword = "optical_depth(i0=)"
    values = stack.corrections.i0
    if values is None:
        return Guess("I0", *_none(stack, "I0", "optical_depth"), keyword)
    mean = float(np.mean(np.asarray(values)))
    return Guess("I0", f"{np.size(values)} values, {mean:.4g} in the mean", _source(stack, "", "I0"), keyword)


def _images(stack: SpectralStack, name: str, key: str, keyword: str) -> Guess:
    images = getattr(stack.corrections, key)
    if images is None:
        return Guess(name, *_none(stack, name, "optical_depth"), keyword)
    per_frame = images.ndim == len(stack.shape)
    value = f"{images.shape[0]}, one for each energy" if per_frame else "one for all energies"
    n_averaged = stack.corrections.n_flat if key == "flat" else None
    if n_averaged is not None and np.max(n_averaged) > 1:
        value += f", means of {int(np.max(n_averaged))}"
    return Guess(name, value, _source(stack, "", name), keyword)


def _none(stack: SpectralStack, role: str, step: str) -> tuple[str, str]:
    """Return that there is none and why: what the file holds of it, or a step that has used it."""
    unused = [use for use in _contents(stack) if not use.get("used_as")]
    names = [use["name"] for use in unused if role_of(use["name"], len(use["shape"])) == role]
    if names:
        return "none", f"not used: {', '.join(names)}"
    if any(taken.name == step for taken in stack.history):
        return "none", f"{step} was run"
    return "none", "the file has none" if stack.source is not None else ""


def _pixel_size(stack: SpectralStack) -> Guess:
    size = stack.pixel_size
    if size is None:
        return Guess("pixel size", _UNKNOWN, _source(stack, "pixel_size", "pixel size", found=False), "pixel_size")
    same = len(set(size)) == 1
    value = f"{size[0]:.6g} µm" if same else " x ".join(f"{length:.6g}" for length in size) + " µm"
    return Guess("pixel size", value, _source(stack, "pixel_size", "pixel size"), "pixel_size")


def _exposure(stack: SpectralStack) -> Guess:
    times = stack.corrections.exposure
    if times is None:
        return Guess("exposure", _UNKNOWN, _source(stack, "exposure", "exposure", found=False), "exposure")
    low, high = float(np.min(times)), float(np.max(times))
    value = f"{low:g} s" if low == high else f"{low:g} to {high:g} s"
    return Guess("exposure", value, _source(stack, "exposure", "exposure"), "exposure")


def _changes(stack: SpectralStack) -> Guess:
    dropped = [line for line in stack.metadata.get("warnings", ()) if "dropped" in line]
    told = [*stack.metadata.get("notes", ()), *dropped]
    keyword = "repeat" if stack.metadata.get("repeats", 1) > 1 else ""
    return Guess("changes", "; ".join(map(str, told)) or "none", "the reader", keyword)


def _spoiled(stack: SpectralStack, look: bool) -> Guess:
    name, keyword = "spoiled frames", "drop_frames(frames=)"
    if not look:
        return Guess(name, _NOT_LOOKED, _why_not_looked(stack), keyword)
    from napari_xanes.ops.spoiled_frames import suspicious_frames

    found = suspicious_frames(stack)
    listed = [f"{i} ({stack.energy[i]:.1f} eV): {reason}" for i, reason in found.items()]
    more = [f"{len(listed) - _MOST_FRAMES} more"] if len(listed) > _MOST_FRAMES else []
    return Guess(name, "; ".join(listed[:_MOST_FRAMES] + more) or "none found", "guessed; none is dropped", keyword)


def _absorber(stack: SpectralStack, look: bool) -> Guess:
    name, keyword = "element and edge", "absorber"
    element, edge = stack.metadata.get("element"), stack.metadata.get("edge")
    if element:
        return Guess(name, " ".join(map(str, filter(None, (element, edge)))), _source(stack, keyword, ""), keyword)
    if not look:
        return Guess(name, _NOT_LOOKED, _why_not_looked(stack), keyword)
    from napari_xanes.edge.elements import absorbers_at

    e0 = _edge_energy(stack)
    found = [] if e0 is None else absorbers_at(e0)
    if e0 is None or not found:
        return Guess(name, _UNKNOWN, "the mean spectrum shows no known K or L3 edge", keyword)
    value = " or ".join(f"{symbol} {shell}" for symbol, shell in found)
    return Guess(name, value, f"guessed: the mean spectrum rises most at {e0:.1f} eV", keyword)


def _edge_energy(stack: SpectralStack) -> float | None:
    """Return where the absorption of the mean pixel rises most; None where that can't be told."""
    from napari_xanes.edge import find_e0

    spectrum = _mean_spectrum(stack.data)
    if stack.quantity in ("counts", "transmission"):
        flat = stack.corrections.flat
        divisor: Any = stack.corrections.i0
        if flat is not None:
            divisor = _mean_spectrum(flat) if flat.ndim == stack.data.ndim else float(np.mean(np.asarray(flat)))
        with np.errstate(all="ignore"):
            spectrum = -np.log(spectrum / (1.0 if divisor is None else np.asarray(divisor)))
    elif stack.quantity == "derivative":
        return None
    finite = np.isfinite(spectrum)
    try:
        return float(find_e0(stack.energy[finite], spectrum[finite]))
    except ValueError:
        return None


def _mean_spectrum(data: Any) -> Float64Array:
    """Return the mean spectrum (E,) of some pixels, spread over the image."""
    step = pixel_step(data.shape, _PIXELS)
    part = computed(data[(slice(None), *(slice(None, None, step),) * (data.ndim - 1))]).astype(np.float64)
    with np.errstate(all="ignore"):
        valid = np.isfinite(part)
        total = np.where(valid, part, 0.0).reshape(len(part), -1).sum(axis=1)
        mean: Float64Array = total / valid.reshape(len(part), -1).sum(axis=1)
    return mean
