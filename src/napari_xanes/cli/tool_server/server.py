"""The tools as a server of the Model Context Protocol (modelcontextprotocol.io), by its official package `mcp`.

Import it inside functions: it needs the extra `mcp`, whose types stand in the signatures of the tools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from napari_xanes.cli.tool_server.folders import Folders
from napari_xanes.cli.tool_server.session import Session
from napari_xanes.version import __version__

INSTRUCTIONS = """Maps of X-ray absorption image stacks. Look at a file with `info`, see the steps with `methods`,
then `run` a recipe: YAML with a list of steps, such as

steps:
- optical_depth: {}
- fit_references: {references: [references.csv]}

Paths in it start from the folder of the stack. Every value has a standard error, and a pixel outside its mask holds
no value: report both, and every warning of the run. Nothing is written."""


def make_server(folders: Iterable[str | Path]) -> MCPServer[Any]:
    """Return a server whose tools read the named folders only.

    Parameters
    ----------
    folders : iterable of path
        Existing folders.

    Raises
    ------
    NotADirectoryError
        If one is no folder.
    """
    session = Session(Folders(folders))
    server: MCPServer[Any] = MCPServer("napari-xanes", instructions=INSTRUCTIONS, version=__version__)

    @server.tool()
    @_in_words
    def files() -> str:
        """List the files that may be read."""
        return "\n".join(session.folders.listed())

    @server.tool()
    @_in_words
    def info(path: str) -> str:
        """Say what a file, or the folder of a scan, holds: kind, energies in eV, pixel size in µm, what was guessed."""
        return session.info(path)

    @server.tool()
    @_in_words
    def methods() -> str:
        """List all steps of a recipe with their parameters, units, bounds and defaults."""
        return session.methods()

    @server.tool()
    @_in_words
    def run(path: str, recipe: str) -> str:
        """Run a recipe (YAML) on a stack; gives a run with its maps, their medians and errors, and its warnings."""
        return session.run(path, recipe)

    @server.tool()
    @_in_words
    def recipe_of(run: str) -> str:
        """Give the recipe of a run as it was carried out, with all that was estimated; it repeats the run exactly."""
        return session.recipe_of(run)

    @server.tool()
    @_in_words
    def map_table(run: str, name: str, y: int, x: int, rows: int, columns: int) -> str:
        """Give the pixels of a box of a map as CSV: y, x, value, standard error, inside the mask (1) or not (0)."""
        return session.table(run, name, y, x, rows, columns)

    @server.tool()
    @_in_words
    def map_picture(run: str, name: str) -> Image:
        """Give a map as a PNG with its unit and colour bar."""
        return Image(data=session.picture(run, name), format="png")

    return server


def _in_words(tool: Callable[..., Any]) -> Callable[..., Any]:
    """Return a tool that tells errors which a caller can correct; others become errors of the server."""

    @wraps(tool)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return tool(*args, **kwargs)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise ToolError(str(error.args[0]) if isinstance(error, KeyError) else str(error)) from error

    return told
