"""The list of regions, with buttons to brush and draw new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Labels, Shapes
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.dock_layout import say, wrapping_label
from napari_xanes.gui.pixels.areas import new_labels, new_shapes, next_label, region_layers
from napari_xanes.gui.pixels.region_changes import delete_regions, hide_region, rename_region
from napari_xanes.gui.pixels.spectra import MAX_REGIONS, array_of
from napari_xanes.gui.placement import laid_over
from napari_xanes.gui.places import place_at
from napari_xanes.gui.spectra.as_reference import regions_as_references
from napari_xanes.gui.spectra.menus import with_menu
from napari_xanes.gui.spectra.place_list import PlaceList, Row
from napari_xanes.gui.state.regions import Region, RegionTracker
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


_EMPTY = "No regions yet: press Brush or Draw, then mark an area in the image"
_EMPTY_SLICE = "No regions in this slice: press Brush or Draw, or move to another slice"


class RegionList(QWidget):
    """Lists the regions of a tracker, with buttons to brush or draw a new one."""

    def __init__(self, viewer: Viewer, tracker: RegionTracker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._tracker = viewer, tracker
        self._regions: list[Region] = []
        self._empty = QLabel()
        self._empty.setWordWrap(True)
        self.list = PlaceList()
        self.list.setToolTip(
            "Click a region to continue brushing it; a tick draws its spectrum. Double-click or F2: rename. "
            "Delete: delete. Right click: more"
        )
        with_menu(self.list, self._fill)
        self.list.chosen.connect(self._choose)
        self.list.renamed.connect(self._rename)
        self.list.ticked.connect(self._tick)
        self.list.deleted.connect(lambda rows: delete([self._regions[row] for row in rows]))
        self.brush_button, self.draw_button = QPushButton("Brush"), QPushButton("Draw")
        self.brush_button.setToolTip("Brush a new region (1: erase, 2 or P: brush, [ and ]: brush size, Space: move)")
        self.draw_button.setToolTip("Draw a polygon around a new region; finish with a double-click or Esc")
        self.brush_button.clicked.connect(lambda _checked=False: self.brush())
        self.draw_button.clicked.connect(lambda _checked=False: self.draw())
        self.unused, self.fit_button = wrapping_label(), QPushButton()
        self.fit_button.setToolTip("Give the layer the pixel size and position of the stack: both have the same pixels")
        self.fit_button.clicked.connect(lambda _checked=False: self.fit())
        buttons = QHBoxLayout()
        buttons.addWidget(self.brush_button)
        buttons.addWidget(self.draw_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self._empty)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.unused)
        layout.addWidget(self.fit_button)
        layout.addLayout(buttons)
        tracker.changed.connect(self.rebuild)
        self.rebuild()

    def brush(self) -> None:
        """Select a Labels layer, or add one, with the brush on an unused label."""
        stack = workspace_of(self._viewer).stacks.layer
        if stack is None:
            return
        layers = [layer for layer in region_layers(self._viewer, stack) if isinstance(layer, Labels)]
        active = self._viewer.layers.selection.active
        layer = active if active in layers else (layers[-1] if layers else new_labels(self._viewer, stack))
        layer.selected_label = next_label(layer.data)
        layer.mode = "paint"
        self._viewer.layers.selection.active = layer

    def draw(self) -> None:
        """Select a Shapes layer, or add one, with the polygon tool."""
        stack = workspace_of(self._viewer).stacks.layer
        if stack is None:
            return
        layers = [layer for layer in region_layers(self._viewer, stack) if isinstance(layer, Shapes)]
        layer = layers[-1] if layers else new_shapes(self._viewer, stack)
        self._viewer.layers.selection.active = layer
        layer.mode = "add_polygon"

    def fit(self) -> None:
        """Lay the first layer of labels that has the pixels of the stack, but another place, over the stack."""
        stack, layer = workspace_of(self._viewer).stacks.layer, self._fitting()
        if stack is None or layer is None:
            return
        for key, value in laid_over(stack, layer.ndim).items():
            setattr(layer, key, value)

    def _fitting(self) -> Labels | None:
        stack = workspace_of(self._viewer).stacks.layer
        size = None if stack is None else array_of(stack).shape[-2:]
        return next((layer for layer, _ in self._tracker.unused if layer.data.shape[-2:] == size), None)

    def _say_unused(self) -> None:
        """Say which layers give no regions, or only some, and offer to lay labels over the stack."""
        layer = self._fitting()
        reasons = [reason for _, reason in self._tracker.unused]
        said = ["Not used: " + "\n".join(reasons)] if reasons else []
        said += [
            f"Only the first {MAX_REGIONS} regions of {cut.name!r} are listed and drawn; saving mean spectra takes all"
            for cut in self._tracker.cut
        ]
        say(self.unused, "\n".join(said))
        self.fit_button.setText("" if layer is None else f"Lay {layer.name!r} over the stack")
        self.fit_button.setVisible(layer is not None)

    def rebuild(self) -> None:
        """List the regions of the tracker."""
        self._regions = list(self._tracker.regions)
        self.list.show_rows(
            [Row(region.name, f"{region.pixels} px", region.colour, not region.hidden) for region in self._regions]
        )
        stack = workspace_of(self._viewer).stacks.layer
        self._empty.setText(_EMPTY if stack is None or stack.ndim == 3 else _EMPTY_SLICE)
        self._empty.setVisible(not self._regions)
        self.list.setVisible(bool(self._regions))
        self._say_unused()

    def texts(self) -> list[str]:
        """Return the texts of the rows."""
        return self.list.texts()

    def _choose(self, row: int) -> None:
        region = self._regions[row]
        self._viewer.layers.selection.active = region.layer
        if isinstance(region.layer, Labels):
            region.layer.selected_label = region.number
            region.layer.mode = "paint"

    def _rename(self, row: int, name: str) -> None:
        region = self._regions[row]
        rename_region(region.layer, region.number, name)

    def _tick(self, row: int, shown: bool) -> None:
        hide_region(self._regions[row].layer, self._regions[row].number, not shown)

    def _fill(self, menu: QMenu, position: QPoint | None) -> None:
        rows = self.list.selected()
        if not rows:
            return
        if len(rows) == 1:
            menu.addAction("Rename", lambda: self.list.edit_name(rows[0]))
        fill_region_menu(menu, self._viewer, [self._regions[row] for row in rows])


def fill_region_menu(menu: QMenu, viewer: Viewer, regions: Sequence[Region]) -> None:
    """Add what can be done with regions to a menu."""
    hidden = all(region.hidden for region in regions)

    def hide() -> None:
        for region in regions:
            hide_region(region.layer, region.number, not hidden)

    menu.addAction("Show" if hidden else "Hide", hide)
    menu.addAction("As reference", lambda: regions_as_references(viewer, regions))
    menu.addAction("As pins", lambda: _as_pins(viewer, regions))
    menu.addAction("Delete", lambda: delete(regions))


def delete(regions: Sequence[Region]) -> None:
    """Delete regions from their layers."""
    for layer in {id(region.layer): region.layer for region in regions}.values():
        delete_regions(layer, [region.number for region in regions if region.layer is layer])


def _as_pins(viewer: Viewer, regions: Sequence[Region]) -> None:
    """Pin the middle pixel of each region, in its colour."""
    workspace = workspace_of(viewer)
    layer = workspace.stacks.layer
    if layer is not None:
        places = [(place_at(layer, region.middle), region.name, region.colour, True) for region in regions]
        workspace.pins.add_all(places)
