"""Add a step in the Prepare dock as a user does, and apply the recipe."""

from __future__ import annotations

from typing import Any


def add_step(dock: Any, name: str, **values: Any) -> Any:
    """Choose a step in the menu of the dock, fill fields of its form, and return the form."""
    dock.panel.menu.actions_by_name[name].trigger()
    form = dock.panel.step_form.form()
    form.fill(values)
    return form


def apply(dock: Any, wait: Any) -> None:
    """Press Apply and wait for the result."""
    dock.panel.apply_button.click()
    wait(lambda: not dock.panel.job.running)
