"""Frames that are prepared one after another, a few of them ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from typing import Any

from numpy.typing import NDArray

from napari_xanes import limits
from napari_xanes._typing import Float32Array

_MOST_HELD, _HELD_BYTES = 16, 256 << 20
"""Most frames that are held and transformed at once, and their size in bytes."""


def frames_held(shape: tuple[int, ...]) -> int:
    """Return how many frames of a shape are held and transformed at once: at least one for each thread.

    Examples
    --------
    >>> frames_held((512, 512))
    16
    """
    return max(limits.threads(), min(_MOST_HELD, _HELD_BYTES // max(1, 4 * prod(shape))))


def prepared(frames: Iterator[NDArray[Any]], prepare: Callable[[NDArray[Any]], Float32Array]) -> Iterator[Float32Array]:
    """Yield ``prepare(frame)`` for all frames in their order; threads prepare those that come next."""
    waiting: deque[Future[Float32Array]] = deque()
    with ThreadPoolExecutor(limits.threads()) as pool:
        for frame in frames:
            waiting.append(pool.submit(prepare, frame))
            if len(waiting) > 2 * limits.threads():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
