"""The profiles of what is shown along the lines that a user drew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from qtpy.QtCore import QTimer, Signal

from napari_xanes.gui.energy import current_step, energies_of
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import is_stack, stack_of
from napari_xanes.gui.map_layers import is_map, map_title
from napari_xanes.gui.pixels.areas import depth_of
from napari_xanes.gui.pixels.lines import DrawnLine, drawn_lines
from napari_xanes.gui.placement import to_data
from napari_xanes.gui.state.asked import WhileAsked
from napari_xanes.gui.state.run import shown_by
from napari_xanes.gui.state.runs import RunList
from napari_xanes.line_profiles import LineProfile, frame_profile, map_profile

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

_WAIT = 30  # ms between two computations while a line is drawn

Found = list[tuple[DrawnLine, LineProfile]]


class Subject(NamedTuple):
    """What profiles are of: its layer, a title, and the quantity with its unit."""

    layer: Layer
    title: str
    label: str


class LineProfiles(WhileAsked):
    """Keeps the profiles along all drawn lines up to date: of the topmost visible map, or of the frame of a stack.

    Attributes
    ----------
    lines : list of DrawnLine
        The lines over what is shown.
    profiles : list of (DrawnLine, LineProfile)
        The profile of each line, one for each of the chosen energies of a stack.
    subject : Subject or None
        What the profiles are of.
    problem : str
        Why there are none, with the way out; no text if there are.

    Signals
    -------
    changed :
        There are other lines or profiles.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, runs: RunList) -> None:
        super().__init__()
        self._viewer, self._runs = ref(viewer), runs
        self.lines: list[DrawnLine] = []
        self.profiles: Found = []
        self.subject: Subject | None = None
        self.problem = ""
        self._width = 1
        self._energies: tuple[float, ...] = ()
        self._seen: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT)
        self._timer.timeout.connect(self._compute)
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(self._receive)
        self._worker.failed.connect(self._fail)

    @property
    def width(self) -> int:
        """Width of all lines in pixels."""
        return self._width

    @width.setter
    def width(self, pixels: int) -> None:
        self._width = pixels
        self._schedule()

    @property
    def energies(self) -> tuple[float, ...]:
        """Energies in eV of the frames of a stack; without any, the frame that is shown."""
        return self._energies

    @energies.setter
    def energies(self, energies: Sequence[float]) -> None:
        self._energies = tuple(energies)
        self._schedule()

    @property
    def image(self) -> Layer | None:
        """The topmost visible layer that shows a map or a stack."""
        viewer = self._viewer()
        layers = [] if viewer is None else [layer for layer in reversed(viewer.layers) if layer.visible]
        return next((layer for layer in layers if is_map(layer) or is_stack(layer)), None)

    def _followed(self) -> Sequence[tuple[Any, Callable[..., None]]]:
        viewer = self._viewer()
        # The events of layers come through those of their list.
        events = [] if viewer is None else [viewer.layers.events, viewer.dims.events.point]
        return [(signal, self._schedule) for signal in (self._runs.changed, *events)]

    def _detach(self) -> None:
        self._timer.stop()
        self._worker.forget()
        # Nothing of layers that are removed meanwhile may stay in memory.
        self.lines, self.profiles, self.subject, self._seen = [], [], None, None

    def _emit_again(self) -> None:
        self._schedule()

    def _schedule(self, event: Any = None) -> None:
        if self.asked and not self._timer.isActive():
            self._timer.start()

    def _compute(self) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        image = self.image
        if image is None:
            self._set([], [], None, "Nothing to show a profile of: make a map, or show a stack")
            return
        lines = drawn_lines(viewer, image)
        subject, work, what = self._work(viewer, image)
        shown = [line for line in lines if not line.hidden]
        seen = (id(image), what, self._width, [(*line[:4], line.corners.tobytes(), line.hidden) for line in lines])
        if seen == self._seen:
            return
        self._seen = seen
        if work is None or not shown:
            self._set(lines, [], subject, "" if work is not None else f"{subject.title} holds labels: show values")
            return
        self._worker.submit(
            (seen, lines, subject), lambda: [(line, one) for line in shown for one in work(line, self._width)]
        )

    def _work(
        self, viewer: Viewer, image: Layer
    ) -> tuple[Subject, Callable[[DrawnLine, int], list[LineProfile]] | None, Any]:
        """Return what the profiles are of, what computes those of a line, and what tells whether it is the same."""
        run = self._runs.of(image) if is_map(image) else None
        if run is not None:
            name, maps = shown_by(image).map, run.maps
            plane = None
            if image.ndim == 3:
                z = round(float(to_data(viewer, image, viewer.dims.point)[0]))
                plane = min(max(z, 0), image.data.shape[0] - 1)
            unit = maps[name].unit
            label = map_title(name) + ("" if unit in ("", "1") else f" ({unit})")
            subject = Subject(image, f"{map_title(name)} of {maps.name}", label)
            what = (id(maps), name, plane)
            if maps[name].labels is not None:
                return subject, None, what
            return subject, lambda line, width: [map_profile(maps, name, line.corners, width, plane=plane)], what
        stack, depth, own = stack_of(image), depth_of(viewer, image), energies_of(image)
        chosen = [energy for energy in self._energies if own[0] <= energy <= own[-1]]
        energies = chosen or [float(own[current_step(viewer, image)])]
        plane = depth[0] if depth else None
        label = stack.quantity.replace("_", " ") + ("" if stack.unit == "1" else f" ({stack.unit})")
        at = ", ".join(f"{energy:g}" for energy in energies)
        subject = Subject(image, f"{stack.name}, {at} eV", label)

        def profiles(line: DrawnLine, width: int) -> list[LineProfile]:
            return [frame_profile(stack, energy, line.corners, width, plane=plane) for energy in energies]

        return subject, profiles, (id(image.data), id(image.metadata["xanes"]), energies, plane)

    def _receive(self, key: Any, found: Found) -> None:
        seen, lines, subject = key
        if self.asked and seen == self._seen:
            self._set(lines, found, subject)

    def _fail(self, key: Any, error: Exception) -> None:
        seen, lines, subject = key
        if self.asked and seen == self._seen:
            self._set(lines, [], subject, f"No profile: {error}")

    def _set(self, lines: list[DrawnLine], found: Found, subject: Subject | None, problem: str = "") -> None:
        if subject is None:
            self._seen = None
        self.lines, self.profiles, self.subject, self.problem = lines, found, subject, problem
        self.changed.emit()
