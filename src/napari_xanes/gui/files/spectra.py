"""Files of spectra that are opened or dropped: they become references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info

from napari_xanes import io
from napari_xanes.gui.references.reading import add_files
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

WHERE = "the references: in Look > References, and in the forms of Map and Clean"
"""Where a user finds what was dropped."""


def split_spectra(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Split files into those of stacks and maps, and those of spectra.

    A text among the files of one stack holds its energies, and stays with them.

    Raises
    ------
    OSError
        If a file does not exist or can't be opened.
    """
    if len(paths) > 1 and io.are_one_stack(list(paths)):
        return list(paths), []
    spectra = [path for path in paths if io.is_spectra_file(path)]
    return [path for path in paths if path not in spectra], spectra


def add_references(paths: Iterable[Path], viewer: Viewer) -> list[str]:
    """Add the spectra of files to the references, and say where they are; return why some can't be read.

    Files with several spectra, or with columns that are not understood, open a dialog.

    Parameters
    ----------
    paths : iterable of Path
        Files of spectra.
    viewer : napari.viewer.Viewer
        The viewer whose references they become.
    """
    paths = list(paths)
    if not paths:
        return []
    added = add_files(paths, viewer)
    references = workspace_of(viewer).references
    if added.names:
        known = "" if added.new else ", which were there already"
        found = len(added.new) or len(added.found)
        count = f"{found} spectra" if len(added.found) > 1 else "1 spectrum"
        show_info(f"{', '.join(added.names)}: {count} added to {WHERE}{known}")
    if len(added.reasons) < len(paths):
        references.dropped.emit()
    return added.reasons
