"""A dialog that plans which energies to measure next: a curve of error against time, and the plan as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_xanes.gui.dialog_plot import dialog_plot
from napari_xanes.gui.dialogs import ask_to_save
from napari_xanes.gui.dock_layout import push_button, say, wrapping_label
from napari_xanes.gui.latest_only_worker import LatestOnlyWorker
from napari_xanes.gui.layers import stack_of
from napari_xanes.gui.state.workspace import workspace_of
from napari_xanes.gui.theme import plot_colours, readable

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_xanes.advice.plan import EnergyPlan

_KINDS = "Table (*.csv);;Bluesky plan (*.py);;Picture (*.png)"


class PlanDialog(QDialog):
    """Plans energies for the ticked references, before the beam time or after what the chosen stack has measured.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its references, and its chosen stack if that is absorption.
    parent : QWidget, optional
        Parent widget.
    """

    def __init__(self, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Which energies to measure")
        self._viewer, self._workspace = viewer, workspace_of(viewer)
        self.plan: EnergyPlan | None = None
        layer = self._workspace.stacks.layer
        stack = None if layer is None else stack_of(layer)
        self._stack = stack if stack is not None and stack.quantity not in ("counts", "transmission") else None
        self.continues = QCheckBox(f"go on after {self._stack.name}" if self._stack is not None else "")
        self.continues.setToolTip("Its noise and what its pixels are made of take the place of photons and edge jump")
        self.continues.setVisible(self._stack is not None)
        self.continues.setChecked(self._stack is not None)
        self.target = _number(0.001, 2.0, 0.05, 0.01, "")
        self.most = QSpinBox()
        self.most.setRange(5, 200)
        self.most.setValue(40)
        self.photons = _number(10, 1e9, 10_000, 1000, " /s")
        self.photons.setDecimals(0)
        self.edge_jump = _number(0.01, 5, 0.5, 0.1, " OD")
        self.dwell = _number(0.001, 1e4, 1.0, 0.1, " s")
        self.move_time = _number(0.0, 1e4, 0.5, 0.1, " s")
        self.axis_sigma = _number(0.0, 5.0, 0.05, 0.01, " eV")
        self.curve = dialog_plot("time (s)", "", 160)
        self.said = wrapping_label()
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.save_button = push_button("Save…", "Write a table, a plan for Bluesky, or the curve", self.save)
        self._lay_out()
        self._worker = LatestOnlyWorker(self)
        self._worker.done.connect(lambda _key, plan: self._show(plan))
        self._worker.failed.connect(lambda _key, error: self._fail(error))
        self.continues.toggled.connect(lambda _: self._compute())
        for box in (self.target, self.photons, self.edge_jump, self.dwell, self.move_time, self.axis_sigma, self.most):
            box.valueChanged.connect(lambda _: self._compute())
        self.resize(460, 560)
        self._compute()

    def save(self) -> None:
        """Write the plan to a file that the user chooses."""
        path = ask_to_save(self, "Save the plan", "plan.csv", _KINDS, self._viewer)
        if self.plan is None or not path:
            return
        target = Path(path)
        try:
            self.plan.save(target if target.suffix else target.with_suffix(".csv"))
        except (OSError, ValueError) as error:
            say(self.said, f"The plan was not saved: {error}")

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(self.continues)
        for text, widget in (
            ("target error", self.target),
            ("energies at most", self.most),
            ("photons per pixel", self.photons),
            ("edge jump", self.edge_jump),
            ("mean exposure", self.dwell),
            ("motor move", self.move_time),
            ("error of the axis", self.axis_sigma),
        ):
            form.addRow(text, widget)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self.save_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        colours = plot_colours(self._viewer.theme)
        self.curve.setBackground(colours.background)
        for side in ("left", "bottom"):
            axis = self.curve.getAxis(side)
            axis.setPen(colours.foreground)
            axis.setTextPen(colours.foreground)
        self._line = self.curve.plot(pen=pg.mkPen(readable("#0072B2", colours.background), width=2), symbolSize=5)
        self._goal = pg.InfiniteLine(angle=0, pen=pg.mkPen(colours.foreground, style=Qt.PenStyle.DashLine))
        present = readable("#D55E00", colours.background)
        self._now = self.curve.plot(pen=None, symbol="d", symbolSize=11, symbolBrush=present)
        self.curve.addItem(self._goal)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.curve, 1)
        layout.addWidget(self.said)
        layout.addWidget(buttons)

    def _compute(self) -> None:
        """Plan in a thread, and begin again if a number changes meanwhile."""
        continues = self._stack is not None and self.continues.isChecked()
        self.photons.setEnabled(not continues)
        self.edge_jump.setEnabled(not continues)
        self.save_button.setEnabled(False)
        self._worker.submit(None, self._work(continues=continues))

    def _work(self, *, continues: bool) -> Callable[[], EnergyPlan]:
        references, stack = self._workspace.references.checked, self._stack if continues else None
        target, most = self.target.value(), self.most.value()
        photons, jump = self.photons.value(), self.edge_jump.value()
        dwell, move, sigma = self.dwell.value(), self.move_time.value(), self.axis_sigma.value()

        def work() -> EnergyPlan:
            from napari_xanes.advice.planning import plan_energies

            if len(references) < 2:
                raise ValueError("tick two or more references: the plan tells them apart")
            return plan_energies(
                references,
                stack=stack,
                target=target,
                most=most,
                photons=photons,
                edge_jump=jump,
                dwell=dwell,
                move=move,
                energy_sigma=sigma,
            )

        return work

    def _show(self, plan: EnergyPlan) -> None:
        self.plan = plan
        time, error = np.append(0.0, plan.time), np.append(plan.present, plan.error)
        known = np.isfinite(error)
        self.curve.setLabel("left", f"error of the {plan.quantity}")
        self._line.setData(time[known], error[known], symbol="o")
        self._now.setData(time[:1][known[:1]], error[:1][known[:1]])
        self._goal.setValue(self.target.value())
        self.curve.setYRange(0, 1.1 * max(float(error[known].max(initial=0)), self.target.value()))
        say(self.said, f"{plan.words[:1].upper()}{plan.words[1:]}.")
        self.said.setToolTip("\n".join(plan.warnings))
        self.save_button.setEnabled(len(plan) > 0)

    def _fail(self, error: Exception) -> None:
        self.plan = None
        self._line.setData([], [])
        self._now.setData([], [])
        say(self.said, f"There is no plan: {error}")


def _number(low: float, high: float, value: float, step: float, unit: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(3)
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setValue(value)
    box.setSuffix(unit)
    box.setKeyboardTracking(False)
    return box
