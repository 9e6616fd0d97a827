"""Frames that are prepared one after another, a few of them ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from napari_xanes import limits
from napari_xanes._typing import Float32Array


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
