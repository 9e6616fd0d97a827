"""What became of one file of a run over many."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from napari_xanes.parameter_map import MapSet, ParameterMap
from napari_xanes.results import RECORD

State = Literal["done", "kept", "failed"]
"""Computed now; kept from an earlier run, because nothing has changed; not computed."""


class Summary(NamedTuple):
    """One map in a few numbers, which are NaN for labels.

    Attributes
    ----------
    value, sigma : float
        Medians of value and standard error where the map can be trusted.
    unit : str
        Their unit.
    share : float
        Share of the pixels where it can.
    low, high : float
        Between these lie the middle 68 % of the values there.
    """

    value: float
    sigma: float
    unit: str
    share: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Parameters
    ----------
    path : str
        The file.
    folder : str
        The folder of its result.
    state : str
        ``done``, ``kept`` or ``failed``.
    seconds : float
        Time that it took; that of the earlier run if the result was kept.
    error : str
        Why it failed; no text if it did not.
    warnings : tuple of str
        What a user should see.
    maps : mapping of str to Summary
        The maps in numbers; none for a stack.
    files : tuple of str
        Names of the files in the folder.
    main : str
        The most important map; no text without maps.
    """

    path: str
    folder: str
    state: State
    seconds: float = 0.0
    error: str = ""
    warnings: tuple[str, ...] = ()
    maps: Mapping[str, Summary] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    main: str = ""


def summaries(maps: MapSet) -> dict[str, Summary]:
    """Return the maps in numbers."""
    return {name: _summary(one) for name, one in maps.items()}


def _summary(one: ParameterMap) -> Summary:
    inside = np.asarray(one.mask)
    low, value, high = (math.nan,) * 3 if one.labels is not None else _percentiles(one.data, inside, (16, 50, 84))
    sigma = math.nan if one.sigma is None else _percentiles(one.sigma, inside, (50,))[0]
    return Summary(value, sigma, one.unit, float(inside.mean()), low, high)


def _percentiles(values: Any, inside: Any, of: tuple[int, ...]) -> list[float]:
    chosen = np.asarray(values)[inside]
    chosen = chosen[np.isfinite(chosen)]
    return [float(one) for one in np.percentile(chosen, of)] if chosen.size else [math.nan] * len(of)


def record_text(outcome: Outcome, key: str) -> str:
    """Return the text of the record that lies beside a result; `key` tells from what it was made."""
    maps = {name: [_or_none(part) for part in one] for name, one in outcome.maps.items()}
    return json.dumps({"key": key} | asdict(outcome) | {"maps": maps}, indent=1)


def _or_none(part: Any) -> Any:
    """Return None for NaN, which JSON does not have."""
    return None if part != part else part


def _or_nan(part: Any) -> Any:
    return math.nan if part is None else part


def kept(path: Path, folder: Path, key: str) -> Outcome | None:
    """Return the outcome of an earlier run, or None if there is none or if it was made from something else."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["key"] != key:
            return None
        maps = {str(name): Summary(*map(_or_nan, one)) for name, one in record["maps"].items()}
        warnings, files = (tuple(map(str, record[name])) for name in ("warnings", "files"))
        if not all((folder / name).is_file() for name in files):
            return None
        main = str(record["main"])
        return Outcome(str(path), str(folder), "kept", float(record["seconds"]), "", warnings, maps, files, main)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or no record of ours: it is computed
        return None
