"""Where gaps of a detector are, and what lies beside them."""

from __future__ import annotations

import numpy as np

from napari_xanes.registration.detector_gaps import LookedAt, largest


def test_gaps_and_stuck_pixels_are_seen_once() -> None:
    frames = np.random.default_rng(0).normal(size=(4, 20, 20)).astype(np.float32)
    frames[:, 5:9], frames[:, 15, 15], frames[1:, 0, 0] = np.nan, 2.0, np.nan
    looked_at = LookedAt(lambda: iter(frames))
    for _ in range(2):
        assert all(np.isfinite(frame).all() for frame in looked_at())
    assert np.argwhere(looked_at.stuck()).tolist() == [[15, 15]]
    assert np.unique(np.flatnonzero(looked_at.gaps().any(axis=1))).tolist() == [5, 6, 7, 8]


def test_the_largest_part_without_gaps() -> None:
    free = np.ones((40, 60), dtype=bool)
    free[22:26], free[:, 40:44] = False, False
    assert largest(free) == (0, 22, 0, 40)
    assert largest(np.zeros((5, 5), dtype=bool)) is None
    rng = np.random.default_rng(0)
    for _ in range(10):
        some = rng.random((6, 7)) < 0.7
        boxes = [(a, b, c, d) for a in range(6) for b in range(a + 1, 7) for c in range(7) for d in range(c + 1, 8)]
        most = max(((b - a) * (d - c) for a, b, c, d in boxes if some[a:b, c:d].all()), default=0)
        y0, y1, x0, x1 = largest(some)  # type: ignore[misc]
        assert some[y0:y1, x0:x1].all()
        assert (y1 - y0) * (x1 - x0) == most
