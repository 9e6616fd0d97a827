"""Any matrices come back with errors that hold, and no damage of a stack makes `align` invent any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.magnified import Magnified, magnified

import napari_xanes as nx

SIZE, COUNT = 48, 6


def stretched(entries: list[float], count: int = COUNT, **options: float) -> Magnified:
    """Return frames whose matrices change in equal steps by these entries from the first to the last."""
    along = np.linspace(-0.5, 0.5, count)[:, None, None]
    return magnified(np.eye(2) + along * np.reshape(entries, (2, 2)), **options)  # type: ignore[arg-type]


@settings(max_examples=8, derandomize=True)
@given(
    entries=st.lists(st.floats(-0.05, 0.05), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
    size=st.integers(60, 80),
    inverts=st.booleans(),
)
def test_any_matrix_comes_back_with_errors_that_hold(entries: list[float], seed: int, size: int, inverts: bool) -> None:
    sample = stretched(entries, 8, seed=seed, size=size, contrast=-0.5 if inverts else 0.5)
    found = nx.ops.align(sample.stack, model="affine").metadata["align"]
    assert not found.outliers.any()
    assert np.sqrt((sample.at_corners(found) ** 2).mean()) < (0.15 if inverts else 0.08)
    for value, truth, sigma in (
        (found.matrices, sample.matrices, found.matrix_sigma),
        (found.shifts, sample.shifts, found.sigma),
    ):
        error = value - truth
        assert np.sqrt((((error - error.mean(axis=0)) / sigma) ** 2).mean()) < 2


@cache
def whole() -> nx.SpectralStack:
    return stretched([0.01, -0.01, 0.01, 0.005], seed=3, size=SIZE).stack


def _noise(data: np.ndarray, frame: int, place: np.ndarray, level: int) -> None:
    data[frame] = np.random.default_rng(frame).normal(0, 10.0**level, data[frame].shape)


def _patch(data: np.ndarray, frame: int | slice, place: np.ndarray, value: float) -> None:
    y0, x0, height, width = place
    data[frame, ..., y0 : y0 + height, x0 : x0 + width] = value


DAMAGE: Mapping[str, Callable[[np.ndarray, int, np.ndarray, int], None]] = {
    "no values": lambda data, frame, place, level: data.__setitem__(frame, np.nan),
    "one value": lambda data, frame, place, level: data.__setitem__(frame, 10.0**level),
    "noise": _noise,
    "a patch without values": lambda data, frame, place, level: _patch(data, frame, place, np.nan),
    "all patches without values": lambda data, frame, place, level: _patch(data, slice(None), place, np.nan),
    "an infinite patch": lambda data, frame, place, level: _patch(data, frame, place, np.inf),
    "a patch of one value": lambda data, frame, place, level: _patch(data, frame, place, 10.0**level),
    "all patches of one value": lambda data, frame, place, level: _patch(data, slice(None), place, 0.1 * level),
    "a copy": lambda data, frame, place, level: data.__setitem__(frame, data[frame - 1]),
    "a jump": lambda data, frame, place, level: data.__setitem__(frame, np.roll(data[frame], place[:2], (0, 1))),
    "upside down": lambda data, frame, place, level: data.__setitem__(frame, data[frame, ::-1].copy()),
    "rows for columns": lambda data, frame, place, level: data.__setitem__(frame, data[frame].T.copy()),
    "another unit": lambda data, frame, place, level: np.multiply(data, np.float32(10.0**level), out=data),
}


def aligned(data: np.ndarray) -> tuple[nx.Alignment | None, str]:
    """Return what was found, or why the stack was refused."""
    try:
        return nx.ops.align(whole().with_data(data, metadata={"noise": None}), model="affine").metadata["align"], ""
    except ValueError as error:
        return None, str(error)


WHOLE = (0, 0, SIZE, SIZE)
PLACE = st.tuples(*[st.integers(0, SIZE - 1)] * 2, *[st.integers(1, SIZE)] * 2)


@settings(max_examples=16, derandomize=True)
@example(
    damage=[("one value", 2, WHOLE, 0), ("noise", 3, WHOLE, 4), ("all patches of one value", 0, (19, 2, 43, 45), -9)]
)
@example(
    damage=[("one value", 2, WHOLE, 0), ("noise", 3, WHOLE, -5), ("all patches of one value", 0, (24, 18, 11, 16), -5)]
)
@given(
    damage=st.lists(
        st.tuples(st.sampled_from(list(DAMAGE)), st.integers(0, COUNT - 1), PLACE, st.integers(-9, 12)),
        min_size=1,
        max_size=3,
    )
)
def test_damaged_stacks_are_refused_or_have_matrices_that_are_possible(
    damage: list[tuple[str, int, tuple[int, ...], int]],
) -> None:
    """Warnings of numbers are errors here, as in all tests."""
    data = whole().data.copy()
    for kind, frame, place, level in damage:
        DAMAGE[kind](data, frame, np.array(place), level)
    found, refused = aligned(data)
    if found is None:
        assert any(words in refused for words in ("no finite value", "nothing that can be aligned", "share"))
        return
    assert np.isfinite(found.shifts).all()
    size = np.linalg.det(found.matrices)
    assert ((size > 0.5) & (size < 2)).all()
    assert (np.isfinite(found.sigma).all(axis=1) | found.outliers).all()
    assert (np.isfinite(found.matrix_sigma).all(axis=(1, 2)) | found.outliers).all()
    assert not (found.sigma < 0).any()
