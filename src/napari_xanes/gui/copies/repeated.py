"""The stack of a layer as it is, with frames from a working copy of its file."""

from __future__ import annotations

from napari_xanes.io.copying import working_copy
from napari_xanes.io.lazy_sources import states_of
from napari_xanes.io.reading import read
from napari_xanes.progress import Progress
from napari_xanes.recipe import run
from napari_xanes.stack import SpectralStack


def from_copy(stack: SpectralStack, progress: Progress | None = None) -> SpectralStack:
    """Make a working copy of the file of a stack, and carry out the steps of the stack on it again.

    Steps keep what they found, so that none of them looks for it again, and the values are the same.

    Parameters
    ----------
    stack : SpectralStack
        A lazy stack from a file.
    progress : callable, optional
        Called with the fraction done and a message; it may raise `Cancelled`.

    Raises
    ------
    OSError, ValueError
        As of `working_copy`; if the file is not what it was when the stack was opened; or if the steps no longer give
        the same stack.
    """
    if not stack.history or stack.source is None:
        return working_copy(stack, progress=progress)
    paths, keywords = stack.source.to_read()
    for state in states_of(stack.data) or ():
        state.check()
    made = run(stack.history, working_copy(read(paths, memory_limit=0, **keywords), progress=progress))
    if not isinstance(made, SpectralStack) or (made.shape, made.quantity) != (stack.shape, stack.quantity):
        raise ValueError(f"the steps of {stack.name!r} no longer give the same stack; open the file again")
    return made
