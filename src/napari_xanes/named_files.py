"""Steps that name the files of their spectra in the place of all numbers, as far as the files are unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_xanes.history import Step
from napari_xanes.io.files import fingerprint
from napari_xanes.recipe import method_of
from napari_xanes.spectrum import Spectrum


def with_named_files(steps: Iterable[Step]) -> list[Step]:
    """Return steps whose spectra are named by file and record where the file still holds them.

    Spectra that come from no file, or whose file is gone or has changed, stay as numbers: so the steps can be repeated.

    Parameters
    ----------
    steps : iterable of Step
        Steps of a history, whose spectra are numbers.

    Raises
    ------
    ValueError
        If a step is unknown.
    """
    return [replace(step, parameters=_named(step)) for step in steps]


def _named(step: Step) -> dict[str, Any]:
    parameters = method_of(step.name).parameters
    takes_records = {name for name, one in parameters.items() if one.spec.files and one.kind in _KINDS}
    return {name: _value(value) if name in takes_records else value for name, value in step.parameters.items()}


_KINDS = ("references", "reference")


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    spectrum = _spectrum(value)
    named = None if spectrum is None else spectrum.by_file()
    if spectrum is None or named is None or spectrum.source is None:
        return value
    return named if _holds(spectrum.source.path, spectrum.source.fingerprint) else value


def _spectrum(value: Any) -> Spectrum | None:
    if isinstance(value, Spectrum):
        return value
    return Spectrum.from_plain(value) if isinstance(value, Mapping) and "mu" in value else None


def _holds(path: str, content: str | None) -> bool:
    """Return whether a file is there and still has the content with this hash."""
    try:
        return content is not None and Path(path).is_file() and fingerprint(path) == content
    except (OSError, ValueError):
        return False
