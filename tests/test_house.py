"""Rules for the whole package: imports stay light, and the napari manifest matches the code."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "src" / "napari_xanes" / "napari.yaml"


def packages_loaded_by(code: str) -> set[str]:
    """Run code in a new interpreter; return the top-level packages that it imports."""
    process = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in process.stdout.split()}


def test_import_loads_only_light_packages() -> None:
    heavy = {"numpy", "torch", "napari", "qtpy", "PyQt6", "h5py", "scipy", "dask"}
    assert not packages_loaded_by("import napari_xanes") & heavy


@pytest.mark.parametrize("code", ["import napari_xanes as nx; nx.ops.crop; nx.maps.fit_references; nx.read; nx.run"])
def test_the_core_imports_neither_qt_nor_torch(code: str) -> None:
    assert not packages_loaded_by(code) & {"torch", "napari", "qtpy", "PyQt6", "matplotlib", "h5py", "skimage"}


def imports_of(module: str, file: Path, modules: set[str]) -> set[str]:
    """Return the modules of the package that a file imports, also inside functions; skip imports for type checks."""
    names = set()
    pending: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: a relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (submodules & modules) or {node.module}
    return (names & modules) - {module}


def module_files() -> dict[str, Path]:
    """Return the files of all modules of the package by their names."""
    source = ROOT / "src"
    return {
        ".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): file
        for file in source.rglob("*.py")
    }


def test_no_module_imports_itself_through_others() -> None:
    files = module_files()
    sorter = TopologicalSorter({module: imports_of(module, file, set(files)) for module, file in files.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(f"import circle: {' -> '.join(reversed(error.args[1]))}")


def test_modules_import_what_stands_above_them_in_the_table_of_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page[page.index("| folder or module") : page.index("A module imports only")].splitlines()
    rows = {name: i for i, line in enumerate(table) for name in re.findall(r"`(\w+)`", line[1:].partition("|")[0])}
    files = module_files()
    tops = {name: name.split(".")[1] for name in files if "." in name}
    assert set(tops.values()) <= set(rows), f"not in the table: {set(tops.values()) - set(rows)}"
    for module, top in tops.items():
        for imported in imports_of(module, files[module], set(tops)):
            assert rows[tops[imported]] <= rows[top], f"{module} imports {imported}, which stands below it"


def test_what_the_window_knows_needs_no_widgets() -> None:
    files = module_files()
    pending, seen = [name for name in files if name.startswith("napari_xanes.gui.state")], set()
    while pending:
        name = pending.pop()
        if name not in seen and name.startswith("napari_xanes.gui"):
            seen.add(name)
            assert "QtWidgets" not in files[name].read_text(encoding="utf-8"), f"{name} has widgets"
            pending += imports_of(name, files[name], set(files))
    assert "napari_xanes.gui.pixels.tiles" in seen


def test_the_manifest_is_valid_and_every_command_exists() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    titles = {widget.display_name for widget in manifest.contributions.widgets or ()}
    assert {"Spectra", "Prepare", "Map"} <= titles


def test_napari_finds_the_manifest_of_the_installed_package() -> None:
    """The entry point names the manifest, which is inside the package, so a wheel contains it."""
    from npe2 import PluginManifest

    installed = PluginManifest.from_distribution("napari-xanes")
    assert installed.contributions == PluginManifest.from_file(MANIFEST).contributions


@pytest.mark.skipif(os.name == "nt", reason="Git makes no symbolic links on Windows by default")
def test_top_level_manifest_is_a_link_into_the_package() -> None:
    """There is only one manifest, because a copy could differ from it."""
    assert (ROOT / "napari.yaml").readlink() == MANIFEST.relative_to(ROOT)


def test_the_manifest_lists_the_formats_of_readers_and_writers() -> None:
    from npe2 import PluginManifest

    from napari_xanes import io

    contributions = PluginManifest.from_file(MANIFEST).contributions
    patterns = {pattern for reader in contributions.readers or () for pattern in reader.filename_patterns}
    assert {pattern for reader in io.READERS for pattern in reader.patterns} <= patterns
    suffixes = {suffix for writer in contributions.writers or () for suffix in writer.filename_extensions}
    assert suffixes == {suffix for writer in io.WRITERS if writer.layout is None for suffix in writer.suffixes}


def test_every_sample_is_in_the_manifest() -> None:
    from npe2 import PluginManifest

    from napari_xanes.sample import SAMPLES

    contributions = PluginManifest.from_file(MANIFEST).contributions
    assert {sample.key for sample in contributions.sample_data or ()} == set(SAMPLES)


FOLDERS = ("src", "tests", "tools", "benchmarks")


def test_long_files_give_a_reason() -> None:
    """A file of more than 300 lines says why in its docstring."""
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 300:
            assert "Longer than 300 lines because" in (ast.get_docstring(ast.parse(text)) or ""), path


def test_functions_are_short() -> None:
    """No function has more than 80 lines without its docstring."""
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                length = node.end_lineno - node.lineno - docstring.count("\n")  # type: ignore[operator]
                assert length <= 80, f"{path}:{node.lineno} {node.name}"


def test_the_lowest_versions_are_the_declared_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = dict(line.split(">=") for line in project["dependencies"])
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest = dict(line.split("==") for line in lines if line[:1] not in ("#", ""))
    assert {name.partition("[")[0] for name in bounds} == set(lowest)
    for name, bound in bounds.items():
        version = lowest[name.partition("[")[0]]
        assert version == bound or version.removesuffix(".0") == bound
