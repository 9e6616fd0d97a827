"""Files of spectra that are opened or dropped: they become references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info

from napari_xanes import io
from napari_xanes.gui.references.column_chooser import read_with_remembered_choice, tables_to_choose_from
from napari_xanes.gui.state.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.spectrum import Spectrum

WHERE = "the references: Spectra dock > References, and the forms of Map and Denoise"
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

    Parameters
    ----------
    paths : iterable of Path
        Files of spectra.
    viewer : napari.viewer.Viewer
        The viewer whose references they become.
    """
    found: list[Spectrum] = []
    names: list[str] = []
    reasons: list[str] = []
    for path in paths:
        try:
            found += read_with_remembered_choice(path)
            names.append(path.name)
        except (OSError, ValueError) as error:
            reason = str(error).removeprefix(f"{path}: ")
            way_out = ". To choose its columns, load it in Spectra dock > References" if _has_columns(path) else ""
            reasons.append(f"{path.name}: {reason}{way_out}")
    if names:
        references = workspace_of(viewer).references
        added = references.add(found)
        known = "" if added else ", which were there already"
        count = f"{len(added) or len(found)} spectra" if len(found) > 1 else "1 spectrum"
        show_info(f"{', '.join(names)}: {count} added to {WHERE}{known}")
        references.dropped.emit()
    return reasons


def _has_columns(path: Path) -> bool:
    return bool(tables_to_choose_from(path))
