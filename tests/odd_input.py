"""Stacks that no user should have, but some will: tiny, empty, constant, masked, absurd."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from napari_xanes import MapSet, SpectralStack, Spectrum

Odd = Callable[[SpectralStack], SpectralStack]


def _part(frames: slice = slice(None), rows: slice = slice(None), columns: slice = slice(None)) -> Odd:
    return lambda stack: stack.isel(frames, (rows, columns))


def _values(change: Callable[[Any], Any]) -> Odd:
    """Return what replaces the values of a stack, which the change gets as a copy."""
    return lambda stack: stack.with_data(change(np.array(stack.data)))


def _masked(everything: bool) -> Odd:
    def mask(stack: SpectralStack) -> SpectralStack:
        hidden = np.full(stack.shape, everything)
        hidden[:, 1, 2] = True
        return stack.with_data(np.ma.array(stack.data, mask=hidden))

    return mask


def _one_finite_pixel(data: Any) -> Any:
    alone = np.full_like(data, np.nan)
    alone[:, 2, 3] = data[:, 2, 3]
    return alone


def _a_hole_in_each_frame(data: Any) -> Any:
    pixels = data.reshape(len(data), -1)
    pixels[np.arange(len(data)), np.arange(len(data)) % pixels.shape[1]] = np.nan
    return data


def _random(draw: Callable[[np.random.Generator, tuple[int, ...]], Any]) -> Odd:
    return _values(lambda data: draw(np.random.default_rng(0), data.shape).astype(np.float32))


def _folded(*shape: int) -> Odd:
    return lambda stack: SpectralStack(
        np.reshape(stack.data, (stack.shape[0], *shape)), stack.energy, stack.quantity, metadata={"name": "volume"}
    )


STACKS: Mapping[str, Odd] = {
    "one row": _part(rows=slice(2, 3)),
    "one column": _part(columns=slice(2, 3)),
    "2 x 2": _part(rows=slice(2), columns=slice(2)),
    "one pixel": _part(rows=slice(1), columns=slice(1)),
    "one energy": _part(slice(20, 21)),
    "two energies": _part(slice(20, 22)),
    "three energies": _part(slice(20, 23)),
    "nine energies": _part(slice(18, 27)),
    "only below the edge": _part(slice(0, 14)),
    "only above the edge": _part(slice(38, None)),
    "volume of one slice": _folded(1, 6, 7),
    "volume of slices of one pixel": lambda stack: _folded(3, 1, 1)(stack.isel(box=(slice(1), slice(3)))),
    "volume of slices of one row": lambda stack: _folded(2, 1, 7)(stack.isel(box=(slice(2), slice(None)))),
    "constant": _values(lambda data: np.full_like(data, 0.5)),
    "zero": _values(np.zeros_like),
    "negative": _values(np.negative),
    "NaN": _values(lambda data: np.full_like(data, np.nan)),
    "infinite": _values(lambda data: np.full_like(data, np.inf)),
    "enormous": _values(lambda data: data * np.float32(1e30)),
    "tiny": _values(lambda data: data * np.float32(1e-30)),
    "16-bit integers": _values(lambda data: np.rint(100 * data).astype(np.int16)),
    "half precision": _values(lambda data: data.astype(np.float16)),
    "longdouble": _values(lambda data: data.astype(np.longdouble)),
    "other byte order": _values(lambda data: data.astype(">f8")),
    "every second pixel, backwards": lambda stack: stack.isel(box=(slice(None, None, -2), slice(None, None, 2))),
    "masked": _masked(everything=False),
    "masked everywhere": _masked(everything=True),
    "one finite pixel": _values(_one_finite_pixel),
    "a hole in each frame": _values(_a_hole_in_each_frame),
    "noise": _random(lambda rng, shape: rng.standard_normal(shape)),
    "hardly any counts": _random(lambda rng, shape: rng.poisson(0.3, shape)),
    "all pixels alike": _values(lambda data: np.broadcast_to(data[:, :1, :1], data.shape)),
}


def _spectra(reference: Spectrum) -> Mapping[str, Any]:
    energy, mu, other = reference.energy, reference.mu, np.interp(reference.energy, reference.energy + 2, reference.mu)
    middle = len(energy) // 2
    return {
        "the same twice": [Spectrum("a", energy, mu, 2.0), Spectrum("b", energy, mu, 3.0)],
        "one": [Spectrum("a", energy, mu, 2.0)],
        "the same name twice": [Spectrum("a", energy, mu, 2.0), Spectrum("a", energy, other, 3.0)],
        "constant": [Spectrum("a", energy, np.ones_like(mu), 2.0), Spectrum("b", energy, other, 3.0)],
        "zero": [Spectrum("a", energy, np.zeros_like(mu), 2.0), Spectrum("b", energy, other, 3.0)],
        "NaN": [Spectrum("a", energy, np.full_like(mu, np.nan), 2.0), Spectrum("b", energy, other, 3.0)],
        "a hole": [
            Spectrum("a", energy, np.where(np.arange(mu.size) == middle, np.nan, mu), 2.0),
            Spectrum("b", energy, other, 3.0),
        ],
        "masked": [
            Spectrum("a", energy, np.ma.array(mu, mask=np.arange(mu.size) == middle), 2.0),  # type: ignore[arg-type]
            Spectrum("b", energy, other, 3.0),
        ],
        "one energy": [Spectrum("a", energy[middle : middle + 1], mu[middle : middle + 1], 2.0)],
        "elsewhere": [Spectrum("a", energy + 3000, mu, 2.0), Spectrum("b", energy + 3000, other, 3.0)],
        "upside down": [Spectrum("a", energy, -mu, 2.0), Spectrum("b", energy, -other, 3.0)],
        "enormous": [Spectrum("a", energy, 1e30 * mu, 2.0), Spectrum("b", energy, 1e30 * other, 3.0)],
        "no valence": [Spectrum("a", energy, mu), Spectrum("b", energy, other)],
        "none": [],
    }


SPECTRA = tuple(_spectra(Spectrum("any", np.arange(1000.0, 1010.0), np.arange(10.0))))


def odd_references(kind: str, references: list[Spectrum]) -> Any:
    """Return references of a kind of `SPECTRA`, made from good ones."""
    return _spectra(references[0])[kind]


def runs_or_says_why(method: Callable[..., Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> None:
    """Check that a method gives a result that can be computed, or raises a ValueError of this package.

    An error that numpy, torch or another library raised does not say what is wrong with the data.
    """
    error = _error_of(method, stack, parameters)
    if error is None:
        return
    frame = traceback.extract_tb(error.__traceback__)[-1]
    assert "napari_xanes" in frame.filename, f"{type(error).__name__} from outside: {error}"
    assert (frame.line or "").lstrip().startswith("raise"), f"not raised here, but by {frame.line!r}: {error}"
    assert str(error)


def _error_of(method: Callable[..., Any], stack: SpectralStack, parameters: Mapping[str, Any]) -> ValueError | None:
    try:
        result = method(stack, **parameters)
        for values in result.values() if isinstance(result, MapSet) else (result,):
            assert np.asarray(values.data).shape
    except ValueError as error:
        return error
    return None
