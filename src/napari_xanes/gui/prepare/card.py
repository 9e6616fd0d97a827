"""The card of a stack: what was read and guessed, from where, what else is in the file; to look at and to correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_xanes import io
from napari_xanes.guesses import Guess, guesses
from napari_xanes.gui.dialogs import ask_to_open
from napari_xanes.gui.dock_layout import scrolled, wrapping_label
from napari_xanes.gui.job import Job
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.prepare.card_fields import CardFields
from napari_xanes.gui.prepare.in_place import show_stack
from napari_xanes.gui.present import present
from napari_xanes.gui.settings import settings
from napari_xanes.gui.telling import sentence
from napari_xanes.io.contents import use_in_words
from napari_xanes.io.energies import read_energies
from napari_xanes.io.facts import Facts, corrected
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_ENERGIES = "energies"


class StackCard(QDialog):
    """Lists what was read and guessed about a stack, each line with its source, and corrects the layer in place.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer with the layer.
    layer : Image
        The layer of the stack.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, layer: Layer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._viewer, self._layer = viewer, layer
        self.setWindowTitle(f"What was read: {layer.name}")
        self.looking, self.job = Job(self), Job(self)
        self.status = wrapping_label()
        self.looking.done.connect(self._show_guesses)
        self.looking.failed.connect(lambda error: self.status.setText(sentence(error)))
        self.looking.ended.connect(self._look_again)
        self._changed_meanwhile = False
        self.job.done.connect(self._show_stack)
        self.job.failed.connect(lambda error: self.status.setText(sentence(error)))
        self.job.ended.connect(self._show_state)
        stack = stack_of(layer)
        self.fields = CardFields(stack, self)
        self.energies_button = QPushButton("Energies…", self)
        self.energies_button.setToolTip("Read the energies from a text: one per line, in the order of the frames")
        self.energies_button.clicked.connect(lambda _checked=False: self.ask_for_energies())
        self.values: dict[str, QLabel] = {}
        self.sources: dict[str, QLabel] = {}
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.contents_button, self.contents = QToolButton(self), _contents_table(self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Apply | QDialogButtonBox.StandardButton.Close, self
        )
        present(self.buttons.button(QDialogButtonBox.StandardButton.Apply)).clicked.connect(
            lambda _checked=False: self.apply()
        )
        self.buttons.rejected.connect(self.reject)
        self._lay_out(guesses(stack, look=False))
        self._refresh()

    def _lay_out(self, lines: Sequence[Guess]) -> None:
        form = QGridLayout()
        form.setColumnStretch(1, 1)
        form.setVerticalSpacing(2)
        for guess in lines:
            self.values[guess.name], self.sources[guess.name] = wrapping_label(), wrapping_label()
            self.sources[guess.name].setStyleSheet("font-style: italic; padding-bottom: 4px")
            row = form.rowCount()
            form.addWidget(QLabel(guess.name), row, 0)
            form.addWidget(self.fields.widgets.get(guess.keyword, self.values[guess.name]), row, 1)
            if guess.name == _ENERGIES:
                form.addWidget(self.energies_button, row + 1, 1)
            form.addWidget(self.sources[guess.name], row + 2, 1)
        self.contents_button.setCheckable(True)
        self.contents_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.contents_button.toggled.connect(self._show_contents)
        page = QWidget()
        inside = QVBoxLayout(page)
        inside.addLayout(form)
        inside.addWidget(self.contents_button)
        inside.addWidget(self.contents)
        inside.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addWidget(scrolled(page), 1)
        layout.addWidget(self.status)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(340)
        self.resize(440, 620)

    def apply(self) -> None:
        """Correct the layer by what the user changed; an error is shown and changes nothing."""
        try:
            changes = self.fields.changed()
        except ValueError as error:
            self.status.setText(sentence(error))
            return
        if not changes:
            self.status.setText("Nothing was changed.")
            return
        stack = stack_of(self._layer)
        self._start(lambda: corrected(stack, Facts(**changes)), "correcting")

    def ask_for_energies(self) -> None:
        """Let the user choose a text of energies and read the stack with it."""
        path = ask_to_open(self, "Energies", "Text (*.txt *.csv *.dat);;All files (*)")
        if path:
            self.attach(Path(path))

    def attach(self, path: Path) -> None:
        """Read the stack again with the energies in a text; a stack without a file gets them as they are."""
        stack, limit = stack_of(self._layer), settings().memory_bytes
        self._start(lambda: _with_energies(stack, path, limit), "reading energies")

    def _start(self, work: Any, title: str) -> None:
        if self.job.running:
            return
        self.status.setText("")
        self.job.start(lambda progress: work(), title)
        self._show_state()

    def _show_stack(self, stack: SpectralStack) -> None:
        if self._layer not in self._viewer.layers:
            self.status.setText("The layer is no longer in the window; nothing was changed.")
            return
        others = [layer for layer in self._viewer.layers if layer is not self._layer]
        show_stack(self._layer, stack, others)
        self.setWindowTitle(f"What was read: {self._layer.name}")
        self.status.setText("Done.")
        self._refresh()

    def _refresh(self) -> None:
        """Show everything about the stack as it is now; what takes a look at the values follows."""
        stack = stack_of(self._layer)
        self.fields.show(stack)
        self._show_guesses(guesses(stack, look=False))
        rows = [use_in_words(use) for use in stack.metadata.get("contents", ())]
        self.contents.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for j, text in enumerate((row[0], f"{row[1]}\n{row[2]}".strip(), row[3])):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.contents.setItem(i, j, item)
        self.contents_button.setVisible(bool(rows))
        self.contents_button.setText(f"Contents of the file ({len(rows)})")
        self._show_contents(self.contents_button.isChecked())
        self._show_state()
        self._changed_meanwhile = self.looking.running
        if not self.looking.running:
            self._look(stack)

    def _look(self, stack: SpectralStack) -> None:
        if not stack.is_lazy:
            self.looking.start(lambda progress: guesses(stack), "looking at the values")

    def _look_again(self) -> None:
        """Look at the stack as it is now, if it was changed during the last look."""
        if self._changed_meanwhile:
            self._changed_meanwhile = False
            self._look(stack_of(self._layer))

    def _show_guesses(self, lines: Sequence[Guess]) -> None:
        for guess in lines:
            self.values[guess.name].setText(guess.value)
            field = self.fields.widgets.get(guess.keyword)
            # A guess is no value of the field: the user may type it there.
            is_guess = isinstance(field, QLineEdit) and not field.text() and not guess.value.startswith("not ")
            self.sources[guess.name].setText(f"{guess.value}, {guess.source}" if is_guess else guess.source)

    def _show_contents(self, shown: bool) -> None:
        self.contents_button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.contents.setVisible(shown and self.contents.rowCount() > 0)
        self.contents.resizeRowsToContents()

    def _show_state(self) -> None:
        stack = stack_of(self._layer)
        present(self.buttons.button(QDialogButtonBox.StandardButton.Apply)).setEnabled(not self.job.running)
        self.energies_button.setEnabled(not self.job.running and not stack.history)


def _contents_table(parent: QWidget) -> QTableWidget:
    table = QTableWidget(0, 3, parent)
    table.setHorizontalHeaderLabels(["array", "shape", "became"])
    present(table.verticalHeader()).hide()
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    for column, mode in enumerate(("Stretch", "ResizeToContents", "Stretch")):
        present(table.horizontalHeader()).setSectionResizeMode(column, QHeaderView.ResizeMode[mode])
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setMinimumHeight(160)
    table.setVisible(False)
    return table


def _with_energies(stack: SpectralStack, path: Path, limit: int) -> SpectralStack:
    """Return a stack with the energies in a text: read again, so that frames are sorted and averaged as always."""
    if stack.source is None:
        energy, unit = read_energies(path)
        metadata = {**stack.metadata, "energy_unit": unit, "energy_source": str(path.resolve())}
        return replace(stack, energy=energy, metadata=metadata)
    paths, keywords = stack.source.to_read()
    keywords = {name: value for name, value in keywords.items() if name not in ("energies", "energy_unit")}
    return io.read(paths, energies=path, memory_limit=limit, **keywords)
