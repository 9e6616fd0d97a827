"""The log of the package on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable


def log_to_stderr(verbosity: int) -> Callable[[], None]:
    """Write the package's log to standard error.

    Parameters
    ----------
    verbosity : int
        0 for nothing, 1 for what was estimated and done, 2 or more for timings too.

    Returns
    -------
    callable
        Stops it.
    """
    if verbosity == 0:
        return lambda: None
    logger, handler = logging.getLogger("napari_xanes"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    old_level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)

    def stop() -> None:
        logger.removeHandler(handler)
        logger.setLevel(old_level)

    return stop
