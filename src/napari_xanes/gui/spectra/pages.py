"""The pages of a dock without a stack: open a sample, or attach energies to an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from napari.layers import Image
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_xanes.gui.layers import is_map, is_stack, stack_to_layer
from napari_xanes.gui.placement import pixel_size_of
from napari_xanes.stack import Quantity, SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


def lacks_energies(layer: Layer | None) -> bool:
    """Return whether a layer is an image with three or four axes but without energies."""
    return (
        isinstance(layer, Image)
        and not (layer.rgb or layer.multiscale or is_stack(layer) or is_map(layer))
        and layer.data.ndim in (3, 4)
    )


def attach_energies(layer: Image, path: Path, quantity: Quantity) -> None:
    """Attach the energies in a text file to an image layer, which becomes a stack.

    Parameters
    ----------
    layer : Image
        Data (E, Y, X) or (E, Z, Y, X). If an error is raised, the layer does not change.
    path : Path
        One energy per line, in eV or keV, in the order of the frames.
    quantity : str
        Quantity of the values.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it does not hold one energy per frame, or if the energies do not increase.
    """
    from napari_xanes.io.energies import read_energies

    energies, _ = read_energies(path)
    size = pixel_size_of(layer)
    stack = SpectralStack(layer.data, energies, quantity, size, metadata={"name": layer.name})
    _, keywords, _ = stack_to_layer(stack)
    layer.metadata = {**layer.metadata, **keywords["metadata"]}


class EmptyPage(QWidget):
    """Explains how to open a stack, and opens a sample.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    sample : str
        Key of the sample in the manifest.
    """

    def __init__(self, viewer: Viewer, sample: str = "nmc_ni_k", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._sample = viewer, sample
        label = QLabel("Drop a stack here, or open a sample:\nFile > Open Sample > napari-xanes")
        label.setWordWrap(True)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        button = QPushButton("Open a sample")
        button.setToolTip("Open a simulated stack (takes about a second)")
        button.clicked.connect(self.open_sample)
        _centred(self, label, button)

    def open_sample(self) -> None:
        """Open the sample; show an error as a notification."""
        try:
            self._viewer.open_sample("napari-xanes", self._sample)
        except (KeyError, ValueError, OSError) as error:
            show_error(f"The sample can't be opened: {error}")


class EnergiesPage(QWidget):
    """Offers to attach energies to the selected image."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        label = QLabel("This image has no photon energies yet.\nAttach a text file with one energy per frame.")
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.quantity = QComboBox()
        for quantity in get_args(Quantity):
            self.quantity.addItem(quantity.replace("_", " "), quantity)
        self.quantity.setToolTip("Quantity of the image values")
        button = QPushButton("Attach energies…")
        button.setToolTip("Read a text file with one photon energy per line (eV or keV), in the order of the frames")
        button.clicked.connect(lambda _checked=False: self.ask())
        _centred(self, label, self.quantity, button)

    def ask(self) -> None:
        """Let the user choose a file and attach its energies."""
        path, _ = QFileDialog.getOpenFileName(self, "Energies", "", "Text (*.txt *.csv *.dat);;All files (*)")
        if path:
            self.attach(Path(path))

    def attach(self, path: Path) -> None:
        """Attach the energies in a file to the selected image; show an error as a notification."""
        layer = self._viewer.layers.selection.active
        if not lacks_energies(layer):
            return
        try:
            attach_energies(layer, path, self.quantity.currentData())
        except (OSError, ValueError) as error:
            show_error(f"The energies in {path.name} can't be attached: {error}")


def _centred(page: QWidget, *widgets: QWidget) -> None:
    layout = QVBoxLayout(page)
    layout.addStretch(1)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(2)
