"""What a run of Explore has found, in words and plots, and buttons that make references and regions of it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import push_button, row_of, say, wrapping_label
from napari_xanes.gui.exploring.answers import AnswersTable
from napari_xanes.gui.exploring.evidence import curves_of, label_of, scree_of
from napari_xanes.gui.exploring.plots import FoundPlot, ScreePlot
from napari_xanes.gui.exploring.ranked import ranked_of
from napari_xanes.gui.pixels.areas import new_labels
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_error
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.parameter_map import MapSet
from napari_xanes.wording import counted

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NOTHING = (
    "Nothing is found yet. Choose a method on the first tab and press Run: its spectra can then become references, and "
    "its clusters regions."
)


_MOST_SHARES = 5


class FoundSpectra(QWidget):
    """Words and plots of the chosen run, and what can be made of it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        workspace = workspace_of(viewer)
        self._runs, self._references = workspace.runs, workspace.references
        self.words = wrapping_label(_NOTHING)
        self.references_button = push_button(
            "Use as references",
            "Add the spectra to the references: they are drawn in the plot, and fits can use them",
            self._use_as_references,
        )
        self.regions_button = push_button(
            "Use as regions",
            "Make a layer of regions of the labels: their mean spectra are drawn in the plot",
            self._use_as_regions,
        )
        self.scree, self.spectra, self.legend = ScreePlot(), FoundPlot(), wrapping_label()
        self.answers = AnswersTable(workspace.fit)
        self.answers.hide()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addWidget(self.answers)
        column.addLayout(row_of((self.references_button, 1), (self.regions_button, 1)))
        column.addWidget(self.scree, 1)
        column.addWidget(self.spectra, 1)
        column.addWidget(self.legend)
        column.addStretch()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._runs.chosen_changed.connect(self._refresh)
        self._runs.removed.connect(self._refresh)
        self._refresh()
        ThemeFollower(self, viewer, self._set_theme)

    def _set_theme(self, theme: str) -> None:
        for plot in (self.scree, self.spectra):
            plot.set_theme(theme)
        self._name_curves()

    def _maps(self) -> MapSet | None:
        run = self._runs.chosen
        return None if run is None else run.maps

    def _refresh(self, _run: Any = None) -> None:
        maps = self._maps()
        spectra = [] if maps is None else maps.metadata.get("spectra") or []
        ranked = [] if maps is None else ranked_of(maps)
        self.answers.show_answers(ranked)
        self.answers.setVisible(bool(ranked))
        self.words.setText(_NOTHING if maps is None else words_of(maps))
        self.references_button.setEnabled(bool(spectra))
        self.regions_button.setEnabled(maps is not None and _labels_of(maps) is not None)
        self._draw(maps)

    def _draw(self, maps: MapSet | None) -> None:
        scree = None if maps is None else scree_of(maps)
        self._curves, self._bands = ([], "") if maps is None else curves_of(maps)
        self.scree.show_scree(scree)
        self.scree.setVisible(scree is not None)
        self.spectra.show_curves(self._curves, "" if maps is None else label_of(maps))
        self.spectra.setVisible(bool(self._curves))
        self._name_curves()

    def _name_curves(self) -> None:
        """Name the spectra in their colours, below the plot where they hide no curve."""
        names = [
            f'<span style="color: {self.spectra.colour(curve)}">━ {escape(curve.name)}</span>' for curve in self._curves
        ]
        say(self.legend, " &nbsp;".join([*names, f"<br>{self._bands}"]) if names else "")

    def _use_as_references(self) -> None:
        maps = self._maps()
        if maps is not None:
            self._references.add(maps.metadata["spectra"])

    def _use_as_regions(self) -> None:
        run = self._runs.chosen
        labels = None if run is None else _labels_of(run.maps)
        if run is None or labels is None:
            return
        if run.source is None or run.source not in self._viewer.layers:
            show_error("The stack of this run is not in the viewer: regions need it; open it again")
            return
        layer = new_labels(self._viewer, run.source)
        layer.name = f"regions · {run.maps.name}"
        layer.data = labels


def words_of(maps: MapSet) -> str:
    """Return what a run has found, in sentences.

    Parameters
    ----------
    maps : MapSet
        The maps of the run.
    """
    sentences = [str(maps.metadata[name]["words"]) for name in ("clusters", "unmix") if name in maps.metadata]
    if "explained" in maps.metadata:
        sentences.append(f"components explain {_shares_of(maps)} of what is more than noise")
    if "ambiguity" in maps.metadata:
        widths = [(one["name"], float(np.mean(one["high"] - one["low"]))) for one in maps.metadata["ambiguity"]]
        ranges = ", ".join(f"{name} {width:.2g}" for name, width in widths)
        sentences.append(f"other spectra fit as well, within a range of (mean over the energies) {ranges}")
    if "significance" in maps.metadata:
        sentences += _phases_of(maps)
    # Tiles only help to find references; their answers are in the table.
    answers = [found for found in maps.metadata.get("answers") or [] if not found["spectrum"].startswith("tile")]
    sentences += [f"{found['spectrum']}: {found['words']}" for found in answers]
    if "targets" in maps.metadata:
        from napari_xanes.maps.searching.stack_search import words_of_targets

        sentences += filter(None, [words_of_targets(maps.metadata["targets"])])
    sentences += maps.metadata.get("warnings") or []
    # What a method says, or the beginning of it, can be among its warnings, too.
    once = [s for s in dict.fromkeys(sentences) if not any(other != s and other.startswith(s) for other in sentences)]
    return "\n".join(f"• {sentence}" for sentence in once) or _NOTHING


def _shares_of(maps: MapSet) -> str:
    """Return what components explain, of many the small ones together."""
    shares = [100 * float(share) for share in maps.metadata["explained"]]
    first, rest = shares[:_MOST_SHARES], shares[_MOST_SHARES:]
    told = ", ".join(f"{share:.3g} %" for share in first)
    return f"{told}, and the other {len(rest)} together {sum(rest):.2g} %" if rest else told


def _phases_of(maps: MapSet) -> list[str]:
    """Return the small phases that were found, in sentences."""
    names = {name: label for label, name in (maps["phase"].labels or {}).items()}
    found = []
    for spectrum, significance in zip(maps.metadata["spectra"], maps.metadata["significance"], strict=True):
        count = counted(int((maps["phase"].data == names[spectrum.name]).sum()), "pixel", "pixels")
        found.append(f"{spectrum.name}: {count}, {significance:.3g} standard errors beside what the rest can make")
    return found or ["no small phase was found"]


def _labels_of(maps: MapSet) -> Any:
    """Return the first map of labels as numbers; None without one, or without labelled pixels."""
    labels = next((one.valid().astype(np.uint8) for one in maps.values() if one.labels is not None), None)
    return labels if labels is not None and labels.any() else None
