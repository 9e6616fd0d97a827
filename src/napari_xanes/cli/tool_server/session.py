"""What the tools answer, as text and pictures; the last runs are kept in memory."""

from __future__ import annotations

import io
import json
import warnings
from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np

from napari_xanes.cli.info import describe
from napari_xanes.cli.methods import described
from napari_xanes.cli.tool_server.folders import Folders
from napari_xanes.parameter_map import MapSet, ParameterMap

MAX_RUNS = 8
"""Runs whose maps are kept; older ones are forgotten."""
MAX_PIXELS = 2500
"""Pixels that a table holds at most: a screenful for a reader, and no flood for a model."""


class Session:
    """The answers of the tools.

    Parameters
    ----------
    folders : Folders
        What may be read.
    """

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self._runs: OrderedDict[str, MapSet] = OrderedDict()
        self._count = 0
        self._lock = Lock()  # warnings of one run must not be told of another

    def info(self, path: str) -> str:
        """Return what a file or the folder of a scan holds, as JSON."""
        return json.dumps(describe(self.folders.resolved(path), {}, {}, whole=False, look=False), indent=1)

    def methods(self) -> str:
        """Return all steps with their parameters, units and bounds, as JSON."""
        return json.dumps(described(), indent=1)

    def run(self, path: str, recipe: str) -> str:
        """Run a recipe on a stack; return the name of the run, its maps with medians and errors, and all warnings.

        Raises
        ------
        ValueError
            If the recipe makes no maps.
        """
        import napari_xanes as nx

        place = self.folders.resolved(path)
        steps = self.folders.recipe(recipe, place if place.is_dir() else place.parent)
        with self._lock, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            maps = nx.run(steps, nx.read(place))
            told = list(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, UserWarning)))
        if not isinstance(maps, MapSet):
            raise ValueError(
                f"{steps[-1].name} gives a stack: end the recipe with an estimator, such as fit_references"
            )
        with self._lock:
            self._count += 1
            name = f"run-{self._count}"
            self._runs[name] = maps
            while len(self._runs) > MAX_RUNS:
                self._runs.popitem(last=False)
        facts = {"run": name, "file": str(place), "maps": {key: summary(one) for key, one in maps.items()}}
        return json.dumps({**facts, "warnings": told}, indent=1)

    def recipe_of(self, run: str) -> str:
        """Return the recipe of a run as it was carried out, as YAML."""
        from napari_xanes.recipe import Recipe

        return Recipe(self._maps(run).history).to_yaml(exact=True)

    def table(self, run: str, name: str, y: int, x: int, rows: int, columns: int) -> str:
        """Return the pixels of a box as CSV: y, x, value, error, and whether the mask keeps them.

        Raises
        ------
        ValueError
            If the box lies outside the map or has more than `MAX_PIXELS` pixels.
        """
        one = self._map(run, name)
        if one.data.ndim != 2:
            raise ValueError(
                f"{name} is a volume of shape {one.data.shape}: only maps of shape (Y, X) are told as tables"
            )
        height, width = one.data.shape
        if not (0 <= y < y + rows <= height and 0 <= x < x + columns <= width):
            raise ValueError(
                f"the box y {y} + {rows}, x {x} + {columns} leaves the map of {height} x {width} pixels; "
                "choose one inside"
            )
        if rows * columns > MAX_PIXELS:
            raise ValueError(
                f"{rows} x {columns} pixels are more than {MAX_PIXELS}: choose a smaller box, or the picture"
            )
        unit = "" if one.unit in ("", "1") else f" ({one.unit})"
        mask = np.asarray(one.mask)
        lines = [f"y,x,{name}{unit},standard error{unit},inside the mask"]
        for j, i in np.ndindex(rows, columns):
            at = (y + j, x + i)
            sigma = "" if one.sigma is None else f"{one.sigma[at]:.6g}"
            lines.append(f"{at[0]},{at[1]},{one.data[at]:.6g},{sigma},{int(mask[at])}")
        return "\n".join(lines) + "\n"

    def picture(self, run: str, name: str) -> bytes:
        """Return a map as PNG, with unit, colour bar or legend; pixels outside its mask are grey."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from napari_xanes.pictures import draw_map

        self._map(run, name)
        figure = Figure(figsize=(4.6, 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        draw_map(figure.add_subplot(), self._maps(run), name)
        file = io.BytesIO()
        figure.savefig(file, dpi=130, format="png")
        return file.getvalue()

    def _maps(self, run: str) -> MapSet:
        if run not in self._runs:
            raise KeyError(f"there is no run {run!r}; there are: {', '.join(self._runs) or 'none yet'}")
        return self._runs[run]

    def _map(self, run: str, name: str) -> ParameterMap:
        maps = self._maps(run)
        if name not in maps:
            raise KeyError(f"{run} has no map {name!r}; it has: {', '.join(maps)}")
        return maps[name]


def summary(one: ParameterMap) -> dict[str, Any]:
    """Return a map in numbers: unit, shape, share of valid pixels, and medians or labels."""
    valid = one.data[one.mask & np.isfinite(one.data)]
    facts: dict[str, Any] = {
        "unit": one.unit,
        "shape": list(one.data.shape),
        "valid_share": round(float(valid.size / max(1, one.data.size)), 4),
    }
    if one.labels is not None:
        return {**facts, "pixels": {text: int((valid == label).sum()) for label, text in one.labels.items()}}
    if valid.size:
        low, middle, high = (float(v) for v in np.percentile(valid, (5, 50, 95)))
        facts |= {"median": middle, "percentile_5": low, "percentile_95": high}
        if one.sigma is not None:
            facts["median_standard_error"] = float(np.median(one.sigma[one.mask & np.isfinite(one.data)]))
    return facts
