"""Write the tables of X-ray edges and cross sections that the package holds, from xraydb.

Run: python -m tools.xray_tables

The package reads these few numbers itself, because xraydb needs a database library: 28 MB more for each user.
"""

from __future__ import annotations

import json
import sqlite3
from importlib.resources import files
from pathlib import Path

import numpy as np

from napari_xanes.edge.xray_tables import FILE

LAST = 98
"""Atomic number of californium; heavier elements have no cross sections."""


def tables(database: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the file: edges of all elements, and their photo-electric cross sections as splines.

    Returns
    -------
    dict
        ``symbol`` and ``name`` in the order of atomic numbers. ``edge_of`` (symbol), ``edge`` and ``edge_energy`` (eV).
        ``first`` (one more than elements): where in the other arrays each element's cross section begins. These are
        ``log_energy`` (of eV), ``log_section`` (of cm²/g) and its second derivative ``curvature``.
    """
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    ask = "select element, name from elements where atomic_number <= ? order by atomic_number"
    symbols, names = zip(*connection.execute(ask, (LAST,)), strict=True)
    ask = "select element, iupac_symbol, absorption_edge from xray_levels order by id"
    edges = [row for row in connection.execute(ask) if row[0] in symbols]
    ask = "select log_energy, log_photoabsorption, log_photoabsorption_spline from photoabsorption where element = ?"
    sections = [[json.loads(text) for text in connection.execute(ask, (symbol,)).fetchone()] for symbol in symbols]
    connection.close()
    log_energy, log_section, curvature = (np.concatenate([rows[k] for rows in sections]) for k in range(3))
    edge_of, edge, edge_energy = zip(*edges, strict=True)
    return {
        "symbol": np.array(symbols),
        "name": np.array(names),
        "edge_of": np.array(edge_of),
        "edge": np.array(edge),
        "edge_energy": np.array(edge_energy),
        "first": np.cumsum([0, *(len(rows[0]) for rows in sections)]),
        "log_energy": log_energy,
        "log_section": log_section,
        "curvature": curvature,
    }


if __name__ == "__main__":
    np.savez_compressed(FILE, **tables(Path(str(files("xraydb") / "xraydb.sqlite"))))
