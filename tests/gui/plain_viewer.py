"""napari's layers, sliders and docks without its canvas. It opens in a few milliseconds and does not use OpenGL."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.plugins import _npe2
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.events.event_utils import disconnect_events
from npe2 import PluginManager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


class DockWindow(QMainWindow):
    """A window with docks only. It has the methods of ``napari.window.Window`` that the tests call."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._plugin_docks: dict[str, tuple[QDockWidget, QWidget]] = {}
        self.resize(800, 600)

    def add_plugin_dock_widget(self, plugin_name: str, widget_name: str) -> tuple[QDockWidget, Any]:
        """Open a widget of the plugin's manifest, or return the open one. The widget receives a proxy of the viewer."""
        if widget_name not in self._plugin_docks:
            contribution = _npe2.get_widget_contribution(plugin_name, widget_name)
            assert contribution is not None
            widget = contribution[0](napari_viewer=PublicOnlyProxy(self._viewer))
            self._plugin_docks[widget_name] = self.add_dock_widget(widget, name=widget_name), widget
        return self._plugin_docks[widget_name]

    def add_dock_widget(self, widget: QWidget, name: str = "", area: str = "right") -> QDockWidget:
        dock = QDockWidget(name, self)
        dock.setWidget(widget)
        self.addDockWidget(Qt.DockWidgetArea[f"{area.title()}DockWidgetArea"], dock)
        return dock


class PlainViewer(ViewerModel):
    """A ``ViewerModel`` whose window holds docks and no canvas."""

    _window: Any = None

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        # Only the manifests of plugins are needed. Menus and commands belong to napari's own window.
        PluginManager.instance().discover()
        self._window = DockWindow(self)

    @property
    def window(self) -> DockWindow:
        return self._window

    def close(self) -> None:
        """Close like ``napari.Viewer``: stop slicing, remove layers and docks."""
        self._layer_slicer.shutdown()
        disconnect_events(self.dims.events, self)
        self.layers.clear()
        if self._window is not None:
            self._window.close()
            self._window.deleteLater()
            self._window = None
