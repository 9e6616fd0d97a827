"""The tools for assistants: a client in the process uses them, and nothing outside the named folders is read."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes.cli import app
from napari_xanes.cli.tool_server.folders import Folders
from napari_xanes.sample import nmc_ni_k

pytest.importorskip("mcp")
from mcp import Client

from napari_xanes.cli.tool_server.server import make_server

RECIPE = "steps:\n- optical_depth: {}\n- fit_references: {references: [references.csv]}\n"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a stack and its references, beside one with the same that may not be read."""
    whole = tmp_path_factory.mktemp("beamtime")
    stack = nmc_ni_k(size=40).stack
    references = list(stack.metadata["references"])
    for folder in (whole / "scan", whole / "secret"):
        folder.mkdir()
        nx.write(stack, folder / "counts.h5")
        nx.write(references, folder / "references.csv")
    (whole / "scan" / "link.h5").symlink_to(whole / "secret" / "counts.h5")
    (whole / "scan" / "inner.h5").symlink_to(whole / "scan" / "counts.h5")
    (whole / "scan" / "away").symlink_to(whole / "secret", target_is_directory=True)
    return whole / "scan"


def ask(folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Return the results of calls of tools by one client, which speaks the protocol."""

    async def talk() -> list[Any]:
        async with Client(make_server([folder])) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(talk())


def text_of(result: Any) -> str:
    assert not result.is_error, result.content[0].text
    return str(result.content[0].text)


def refusal(result: Any) -> str:
    assert result.is_error
    return str(result.content[0].text)


def test_a_client_looks_runs_and_gets_tables_and_pictures(scan: Path) -> None:
    box = {"run": "run-1", "name": "valence", "y": 18, "x": 18, "rows": 2, "columns": 3}
    files, info, methods, run, table, picture, recipe = ask(
        scan,
        ("files", {}),
        ("info", {"path": "counts.h5"}),
        ("methods", {}),
        ("run", {"path": "counts.h5", "recipe": RECIPE}),
        ("map_table", box),
        ("map_picture", {"run": "run-1", "name": "valence"}),
        ("recipe_of", {"run": "run-1"}),
    )
    assert text_of(files).splitlines() == [str(scan / name) for name in ("counts.h5", "inner.h5", "references.csv")]
    assert json.loads(text_of(info))["quantity"] == "counts"
    assert "fit_references" in [method["name"] for method in json.loads(text_of(methods))["estimators"]]
    maps = nx.run(nx.Recipe.from_yaml(RECIPE, folder=scan), nx.read(scan / "counts.h5"))
    assert isinstance(maps, nx.MapSet)
    valence, told = maps["valence"], json.loads(text_of(run))["maps"]["valence"]
    assert told["median"] == pytest.approx(float(np.median(valence.data[valence.mask])), rel=1e-6)
    assert told["median_standard_error"] > 0
    rows = [line.split(",") for line in text_of(table).splitlines()]
    assert rows[0] == ["y", "x", "valence", "standard error", "inside the mask"]
    assert len(rows) == 7
    assert float(rows[1][2]) == pytest.approx(float(valence.data[18, 18]), rel=1e-4)
    assert picture.content[0].mime_type == "image/png"
    assert base64.b64decode(picture.content[0].data).startswith(b"\x89PNG")
    assert nx.Recipe.from_yaml(text_of(recipe)).steps[-1].name == "fit_references"


OUTSIDE = [
    "../secret/counts.h5",
    "link.h5",
    "away/counts.h5",
    "/etc/passwd",
    "{secret}/counts.h5",
    "inner.h5/../../secret/counts.h5",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_folders_is_read(scan: Path, path: str) -> None:
    path = path.format(secret=scan.parent / "secret")
    for result in ask(scan, ("info", {"path": path}), ("run", {"path": path, "recipe": RECIPE})):
        assert "outside the folders" in refusal(result)


@pytest.mark.parametrize("path", ["../secret/references.csv", "away/references.csv", "{secret}/references.csv"])
def test_a_recipe_takes_no_file_from_outside(scan: Path, path: str) -> None:
    path = path.format(secret=scan.parent / "secret")
    steps = f"steps:\n- optical_depth: {{}}\n- fit_references: {{references: [{json.dumps(path)}]}}\n"
    state = f"steps:\n- optical_depth: {{}}\n  state: {{i0: {json.dumps(path)}}}\n- edge_energy: {{}}\n"
    for recipe in (steps, state):
        (result,) = ask(scan, ("run", {"path": "counts.h5", "recipe": recipe}))
        assert "outside the folders" in refusal(result)


def test_whether_a_file_outside_exists_is_not_told(scan: Path) -> None:
    there, missing = (refusal(r) for r in ask(scan, ("info", {"path": "/etc/passwd"}), ("info", {"path": "/etc/none"})))
    assert there.replace("passwd", "none") == missing


def test_hashes_in_a_recipe_open_no_file(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Folders([scan]).recipe(f"{RECIPE}  files: {{/etc/passwd: 'sha256:0'}}\n", scan)
    assert all(not step.files for step in recipe)


def test_errors_name_the_way_out(scan: Path) -> None:
    nothing, no_map, large, away, no_maps, no_recipe = ask(
        scan,
        ("map_picture", {"run": "run-9", "name": "valence"}),
        ("run", {"path": "lost.h5", "recipe": RECIPE}),
        ("run", {"path": "counts.h5", "recipe": RECIPE}),
        ("map_table", {"run": "run-1", "name": "valence", "y": 30, "x": 0, "rows": 20, "columns": 2}),
        ("run", {"path": "counts.h5", "recipe": "steps:\n- optical_depth: {}\n"}),
        ("run", {"path": "counts.h5", "recipe": "!!python/object:os.system {}"}),
    )
    assert "none yet" in refusal(nothing)
    assert "no such file" in refusal(no_map)
    assert json.loads(text_of(large))["run"] == "run-1"
    assert "40 x 40" in refusal(away)
    assert "end the recipe with an estimator" in refusal(no_maps)
    assert refusal(no_recipe)


def test_the_tools_write_nothing(scan: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in scan.parent.rglob("*")}
    ask(scan, ("run", {"path": "counts.h5", "recipe": RECIPE}), ("map_picture", {"run": "run-1", "name": "valence"}))
    assert before == {path: path.stat().st_mtime_ns for path in scan.parent.rglob("*")}


def test_the_command_speaks_over_standard_input_and_output(scan: Path) -> None:
    from mcp import StdioServerParameters

    async def talk() -> tuple[list[str], str]:
        words = ["-m", "napari_xanes.cli", "mcp", str(scan)]
        command = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
        async with Client(command) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            return names, text_of(await client.call_tool("files", {}))

    names, files = asyncio.run(talk())
    assert set(names) == {"files", "info", "methods", "run", "recipe_of", "map_table", "map_picture"}
    assert str(scan / "counts.h5") in files


def test_the_command_needs_a_folder(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["mcp"]).exit_code == 2
    with pytest.raises(NotADirectoryError, match="no folder"):
        Folders([tmp_path / "none"])
