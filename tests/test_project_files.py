"""Files around the package: version, changelog, citation, hooks, and what runs on GitHub."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version
from typer.testing import CliRunner

import napari_xanes as nx
from napari_xanes.cli import app
from tools import package_size, release_notes

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]


def pinned() -> dict[str, str]:
    """Return the versions of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"]),
        ("dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_files_of_others_follow_their_schema(schema: str, paths: list[Path]) -> None:
    from check_jsonschema import main
    from click.testing import CliRunner as Runner

    result = Runner().invoke(main, ["--builtin-schema", f"vendor.{schema}", *map(str, paths)])
    assert result.exit_code == 0, result.output


def jobs() -> dict[str, dict[str, Any]]:
    """Return the jobs of all workflows, as ``tests.yml: suite``."""
    return {
        f"{path.name}: {name}": job
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items()
    }


def test_workflows_name_what_exists() -> None:
    """Make targets, modules, other workflows and jobs; a schema does not see these."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = jobs()
    for name, job in found.items():
        needed = job.get("needs", [])
        for other in [needed] if isinstance(needed, str) else needed:
            assert f"{name.split(':')[0]}: {other}" in found, name
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file(), name
        commands = "\n".join(step.get("run", "") for step in job.get("steps", ()))
        for target in re.findall(r"^make (\w+)", commands, re.MULTILINE):
            assert f"\n{target}:" in makefile or target == "docs", f"{name}: make {target}"
        for module in re.findall(r"-m (tools\.\w+)", commands):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), f"{name}: {module}"


def test_workflows_may_only_read_and_end_by_themselves() -> None:
    """A job that writes says so itself, and no job waits for hours."""
    for path in WORKFLOWS:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}, path.name
    for name, job in jobs().items():
        assert "uses" in job or job["timeout-minutes"] <= 120, name
        assert ("permissions" in job) == (name.split(": ")[1] in ("publish", "announce", "deploy")), name


def test_workflows_try_what_the_metadata_promises() -> None:
    prefix = "Programming Language :: Python :: 3."
    promised = [text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"] if text.startswith(prefix)]
    suite = jobs()["tests.yml: suite"]["strategy"]["matrix"]
    assert suite["python"] == promised
    assert {row["versions"] for row in suite["include"]} == {"lowest", "newest"}
    (lowest,) = (row for row in suite["include"] if row["versions"] == "lowest")
    assert PROJECT["project"]["requires-python"] == f">={lowest['python']}"
    assert len(suite["os"]) == len(jobs()["tests.yml: installed"]["strategy"]["matrix"]["os"]) == 3


def test_hooks_have_the_versions_of_the_constraints() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert {"ruff-check", "ruff-format", "typos", "validate-pyproject", "mypy"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        for name, version in (text.split("==") for text in hook.get("additional_dependencies", ())):
            assert pinned()[name.partition("[")[0]] == version, hook["id"]


def test_the_changelog_has_a_part_for_what_comes_next() -> None:
    first, *released = release_notes.headings((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert first == "Unreleased"
    for heading in released:
        assert re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading)


def test_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    text = "# Changelog\n\n## Unreleased\n\n- new\n\n## 1.2.0 (2026-11-29)\n\n- old\n\n## 1.1.0 (2026-10-01)\n"
    assert release_notes.part(text, "1.2.0") == "- old"
    for version in ("1.3.0", "1.1.0", "Unreleased"):
        with pytest.raises(ValueError, match="Rename 'Unreleased'"):
            release_notes.part(text, version)


def test_the_citation_has_name_licence_and_words_of_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    assert citation["title"] == project["name"]
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    assert set(citation["keywords"]) <= set(project["keywords"])


def test_addresses_are_real() -> None:
    """No address is given until the project has a public one; then it is a page, not an example."""
    for address in PROJECT["project"].get("urls", {}).values():
        assert re.match(r"https://(?!.*example)", address), address


def test_the_version_is_one_that_can_be_compared() -> None:
    assert Version(nx.__version__) >= Version("0.0.dev0")
    result = CliRunner().invoke(app, ["--version"])
    assert result.output == f"napari-xanes {nx.__version__}\n"


def test_the_source_alone_has_a_version(tmp_path: Path) -> None:
    """A copy of the source that nobody installed, as on a cluster."""
    (tmp_path / "napari_xanes").symlink_to(ROOT / "src" / "napari_xanes", target_is_directory=True)
    code = (
        "import sys, importlib.metadata as m\n"
        "def missing(name): raise m.PackageNotFoundError(name)\n"
        f"m.version = missing; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import json, napari_xanes; print(json.dumps(napari_xanes.__version__))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert Version(json.loads(output)) < Version("0.1")


def test_a_wheel_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "napari_xanes-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (*package_size.NEEDED, "napari_xanes-1.dist-info/METADATA"):
            archive.writestr(name, "")
    assert package_size.complaints(wheel) == []
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tests/test_it.py", "")
    monkeypatch.setattr(package_size, "LARGEST", 100)
    large, foreign = package_size.complaints(wheel)
    assert "more than 0.0001" in large
    assert foreign.endswith("holds tests")
