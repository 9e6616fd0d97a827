"""How the command line ends: an error is one line, a signal lets the clean-up run, a closed pipe is no error."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import FrameType
from typing import NoReturn

import typer

from napari_xanes.io.files import one_line
from napari_xanes.saving.termination import cleaning_up

USER_ERRORS = (OSError, ValueError, KeyError, TypeError)
"""Errors that a user can correct; others are errors of the program."""

_MAX_LETTERS = 2000

shows_trace: ContextVar[bool] = ContextVar("shows_trace", default=False)
"""Whether the traceback of an error is printed (-v)."""


class Stopped(SystemExit):
    """Ctrl-C, which command line libraries turn into other exit codes."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(128 + number)


@contextmanager
def _interrupt_raises() -> Iterator[None]:
    """Raise `Stopped` for Ctrl-C, except where it is ignored, as in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def ending_in_words() -> Iterator[None]:
    """Turn whatever ends the block into an exit code, with one line on standard error.

    1 is an error that a user can correct, 2 an error of the program, 130 Ctrl-C. ``-v`` adds the trace. SIGTERM ends
    the process by itself after the clean-up.
    """
    try:
        with _interrupt_raises(), cleaning_up():
            yield
    except (Stopped, KeyboardInterrupt) as error:
        code = error.code if isinstance(error, Stopped) else 130
        _say("stopped")
        raise SystemExit(code) from None
    except BrokenPipeError:
        _close_quietly()
        raise SystemExit(1) from None
    except USER_ERRORS as error:
        _end(error, error.args[0] if isinstance(error, KeyError) and error.args else error, 1)
    except Exception as error:
        if isinstance(error, ImportError) and error.name is None:  # our own, which names the extra to install
            _end(error, error, 1)
        hint = "" if shows_trace.get() else " (an error of the program; -v before the command shows where)"
        _end(error, f"{type(error).__name__}: {error}{hint}", 2)


def _end(error: Exception, text: object, code: int) -> NoReturn:
    if shows_trace.get():
        traceback.print_exception(error)
    _say(str(text))
    raise SystemExit(code) from None


def _say(text: str) -> None:
    line = one_line(text)
    line = line if len(line) <= _MAX_LETTERS else f"{line[:_MAX_LETTERS]} ..."
    with suppress(OSError, ValueError):
        typer.secho(f"napari-xanes: {line}", err=True, fg="red")


def _close_quietly() -> None:
    """Send what is still in the buffers nowhere, so that the end of Python does not complain about the closed pipe."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os.dup2(nowhere, sys.stdout.fileno())
