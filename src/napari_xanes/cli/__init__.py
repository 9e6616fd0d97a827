"""The command line: readers, recipes and maps without a window."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Annotated

import typer

from napari_xanes.cli.caching import cache
from napari_xanes.cli.converting import convert
from napari_xanes.cli.ending import ending_in_words, shows_trace
from napari_xanes.cli.info import info
from napari_xanes.cli.logs import log_to_stderr
from napari_xanes.cli.methods import ops
from napari_xanes.cli.options import Folder, say, warn
from napari_xanes.cli.planning import plan
from napari_xanes.cli.profiling import profile
from napari_xanes.cli.recording import record
from napari_xanes.cli.running import run
from napari_xanes.cli.searching import search
from napari_xanes.cli.serving import mcp
from napari_xanes.cli.simulating import simulate
from napari_xanes.cli.stitching import stitch
from napari_xanes.cli.watching import watch

logger = logging.getLogger(__name__)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        from napari_xanes.version import __version__

        say(f"napari-xanes {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            help="Log to standard error what is done, and where errors arise; twice for timings too.",
        ),
    ] = 0,
) -> None:
    """X-ray absorption image stacks: what a file holds, other formats, recipes on files, the demo."""
    shows_trace.set(verbose > 0)
    context.call_on_close(log_to_stderr(verbose))


for command in (info, convert, run, watch, record, search, plan, profile, stitch, ops, simulate, mcp, cache):
    app.command()(command)


@app.command()
def demo(
    output: Folder = Path("demo-output"),
    headless: Annotated[bool, typer.Option(help="Write everything, keep no window open.")] = False,
    window: Annotated[bool, typer.Option(help="Open napari with the result and keep it open.")] = False,
) -> None:
    """Run the main job on sample data and write maps, spectra, pictures, the recipe and a picture of the window."""
    from napari_xanes.demo import run_demo

    run_demo(output, window=False if headless else window or None, say=say)


def main() -> None:
    """Run the command line; show what ends it in one line, without a traceback."""
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        """Print what a user should know, once; others, such as a division by zero, go into the log."""
        if not issubclass(category, UserWarning):
            logger.info("%s: %s", category.__name__, message)
        elif str(message) not in told:
            told.add(str(message))
            warn(str(message))

    warnings.showwarning = show
    with ending_in_words():
        app()
