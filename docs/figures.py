"""Draw the figure of docs/theory.md: ``python docs/figures.py``; print stress and trustworthiness of each embedding.

It follows Figure 2 of Suzuki et al. (2018): the 78 spectra of Mn2+, Mn3+ and Mn4+ in three embeddings, and a measured
spectrum of MnO, if its file exists (see `MEASURED`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from napari_xanes import SpectralStack, read_spectra
from napari_xanes.colours import colour_of
from napari_xanes.maps import match_library
from napari_xanes.theory import Embedding, embed, load_library, place

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("NAPARI_XANES_DATA", HERE.parents[1] / "shared" / "data"))
MEASURED = DATA / "mn_l_edge" / "Data2_MnO.csv"
"""A spectrum of MnO, digitised for MnEdgeNet; energies in eV and absorption as columns."""

METHODS = {"MDS": "mds", "Isomap": "isomap", "t-SNE": "tsne"}
AXIS = np.arange(637.0, 661.0, 0.1)
BROADENING = 0.5  # eV; with a measured spectrum, match_library estimates it


def draw(path: Path, measured: Path = MEASURED) -> dict[str, str]:
    """Draw the figure into a file.

    Parameters
    ----------
    path : Path
        PNG to write.
    measured : Path
        The spectrum of MnO. If the file does not exist, the figure says so and has no point for it.

    Returns
    -------
    dict of str to str
        For each method, the member nearest to the measured spectrum; empty without a measured spectrum.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    library = load_library("mn-l23-oh")
    spectrum, offset, broadening = None, 0.0, BROADENING
    if measured.is_file():
        spectrum = read_spectra(measured)[0].at(AXIS)
        maps = match_library(SpectralStack(spectrum[:, None, None], AXIS, "normalized"), library=library)
        offset, broadening = (maps.metadata["library"][key] for key in ("offset_eV", "broadening_eV"))
        found = maps["ten_dq"]
        print(f"MnO by match_library: 10Dq {found.data[0, 0]:.2f} ± {found.sigma[0, 0]:.2f} eV")
    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    nearest = {}
    for axes, (title, method) in zip(figure.subplots(1, len(METHODS)), METHODS.items(), strict=True):
        made = embed(library, method, energy=AXIS, broadening=broadening, offset=offset)
        draw_branches(axes, made)
        axes.set_title(f"{title}: stress {made.stress:.2f}, trustworthiness {made.trustworthiness:.3f}", fontsize=10)
        print(f"{title:7} stress {made.stress:.3f}  trustworthiness {made.trustworthiness:.4f}", end="")
        if spectrum is not None:
            at = place(made, spectrum[None])[0]
            axes.plot(*at, "k*", markersize=13, markerfacecolor="w")
            axes.annotate("MnO", at, (-9, 3), textcoords="offset points", ha="right", fontweight="bold")
            row = int(np.linalg.norm(made.coordinates - at, axis=1).argmin())
            nearest[title] = library.label(row)
            print(f"  MnO next to {nearest[title]}", end="")
        print()
    said = "star: measured MnO" if spectrum is not None else "without measured MnO: its file is not there"
    figure.supxlabel(f"numbers: 10Dq (eV); {said}", fontsize=9)
    figure.savefig(path, dpi=110)
    return nearest


def draw_branches(axes: Any, made: Embedding) -> None:
    """The members of each charge as a line, with 10Dq along it."""
    library = made.library
    assert library is not None
    for rows in library.tracks:
        charge, name = int(library.table["charge"][rows[0]]), library.species[rows[0]]
        x, y = made.coordinates[rows].T
        axes.plot(x, y, "o-", color=colour_of(charge), markersize=3, linewidth=1, label=name)
        for row in rows[::5]:
            text = f"{library.table['ten_dq'][row]:g}"
            axes.annotate(text, made.coordinates[row], (5, -3), textcoords="offset points", fontsize=7)
    axes.legend(loc="lower left", fontsize=8, frameon=False)
    axes.margins(0.12)
    axes.set(xticks=[], yticks=[])


if __name__ == "__main__":
    if not MEASURED.is_file():
        print(f"{MEASURED.name} is not there: the figure is drawn without the measured spectrum")
    draw(HERE / "pictures" / "embedding-paper.png")
