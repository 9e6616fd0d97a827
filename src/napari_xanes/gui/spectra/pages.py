"""The pages of the plot: spectra, profiles along lines, how to open a stack, or how to attach energies to an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from napari_xanes.gui.dialogs import ask_to_open
from napari_xanes.gui.dock_layout import EMPTY_STATE, say, wrapping_label
from napari_xanes.gui.layers import lacks_energies, lay_out_as, shape_of, use_energies, was_stack, why_no_stack
from napari_xanes.gui.placement import pixel_size_of
from napari_xanes.gui.spectra.profile_page import ProfilePage
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import tell
from napari_xanes.gui.wording import NO_ENERGIES
from napari_xanes.stack import Quantity, SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


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
    lay_out_as(layer, stack)


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
        label = QLabel(EMPTY_STATE)
        label.setWordWrap(True)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        button = QPushButton("Open a sample")
        button.setToolTip("Open a simulated stack (takes about a second)")
        button.clicked.connect(self.open_sample)
        self._reason = wrapping_label()
        self._reason.hide()
        _centred(self, self._reason, label, button)

    def show_reason(self, text: str) -> None:
        """Say why the selected layer is no stack; no text hides it."""
        say(self._reason, text)

    def open_sample(self) -> None:
        """Open the sample; show an error as a notification."""
        try:
            self._viewer.open_sample("napari-xanes", self._sample)
        except (KeyError, ValueError, OSError) as error:
            tell(error, "The sample can't be opened")


class EnergiesPage(QWidget):
    """Offers to attach energies to the selected image."""

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        label = QLabel(NO_ENERGIES + ".\nAttach a text file with one energy per frame.")
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.quantity = QComboBox()
        for quantity in get_args(Quantity):
            self.quantity.addItem(quantity.replace("_", " "), quantity)
        self.quantity.setToolTip("Quantity of the image values")
        button = QPushButton("Attach energies…")
        button.setToolTip("Read a text file with one photon energy per line (eV or keV), in the order of the frames")
        button.clicked.connect(lambda _checked=False: self.ask())
        self._reason, self.use_button = wrapping_label(), QPushButton()
        self.use_button.setToolTip("Take the frames, in their present order, for those of the energies")
        self.use_button.clicked.connect(lambda _checked=False: self.use())
        _centred(self, self._reason, self.use_button, label, self.quantity, button)

    def show_layer(self, layer: Layer | None) -> None:
        """Say why a layer that was made from a stack is none, and offer its energies if their number fits."""
        reason, n_energies, fits = "", 0, False
        if layer is not None and was_stack(layer):
            reason, n_energies = why_no_stack(layer), len(layer.metadata["xanes"]["energy_eV"])
            fits = shape_of(layer)[0] == n_energies
        say(self._reason, reason)
        self.use_button.setText(f"Use the {n_energies} energies")
        self.use_button.setVisible(fits)

    def use(self) -> None:
        """Take the selected layer for a stack with the energies in its metadata; show an error as a notification."""
        layer = self._viewer.layers.selection.active
        try:
            use_energies(layer)
        except ValueError as error:
            tell(error, "The energies can't be used")

    def ask(self) -> None:
        """Let the user choose a file and attach its energies."""
        path = ask_to_open(self, "Energies", "Text (*.txt *.csv *.dat);;All files (*)", self._viewer)
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
            tell(error, f"The energies in {path.name} can't be attached")


class Pages(QStackedWidget):
    """The plot of a stack or of references alone, or what to do without; profiles along lines while they are asked for.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    plot : QWidget
        The page of a stack.
    """

    def __init__(self, viewer: Viewer, plot: QWidget) -> None:
        super().__init__()
        self._viewer = viewer
        self.empty, self.energies = EmptyPage(viewer), EnergiesPage(viewer)
        for page in (plot, self.empty, self.energies):
            self.addWidget(page)
        self._profiles: ProfilePage | None = None
        self._shows_profiles, self._stack = False, None

    @property
    def profiles(self) -> ProfilePage:
        """The page of profiles along lines; it is made when it is asked for."""
        if self._profiles is None:
            self._profiles = ProfilePage(self._viewer)
            self.addWidget(self._profiles)
        return self._profiles

    def show_profiles(self, shown: bool) -> None:
        """Show profiles along lines in place of spectra, or spectra again."""
        self._shows_profiles = shown
        self.choose(self._stack)

    def choose(self, stack: Layer | None) -> None:
        """Choose the page for the selected layer and the current stack."""
        self._stack = stack
        active = self._viewer.layers.selection.active
        if self._shows_profiles:
            self.setCurrentWidget(self.profiles)
        else:
            alone = workspace_of(self._viewer).references.drawn and not self.reason()  # which says the way back
            empty = stack is None and not alone
            self.setCurrentIndex(2 if lacks_energies(active) else int(empty))
        self.energies.show_layer(active)
        self.empty.show_reason(self.reason())

    def reason(self) -> str:
        """Return why the selected layer, which napari made from a stack, is none; no text if it is one."""
        active = self._viewer.layers.selection.active
        return why_no_stack(active) if active is not None and was_stack(active) else ""


def _centred(page: QWidget, *widgets: QWidget) -> None:
    layout = QVBoxLayout(page)
    layout.addStretch(1)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(2)
