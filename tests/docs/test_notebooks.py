"""A page as a notebook holds the blocks of the page, which the tests of the pages run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("notebooks", DOCS / "site" / "notebooks.py")
assert SPEC is not None
assert SPEC.loader is not None
notebooks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(notebooks)

PAGE = """# Title

See [another](page.md) and [the web](https://napari.org). ![picture](pictures/a.png)

```yaml
# recipe.yaml
steps: [optical_depth]
```

```console
$ napari-xanes info particle.h5
```

```python
stack = nx.read("particle.h5")
```

The end.
"""


def code_of(made: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code"]


def test_blocks_become_cells() -> None:
    made = notebooks.notebook(PAGE)
    sample, recipe, command, python = code_of(made)
    assert 'nx.write(sample.stack, "particle.h5")' in sample
    assert recipe == "%%writefile recipe.yaml\nsteps: [optical_depth]"
    assert command == "!napari-xanes info particle.h5"
    assert python == 'stack = nx.read("particle.h5")'
    text = "".join(made["cells"][0]["source"])
    assert text == "# Title\n\nSee another and [the web](https://napari.org). "
    assert len({cell["id"] for cell in made["cells"]}) == len(made["cells"])


@pytest.mark.parametrize("name", ["gallery", "learn-oxides", "learn-drift", "publish", "tutorial"])
def test_pages_that_compute_are_written(name: str, tmp_path: Path) -> None:
    notebooks.write_notebooks(DOCS, tmp_path)
    made = json.loads((tmp_path / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert made["nbformat"] == 4
    cells = code_of(made)
    assert cells
    for cell in cells:
        if not cell.startswith(("!", "%%")):
            compile(cell, name, "exec")


def test_the_cells_of_a_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    for cell in code_of(notebooks.notebook((DOCS / "publish.md").read_text(encoding="utf-8"))):
        exec(cell, scope)
    assert (tmp_path / "figure-2" / "maps.h5").is_file()
