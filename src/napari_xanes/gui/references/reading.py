"""The one way by which spectra of files become references, wherever they are dropped or chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QWidget

from napari_xanes.gui.in_thread import in_thread, is_closed
from napari_xanes.gui.references.column_chooser import (
    ColumnChooser,
    read_with_remembered_choice,
    tables_to_choose_from,
)
from napari_xanes.gui.references.record_chooser import MOST_TICKED, Record, RecordChooser
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence
from napari_xanes.reference_checks import Absorber, absorber_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.gui.state.references import ReferenceSet
    from napari_xanes.spectrum import Spectrum


class Added(NamedTuple):
    """What became of files: names of those that were read, what they gave, how many are new, and why some gave none."""

    names: list[str]
    found: list[Spectrum]
    new: list[Spectrum]
    reasons: list[str]


def add_files(paths: Iterable[str | Path], viewer: Viewer, parent: QWidget | None = None) -> Added:
    """Add the spectra of files to the references.

    A file with many spectra, one with several that do not all suit the stack, and one whose columns are not understood
    open a dialog. Few that suit are all taken.

    Parameters
    ----------
    paths : iterable of path
        Files of spectra.
    viewer : napari.viewer.Viewer
        The viewer whose references they become.
    parent : QWidget, optional
        What the dialogs belong to; by default the window. Without any window, nothing is asked.
    """
    parent = parent or _window_of(viewer)
    added = Added([], [], [], [])
    references = workspace_of(viewer).references
    for path in map(Path, paths):
        try:
            records = in_thread(partial(_read, path), f"open {path.name}")
        except (OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{path}: ")
            if parent is not None and tables_to_choose_from(path):
                ask_for_columns(path, reason, parent, references.add)
            else:
                added.reasons.append(sentence(f"{path.name}: {reason}"))
            continue
        if is_closed(viewer):
            return added
        checked = [Record(one, references.check.why_unsuitable(one, what)) for one, what in records]
        if parent is not None and _leaves_a_choice(checked):
            _ask_for_records(path, checked, references, parent)
            continue
        spectra = [spectrum for spectrum, _ in records]
        added.names.append(path.name)
        added.found.extend(spectra)
        added.new.extend(references.add(spectra))
    return added


def ask_for_columns(path: str | Path, problem: str, parent: QWidget, take: Callable[[list[Spectrum]], object]) -> None:
    """Let the user say what the columns of a file hold, and hand over the spectra."""
    dialog = ColumnChooser(path, problem, parent)
    _open(dialog, lambda: take(dialog.spectra))


def _ask_for_records(path: Path, records: Sequence[Record], references: ReferenceSet, parent: QWidget) -> None:
    dialog = RecordChooser(path, records, parent)
    _open(dialog, lambda: references.add(dialog.chosen))


def _leaves_a_choice(records: Sequence[Record]) -> bool:
    return len(records) > MOST_TICKED or (len(records) > 1 and any(record.reason for record in records))


def _open(dialog: QDialog, take: Callable[[], object]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.accepted.connect(take)
    dialog.open()


def _read(path: Path) -> list[tuple[Spectrum, Absorber]]:
    """Return the spectra of a file, and what each is of: this takes a while for many."""
    return [(spectrum, absorber_of(spectrum)) for spectrum in read_with_remembered_choice(path)]


def _window_of(viewer: Viewer) -> QWidget | None:
    window = getattr(viewer, "window", None)
    window = getattr(window, "_qt_window", window)
    return window if isinstance(window, QWidget) else None
