"""The plot of profiles along lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_xanes.colours import colour_of
from napari_xanes.gui.curve import Curve
from napari_xanes.gui.dock_layout import say, wrapping_label
from napari_xanes.gui.spectra.picture import Picture
from napari_xanes.gui.spectra.plot import SpectrumPlot
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.theme_follower import ThemeFollower
from napari_xanes.gui.while_seen import WhileSeen

if TYPE_CHECKING:
    from napari.viewer import Viewer

_EMPTY = "No line yet: press Line, then drag over the image"
_GAPS = "Gaps: more than half of the pixels are masked or have no value"


class ProfilePage(QWidget):
    """Draws the profiles along lines, with bands of one standard error, over the distance.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, self._profiles = viewer, workspace_of(viewer).profiles
        self.plot, self.note = SpectrumPlot(), wrapping_label(_EMPTY)
        self.plot.setToolTip("Wheel: zoom. Drag: move. Double-click: show all. Bands: ± one standard error")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.plot.legend)
        column.addWidget(self.plot, 1)
        column.addWidget(self.note)
        self._label, self._bottom, self._subject = "", "distance", None
        self.plot.legend.toggled.connect(self.plot.toggle)
        WhileSeen(self, [(self._profiles.changed, self.redraw)], [self._profiles], begin=self.redraw)
        ThemeFollower(self, viewer, self.plot.set_theme)

    def redraw(self) -> None:
        """Draw the profiles as they are now."""
        found = self._profiles.profiles
        several = len({profile.name for _, profile in found}) > 1
        curves = []
        for number, (line, profile) in enumerate(found):
            name = f"{line.name} · {profile.name}" if several else line.name
            colour = colour_of(number + 1) if several else line.colour
            curve = Curve(name, profile.distance, profile.value, "region", colour, profile.sigma)
            curves.append((f"{line.number} of {id(line.layer)} {profile.name}", curve))
        subject = self._profiles.subject
        self._label = "" if subject is None else subject.label
        self._bottom = f"distance ({found[0][1].distance_unit})" if found else "distance"
        self.plot.set_labels(self._label, self._bottom)
        self.plot.set_curves(curves)
        if subject is not None and subject.layer is not self._subject:
            self._subject = subject.layer
            self.plot.show_all()
        gaps = any((profile.value != profile.value).any() for _, profile in found)
        lines = [] if subject is None else [subject.title, _GAPS if gaps else "", "" if found else _EMPTY]
        say(self.note, self._profiles.problem or " · ".join(filter(None, lines)) or _EMPTY)

    def picture(self) -> Picture:
        """Return what the plot shows."""
        distances, values = self.plot.main.vb.viewRange()
        return Picture(self.plot.curves, self._label, (tuple(distances), tuple(values)), bottom=self._bottom)
