"""Fields of the card: what a user may say of a stack."""

from __future__ import annotations

from typing import Any, get_args

from qtpy.QtWidgets import QComboBox, QLineEdit, QSizePolicy, QWidget

from napari_xanes.io.facts import EnergyUnit, used_by_steps
from napari_xanes.stack import Quantity, SpectralStack


class CardFields:
    """The fields of one stack, by the names in `Facts`.

    Parameters
    ----------
    stack : SpectralStack
        The stack.
    parent : QWidget
        The card.
    """

    def __init__(self, stack: SpectralStack, parent: QWidget) -> None:
        quantity, unit = QComboBox(parent), QComboBox(parent)
        for choice in get_args(Quantity):
            quantity.addItem(choice.replace("_", " "), choice)
        for choice in get_args(EnergyUnit):
            unit.addItem(choice, choice)
        self.widgets: dict[str, QComboBox | QLineEdit] = {
            "quantity": quantity,
            "energy_unit": unit,
            "pixel_size": _text_field("not known", "Length of a pixel in µm: 0.04, or 0.05 0.04 for y and x", parent),
            "exposure": _text_field("not known", "Exposure time of each frame in s", parent),
            "absorber": _text_field("not given", "Element and edge of the sample, such as Ni K", parent),
        }
        for box in (quantity, unit):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        quantity.setToolTip("What the values are")
        unit.setToolTip("The unit of the energies in the file")
        self._shown: dict[str, str] = {}
        self.show(stack)

    def show(self, stack: SpectralStack) -> None:
        """Show what is known of a stack."""
        times = stack.corrections.exposure
        is_one_time = times is not None and getattr(times, "ndim", 0) == 0
        self._shown = {
            "quantity": stack.quantity,
            "energy_unit": _unit_of(stack),
            "pixel_size": " ".join(f"{length:.9g}" for length in _different(stack.pixel_size or ())),
            "exposure": f"{float(times):.9g}" if is_one_time else "",
            "absorber": " ".join(str(stack.metadata[key]) for key in ("element", "edge") if stack.metadata.get(key)),
        }
        used_names = used_by_steps(stack)
        for name, widget in self.widgets.items():
            if isinstance(widget, QComboBox):
                widget.setCurrentIndex(widget.findData(self._shown[name]))
            else:
                widget.setText(self._shown[name])
            used = name in used_names
            widget.setEnabled(not used)
            if used:
                widget.setToolTip("Steps have used it: correct the stack that this one was made from")

    def changed(self) -> dict[str, Any]:
        """Return what the user changed, as keywords of `Facts`.

        Raises
        ------
        ValueError
            If a text is no number, or was taken out.
        """
        changes: dict[str, Any] = {}
        for name, widget in self.widgets.items():
            text = widget.currentData() if isinstance(widget, QComboBox) else widget.text().strip()
            if self._shown[name] and not text:
                raise ValueError(f"{name.replace('_', ' ')}: empty; type the right one, or {self._shown[name]} again")
            if text != self._shown[name]:
                changes[name] = _READ.get(name, str)(text)
        return changes


def _text_field(placeholder: str, tip: str, parent: QWidget) -> QLineEdit:
    field = QLineEdit(parent)
    field.setPlaceholderText(placeholder)
    field.setToolTip(tip)
    field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return field


def _unit_of(stack: SpectralStack) -> str:
    words = str(stack.metadata.get("energy_unit") or "eV").split()
    return next((unit for unit in get_args(EnergyUnit) if unit.lower() == words[0].lower()), "eV")


def _different(lengths: tuple[float, ...]) -> tuple[float, ...]:
    """Return one length if all are equal."""
    return lengths[:1] if len(set(lengths)) == 1 else lengths


def _numbers(text: str) -> float | tuple[float, ...]:
    """Return one length, or one per axis, as the user writes them."""
    try:
        lengths = tuple(float(word) for word in text.replace("x", " ").replace(",", " ").split())
    except ValueError:
        raise ValueError(f"pixel size: {text!r} is no length in µm; write 0.04, or 0.05 0.04 for y and x") from None
    return lengths[0] if len(lengths) == 1 else lengths


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"exposure: {text!r} is no time in s; write a number such as 0.5") from None


_READ = {"pixel_size": _numbers, "exposure": _seconds}
