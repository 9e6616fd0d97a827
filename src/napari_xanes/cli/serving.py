"""``mcp``: tools for assistants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    folders: Annotated[list[Path], typer.Argument(help="Folders that may be read, with all in them; nothing else.")],
) -> None:
    """Serve tools to an assistant by the Model Context Protocol over standard input and output; writes nothing."""
    try:
        from napari_xanes.cli.tool_server.server import make_server
    except ImportError:
        raise ImportError("the tool server needs the package mcp: pip install 'napari-xanes[mcp]'") from None
    make_server(folders).run("stdio")
