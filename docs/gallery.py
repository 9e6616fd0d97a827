"""Run the scripts of docs/gallery.md and draw their maps: ``python docs/gallery.py``."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE / "gallery.md"


def write_recipes(text: str, folder: Path) -> None:
    """Write the recipes of a page: blocks of YAML that begin with the name of their file."""
    for name, recipe in re.findall(r"```yaml\n# (\S+)\n(.*?)```", text, re.DOTALL):
        (folder / name).write_text(recipe, encoding="utf-8")


def entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield the picture and the script of each section of the page; the first has no picture."""
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        picture = re.search(r"pictures/(gallery-[\w-]+)\.png", section)
        script = re.search(r"```python\n(.*?)```", section, re.DOTALL)
        if script is not None:
            yield picture[1] if picture else "", script[1]


def draw(maps: Any, shown: Any, path: Path) -> None:
    """Draw one map into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from napari_xanes.pictures import draw_map

    figure = Figure(figsize=(4.6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    draw_map(figure.subplots(), maps, next(name for name, one in maps.items() if one is shown))
    figure.savefig(path, dpi=90)


def main() -> None:
    """Run all scripts in a folder of their own, and draw what each shows."""
    text = PAGE.read_text(encoding="utf-8")
    folder = Path(tempfile.mkdtemp())
    write_recipes(text, folder)
    os.chdir(folder)
    scope: dict[str, Any] = {}
    for picture, script in entries(text):
        exec(script, scope)
        if picture:
            draw(scope["maps"], scope["shown"], HERE / "pictures" / f"{picture}.png")
            print(picture, next(name for name, one in scope["maps"].items() if one is scope["shown"]))


if __name__ == "__main__":
    main()
