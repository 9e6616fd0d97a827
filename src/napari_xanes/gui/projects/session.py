"""The project of a viewer: saved and opened in a thread, put into the window layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QObject, QTimer, Signal

from napari_xanes.gui.energy import plain_viewer
from napari_xanes.gui.job import Job
from napari_xanes.gui.layers import kind_of, stack_to_layer
from napari_xanes.gui.projects.gathering import Gathered, gather
from napari_xanes.gui.projects.restoring import Restoring
from napari_xanes.gui.settings import settings
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.io.project_file import holds_project, read_project, read_stored, write_project
from napari_xanes.io.project_layers import layer_from
from napari_xanes.progress import Progress
from napari_xanes.project import MissingLayer, Picture, ProjectLayer
from napari_xanes.stack import SpectralStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_SESSIONS: WeakKeyDictionary[Any, ProjectSession] = WeakKeyDictionary()


class ProjectSession(QObject):
    """Saves what a viewer holds, and brings it back.

    Attributes
    ----------
    path : Path or None
        The project that was saved or opened last.
    copies : bool
        Whether stacks were copied into it.
    restoring : Restoring or None
        What became of the project that was opened last.

    Signals
    -------
    saved : Path
        The project is on the disk.
    opened : Restoring
        All of it is in the window.
    found : MissingLayer
        A layer that was missing is in the window.
    failed : Exception
        Nothing was saved or opened, and why.
    """

    saved = Signal(object)
    opened = Signal(object)
    found = Signal(object)
    failed = Signal(object)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self.path: Path | None = None
        self.copies = False
        self.restoring: Restoring | None = None
        self.job = Job(self)
        self._then: Callable[[Any], None] = lambda result: None
        self._steps: Iterator[None] = iter(())
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._next_step)
        self.job.done.connect(lambda result: self._then(result))
        self.job.failed.connect(self.failed)

    @property
    def busy(self) -> bool:
        """Whether a project is being saved or opened."""
        return self.job.running or self._timer.isActive()

    def save(self, path: Path, *, copy_stacks: bool) -> None:
        """Save what the viewer holds.

        Parameters
        ----------
        path : Path
            The file; a project that is there is replaced when the new one is whole.
        copy_stacks : bool
            Whether stacks that are as they were read are copied, too.

        Raises
        ------
        ValueError
            If the file is one of the data, or another file that is no project.
        """
        viewer = self._viewer()
        if viewer is None or self.busy:
            return
        gathered = gather(viewer, copy_stacks=copy_stacks)
        if reason := why_not_here(path, gathered.layers):
            raise ValueError(reason)
        self._then = lambda stored: self._on_saved(path, gathered, stored, copy_stacks)
        self.job.start(lambda progress: _write(gathered, path, progress), f"saving {path.name}")

    def open(self, path: Path, *, in_place: bool = False, as_copy: bool = False) -> None:
        """Bring back what a project holds.

        Parameters
        ----------
        path : Path
            The project.
        in_place : bool
            Whether it takes the place of what is in the window, which goes when the project was read.
        as_copy : bool
            Whether it is a copy of a window, whose file is not offered to save to.
        """
        if not self.busy:
            limit = settings().memory_bytes
            self._then = lambda project: self._on_read(None if as_copy else path, project, in_place=in_place)
            self.job.start(
                lambda progress: read_project(path, memory_limit=limit, progress=progress), f"opening {path.name}"
            )

    def find(self, missing: MissingLayer, path: Path) -> None:
        """Read a layer that was missing from where its file is now, and those that lie beside it there."""
        restoring = self.restoring
        if restoring is None or self.busy:
            return
        beside = [one for one in restoring.missing if one is not missing and (path.parent / _name(one)).exists()]
        places = [(missing, path), *((one, path.parent / _name(one)) for one in beside)]
        self._then = lambda layers: self._on_found(restoring, layers)
        self.job.start(lambda progress: _read_places(places, progress), f"reading {path.name}")

    def _on_saved(self, path: Path, gathered: Gathered, stored: dict[int, ProjectLayer], copy_stacks: bool) -> None:
        for index, layer in stored.items():
            show_stored(gathered.layers[index], layer)
        self.path, self.copies = path, copy_stacks
        self.saved.emit(path)

    def _on_read(self, path: Path | None, project: Any, *, in_place: bool) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        if in_place:
            viewer.layers.clear()
            workspace = workspace_of(viewer)
            workspace.pins.clear()
            workspace.references.remove([spectrum.name for spectrum in workspace.references.spectra])
        self.path = path
        self.restoring = Restoring(viewer, project)
        self._steps = self.restoring.steps()
        self._timer.start()

    def _next_step(self) -> None:
        """Do one part of what brings the window back; each takes about as long as napari needs for a layer."""
        if next(self._steps, self) is not self:
            return
        self._timer.stop()
        self.opened.emit(self.restoring)

    def _on_found(self, restoring: Restoring, layers: list[tuple[MissingLayer, ProjectLayer, list[str]]]) -> None:
        for missing, layer, notes in layers:
            restoring.notes += notes
            restoring.add_missing(missing.index, layer)
            restoring.missing.remove(missing)
            self.found.emit(missing)


def session_of(viewer: Viewer) -> ProjectSession:
    """Return the session of a viewer."""
    viewer = plain_viewer(viewer)
    if viewer not in _SESSIONS:
        _SESSIONS[viewer] = ProjectSession(viewer)
    return _SESSIONS[viewer]


def why_not_here(path: Path, layers: list[Layer]) -> str:
    """Return why a project can't be saved under a path; no text if it can.

    Parameters
    ----------
    path : Path
        The file.
    layers : list of Layer
        The layers of the project.
    """
    for layer in layers:
        source = (layer.metadata.get("xanes") or {}).get("source") if kind_of(layer) in ("stack", "map") else None
        if source and Path(source["path"]).resolve() == path.resolve():
            return f"{path.name} holds the data of {layer.name!r}, which the project would replace; choose another name"
    if path.exists() and not holds_project(path):
        return f"{path.name} is there already and is no project; choose another name"
    return ""


def show_stored(layer: Layer, stored: ProjectLayer) -> None:
    """Let a layer read its values from the project that has just replaced the file that they were read from."""
    if isinstance(stored.value, SpectralStack):
        data, keywords, _ = stack_to_layer(stored.value)
        layer.data = data
        layer.metadata = {**layer.metadata, **keywords["metadata"]}
    elif isinstance(stored.value, Picture):
        layer.data = stored.value.data


def _write(gathered: Gathered, path: Path, progress: Progress) -> dict[int, ProjectLayer]:
    """Write a project; return its lazy layers as they can be read from it if it replaced another one."""
    replaced = path.exists()
    write_project(gathered.project, path, progress=progress)
    values = [layer.value for layer in gathered.project.layers]
    lazy = [index for index, value in enumerate(values) if _is_lazy(value)] if replaced else []
    return read_stored(path, lazy) if lazy else {}


def _is_lazy(value: Any) -> bool:
    return value.is_lazy if isinstance(value, SpectralStack) else hasattr(getattr(value, "data", None), "dask")


def _read_places(
    places: list[tuple[MissingLayer, Path]], progress: Progress
) -> list[tuple[MissingLayer, ProjectLayer, list[str]]]:
    """Read layers from where their files are; the first must be there, others may fail."""
    found = []
    for number, (missing, path) in enumerate(places):
        progress(number / len(places), missing.name)
        try:
            found.append((missing, *layer_from(missing, path)))
        except (OSError, ValueError):
            if not number:
                raise
    return found


def _name(missing: MissingLayer) -> str:
    return Path(missing.source.path).name
