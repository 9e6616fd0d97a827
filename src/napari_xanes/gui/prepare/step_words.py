"""A step in a few words: its parameters, and what it found. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from napari_xanes.alignment import Alignment
from napari_xanes.history import Step, to_plain
from napari_xanes.ops import OPERATIONS
from napari_xanes.parameters import Parameter
from napari_xanes.wording import counted

_MOST_CHARACTERS = 28
"""A longer value is cut off in the list; the form shows it."""


def spoken(name: str) -> str:
    """Return the name of a step as people read it."""
    return name.replace("_", " ")


def without_defaults(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not the defaults of their parameters."""
    return {
        name: value
        for name, value in values.items()
        if parameters[name].required or _differs(value, parameters[name].default)
    }


def _differs(value: Any, default: Any) -> bool:
    """Return whether a value is not the default; what has None as default is often long as plain values."""
    return value is not None if default is None else to_plain(value) != to_plain(default)


def parameter_words(step: Step, but: Sequence[str] = ()) -> str:
    """Return the parameters that the user gave, but for some.

    Examples
    --------
    >>> parameter_words(Step("crop", {"energy": [8300, 8400], "drop_empty": True}))
    'energy 8300 … 8400, drop empty'
    >>> parameter_words(Step("of_another_package", {"width": 2}))
    'width 2'
    """
    known = OPERATIONS[step.name].parameters if step.name in OPERATIONS else {}
    given = {name: value for name, value in step.parameters.items() if name not in known}
    given |= without_defaults(known, {name: step.parameters[name] for name in known if name in step.parameters})
    texts = []
    for name, value in given.items():
        if name in but:
            continue
        label = known[name].label if name in known else spoken(name)
        texts.append(label if value is True else f"{label} {_short(value)}")
    return ", ".join(texts)


def found_words(done: Step, metadata: Mapping[str, Any]) -> str:
    """Return what a step found when it was carried out; no text if there is nothing to say.

    Parameters
    ----------
    done : Step
        The step, with what it estimated.
    metadata : mapping
        What the stack says after it.

    Examples
    --------
    >>> state = {"e0": 8347.17, "pre": [-77.2, -15.0], "post": [30.0, 112.8]}
    >>> found_words(Step("normalize_edge", state=state), {})
    'E0 8347.2, pre -77…-15, post 30…113'
    """
    words = _FOUND.get(done.name)
    return "" if words is None else words(done, metadata)


def line_of(step: Step, done: Step | None, metadata: Mapping[str, Any] | None) -> str:
    """Return a step in one line: name, what it found or else its parameters."""
    found = "" if done is None else found_words(done, metadata or {})
    said = _SAID_BY_RESULT.get(step.name, ()) if found else ()
    words = ", ".join(text for text in (found, parameter_words(step, said)) if text)
    return f"{spoken(step.name)}: {words}" if words else spoken(step.name)


def _short(value: Any) -> str:
    """Return a value in a few characters."""
    name = getattr(value, "name", None)
    if name is not None:
        return str(name)
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return f"{int(value.sum())} px"
    if isinstance(value, Mapping):
        return str(value.get("name") or "given")
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) == 2 and all(isinstance(end, int | float) for end in value):
            return " … ".join(f"{end:g}" for end in value)
        text = ", ".join(map(_short, value))
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _range(ends: Sequence[float]) -> str:
    return "…".join(f"{end:.0f}" for end in ends)


def _edge(done: Step, metadata: Mapping[str, Any]) -> str:
    state = done.state or {}
    return f"E0 {state['e0']:.1f}, pre {_range(state['pre'])}, post {_range(state['post'])}" if "post" in state else ""


def _incident(done: Step, metadata: Mapping[str, Any]) -> str:
    i0 = (done.state or {}).get("i0")
    if i0 == "flat":
        return "I0 from the flats"
    given = done.parameters.get("i0", "auto")
    if given in ("auto", "empty") and isinstance(i0, Mapping):
        if given == "auto" and metadata.get("i0") is not None:
            return "I0 of the file"
        is_one = np.all(np.asarray(i0.get("mu", 0.0)) == 1)
        return "I0 = 1, it is transmission" if is_one else "I0 from empty area"
    return ""


def _drift(done: Step, metadata: Mapping[str, Any]) -> str:
    try:
        found = Alignment.from_mapping(metadata.get("align"))
    except ValueError:
        return ""
    if found is None:
        return ""
    texts = [] if found.sigma is None else [f"± {np.sqrt(np.nanmean(found.sigma**2)):.2g} px rms"]
    reach = np.ptp(found.shifts.reshape(-1, found.shifts.shape[-1]), axis=0).max()
    texts.insert(0, f"drift {reach:.1f} px")
    if found.outliers is not None and found.outliers.any():
        texts.append(counted(int(found.outliers.sum()), "frame marked", "frames marked"))
    return ", ".join(texts)


def _repaired(done: Step, metadata: Mapping[str, Any]) -> str:
    found = metadata.get("repair")
    changed = None if found is None else found["changed"]
    return f"{int(changed.sum())} values replaced" if isinstance(changed, np.ndarray) else ""


def _calibrated(done: Step, metadata: Mapping[str, Any]) -> str:
    offset = (done.state or {}).get("offset")
    return "" if offset is None else f"{offset:+.2f} eV"


_FOUND: dict[str, Callable[[Step, Mapping[str, Any]], str]] = {
    "optical_depth": _incident,
    "align": _drift,
    "repair": _repaired,
    "normalize_edge": _edge,
    "calibrate_energy": _calibrated,
}

_SAID_BY_RESULT = {"normalize_edge": ("e0", "pre", "post"), "calibrate_energy": ("offset",)}
"""Parameters that the words about the result say already."""
