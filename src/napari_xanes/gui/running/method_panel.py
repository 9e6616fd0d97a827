"""Choose a stack and a method, fill in its parameters and run it: shared by the Map, Prepare and Denoise docks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.dock_layout import DOCK_WIDTH, LaterPage, push_button, scrolled
from napari_xanes.gui.forms.form import Form
from napari_xanes.gui.forms.source_box import suggest_libraries
from napari_xanes.gui.forms.stack_box import StackBox, StackRow
from napari_xanes.gui.forms.viewer_fields import viewer_fields
from napari_xanes.gui.job import Job
from napari_xanes.gui.job_bar import JobBar
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.run_keys import RunKeys
from napari_xanes.gui.running.preparing import run_after
from napari_xanes.gui.running.stack_note import StackNote, StepsBefore
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.telling import sentence, show_error, show_warning, tell
from napari_xanes.gui.wording import is_about
from napari_xanes.history import Step
from napari_xanes.registry import Method

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_xanes.stack import SpectralStack

OnResult = Callable[["SpectralStack | None", Any], None]


class MethodPanel(QWidget):
    """A panel to choose a stack and a method, fill in the parameters and run the method.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    registry : mapping of str to Method
        Methods by name.
    names : iterable of str, optional
        The methods to choose from; by default all.
    steps_before : callable, optional
        Returns the steps that prepare a stack for the method of a name.
    in_words : callable
        Returns what is said of such a step.
    run_text : str
        Text of the run button.
    method_label : str
        Label beside the box of methods.
    unsuited : callable
        Returns why the method does not suit a stack layer; no text if it does.
    require : callable
        Raises a ValueError if a step is not possible for a stack; called before the preparing steps run.
    stack_row : bool
        Whether to show the box of stacks.

    Attributes
    ----------
    source : Layer or None
        The layer of the stack that the method was started on.
    before : list of Step
        The steps that prepared it.

    Signals
    -------
    prepared : SpectralStack
        The result of the preparing steps, if there are any; emitted just before `finished`.
    finished : SpectralStack or MapSet
        The result of the method.
    """

    prepared = Signal(object)
    finished = Signal(object)

    def __init__(
        self,
        viewer: Viewer,
        registry: Mapping[str, Method[Any]],
        *,
        names: Iterable[str] | None = None,
        steps_before: StepsBefore = lambda stack, name: [],
        in_words: Callable[[Step], str] = lambda step: step.name.replace("_", " "),
        run_text: str = "Run",
        method_label: str = "method",
        unsuited: Callable[[Layer], str] = lambda layer: "",
        require: Callable[[SpectralStack, Step], None] = lambda stack, step: None,
        stack_row: bool = True,
    ) -> None:
        super().__init__()
        self._viewer, self._registry, self._steps_before, self._require = viewer, registry, steps_before, require
        self._forms: dict[str, Form] = {}
        self.source: Layer | None = None
        self.before: list[Step] = []
        self._on_result: OnResult = self._emit_results
        self.job = Job(self)
        self.stacks = StackBox(viewer)
        self.methods = QComboBox()
        self.methods.setToolTip("The method to run; its parameters are below")
        for name in registry if names is None else names:
            self.methods.addItem(name.replace("_", " "), name)
        self._note = StackNote(self.stacks, self.methods, steps_before, in_words, unsuited)
        self._body = QVBoxLayout()
        self._body.addStretch()
        self._tabs = QTabWidget()
        self.run_button = QPushButton(run_text)
        self._start_buttons = [self.run_button]
        self._buttons = QHBoxLayout()
        self.cancel_button = QPushButton("Cancel")
        self._bar = JobBar(self.job)
        self._lay_out(method_label, stack_row)
        self._connect()
        self._show_form()
        self._show_state()
        self._offer_references()

    def _lay_out(self, method_label: str, stack_row: bool) -> None:
        top = QFormLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        if self.methods.count() > 1:
            top.addRow(method_label, self.methods)
        self._buttons.addWidget(self.run_button, 1)
        self._buttons.addWidget(self.cancel_button)
        form = QWidget()
        form.setLayout(self._body)
        self._tabs.addTab(scrolled(form), "parameters")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(StackRow(self.stacks, shown=stack_row))
        layout.addLayout(top)
        layout.addWidget(self._note)
        layout.addWidget(self._tabs, 1)
        layout.addLayout(self._buttons)
        layout.addWidget(self._bar)
        self.setMinimumSize(QSize(DOCK_WIDTH, 220))
        # Without an expanding policy napari leaves empty space under the dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def _connect(self) -> None:
        self.methods.currentIndexChanged.connect(lambda _: self._show_form())
        self.methods.currentIndexChanged.connect(self._show_state)
        workspace_of(self._viewer).references.changed.connect(self._show_state)
        self.stacks.layer_changed.connect(self._show_state)
        self.stacks.layer_changed.connect(self._offer_references)
        self.stacks.layer_changed.connect(self._suggest_libraries)
        workspace_of(self._viewer).recipe.changed.connect(self._show_state)  # steps that wait may run first
        self.run_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.job.cancel)
        self.job.done.connect(self._done)
        self.job.failed.connect(self._failed)
        self.job.ended.connect(self._show_state)
        RunKeys(self, self._viewer, self.run_button, self.job)

    def choose(self, name: str) -> Form:
        """Choose a method, and return its form."""
        self.methods.setCurrentIndex(self.methods.findData(name))
        self.show_tab("parameters")
        return self.form()

    def form(self) -> Form:
        """Return the form of the chosen method; each method keeps its form and values."""
        name = self.methods.currentData()
        if name not in self._forms:
            self._forms[name] = Form(self._registry[name], viewer_fields(self._viewer, self.stacks))
            self._body.insertWidget(0, self._forms[name])
            suggest_libraries(self)
        return self._forms[name]

    def add_button(self, text: str, tip: str, action: Callable[[], None]) -> QPushButton:
        """Add a button for another action; it is enabled together with the run button."""
        button = push_button(text, tip, action)
        self._buttons.insertWidget(0, button)
        self._start_buttons.append(button)
        self._show_state()
        return button

    def add_tab(self, title: str, make: Callable[[], Iterable[QWidget]]) -> None:
        """Add a tab beside the parameters, with widgets that are made when it is first shown."""
        self._tabs.addTab(scrolled(LaterPage(make)), title)

    def show_tab(self, title: str) -> None:
        """Bring a tab to the front."""
        self._tabs.setCurrentIndex([self._tabs.tabText(i) for i in range(self._tabs.count())].index(title))

    def _show_form(self) -> None:
        current = self.form()
        for form in self._forms.values():
            form.setVisible(form is current)

    def _offer_references(self) -> None:
        """Add the references in the file of the chosen stack."""
        layer = self.stacks.layer()
        if layer is not None:
            workspace_of(self._viewer).references.offer(layer)

    def _suggest_libraries(self) -> None:
        suggest_libraries(self)

    def _show_state(self) -> None:
        running, suited = self.job.running, self._note.refresh()
        for button in self._start_buttons:
            button.setEnabled(suited and not running)
        self.cancel_button.setEnabled(running)

    def start(self) -> None:
        """Run the method in a worker thread; show an error as a notification."""
        self.launch(self.run_button.text(), self._steps_before, self._emit_results)

    def launch(
        self,
        title: str,
        steps_before: StepsBefore,
        on_result: OnResult,
        part_of: Callable[[SpectralStack], SpectralStack] = lambda stack: stack,
        preview_of: Callable[[str], Method[Any] | None] = lambda name: None,
    ) -> None:
        """Run the method on the chosen layer in a worker thread; `source` is set to the layer.

        Parameters
        ----------
        title : str
            Title in napari's activity dock.
        steps_before : callable
            Returns the steps that prepare the stack.
        on_result : callable
            Called with the result of the preparing steps (None if there are none) and the result of the method.
        part_of : callable
            Returns the part of the stack to use.
        preview_of : callable
            Returns what runs in the place of a method of some name, None for that method itself.
        """
        if self.job.running:
            return
        layer = self.stacks.layer()
        if layer is None:
            show_error("There is no stack yet; drop one into the viewer, or open the sample")
            return
        if reason := self._note.why_unsuited(layer):
            show_error(f"{reason}; choose another stack")
            return
        try:
            stack = part_of(stack_of(layer))
            step = Step(self.methods.currentData(), self.form().values())
            before = steps_before(stack, step.name)
        except ValueError as error:
            tell(error)
            return
        try:
            self._require(stack, step)
        except ValueError as error:
            self._failed(error)
            return
        self.source, self.before, self._on_result = layer, before, on_result
        method = preview_of(step.name)
        self.job.start(
            lambda progress: run_after(before, step, stack, progress, method), f"{title}: {self.methods.currentText()}"
        )
        self._show_state()

    def _done(self, results: tuple[SpectralStack | None, Any]) -> None:
        self._on_result(*results)

    def _emit_results(self, ready: SpectralStack | None, result: Any) -> None:
        if ready is None:
            self.finished.emit(result)
            return
        # Each adds a layer, and napari takes a tenth of a second for one.
        self.prepared.emit(ready)
        self.job.then(lambda: self.finished.emit(result))

    def _failed(self, error: Exception) -> None:
        """Show an error as a notification, which napari cuts, and in the form, where it stays."""
        parameters = self.form().method.parameters.items() if isinstance(error, ValueError) else ()
        about = [name for name, parameter in parameters if is_about(str(error), parameter)]
        self.form().mark(about[-1] if about else None, sentence(error))
        self.show_tab("parameters")
        tell(error)

    def warn(self, notes: Mapping[str, Any]) -> str:
        """Show the warnings of a result as a notification, and return them as text for the dock."""
        texts = list(notes.get("warnings", ()))
        if texts:
            show_warning("\n".join(texts))
        return "\n".join(f"• {text}" for text in texts)
