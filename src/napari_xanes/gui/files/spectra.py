"""Files of spectra that are opened or dropped: they become references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_xanes import io
from napari_xanes.gui.references.reading import add_files
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import show_info

if TYPE_CHECKING:
    from napari.viewer import Viewer

WHERE = "the references: in Look > References, and in the forms of Map and Clean"
"""Where a user finds what was dropped."""

_ENERGIES_BESIDE = (".tif", ".tiff")
"""Images whose energies are mostly in a text beside them, which may have more columns, as spectra have."""


def split_spectra(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Split files into those of stacks and maps, and those of spectra.

    A text among the files of one stack holds its energies, and stays with them. Beside one file that has energies of
    its own, a text of spectra holds references.

    Raises
    ------
    OSError
        If a file does not exist or can't be opened.
    """
    if len(paths) > 1 and io.are_one_stack(list(paths)):
        references = _references_beside(paths)
        return [path for path in paths if path not in references], references
    spectra = [path for path in paths if io.is_spectra_file(path)]
    return [path for path in paths if path not in spectra], spectra


def _references_beside(paths: Sequence[Path]) -> list[Path]:
    """Return the texts that hold spectra, if the only other file is a stack with energies of its own."""
    texts = [path for path in paths if io.is_text_name(path) and io.is_spectra_file(path)]
    others = [path for path in paths if path not in texts]
    if len(others) != 1 or others[0].suffix.lower() in _ENERGIES_BESIDE:
        return []
    if all(reader.why_not_readable(others[0]) for reader in io.READERS):
        return []
    references = []
    for path in texts:
        try:
            references += [path] if io.read_spectra(path) else []
        except (OSError, ValueError):
            continue  # one column, or names that say nothing: energies, or notes
    return references


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
