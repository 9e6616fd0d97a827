"""The keys that docks give to a viewer. Users see and change them in napari's preferences, under Shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, WeakMethod

from app_model.types import KeyCode, KeyMod
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari.viewer import Viewer

STEPS = ("Look", "Prepare", "Clean", "Map", "Explore", "Theory")
"""The steps of the XANES dock, in the order of the work."""

SHOW = "show "
"""Before the name of a step, in the name of the key that shows it."""

_DIGITS = (KeyCode.Digit1, KeyCode.Digit2, KeyCode.Digit3, KeyCode.Digit4, KeyCode.Digit5, KeyCode.Digit6)


class Key(NamedTuple):
    """What a key does, in words, and which key it is unless the user chose another."""

    description: str
    default: int


KEYS = {
    "pin": Key("pin the spectrum under the cursor", KeyCode.KeyP),
    "swipe": Key("switch between the image before and after denoising", KeyCode.KeyB),
    "run": Key("run or apply what the dock shows", KeyMod.CtrlCmd | KeyCode.Enter),
    "cancel": Key("cancel what runs", KeyCode.Escape),
    **{
        f"{SHOW}{name}": Key(f"show the step {name} of the XANES dock", KeyMod.Alt | digit)
        for name, digit in zip(STEPS, _DIGITS, strict=True)
    },
}

_KEYS_OF: WeakKeyDictionary[Any, Keys] = WeakKeyDictionary()


class Keys(QObject):
    """What the keys of one viewer do at present. Several panels can take a key; it acts for the last one.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose canvas, or whose window where no other widget wants the key, gets the keys.

    Signals
    -------
    pressed : str
        The key of this name was pressed.
    """

    pressed = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._takers: dict[str, list[WeakMethod[Callable[[], object]]]] = {name: [] for name in KEYS}
        _KEYS_OF[viewer] = self
        _register()

    def take(self, name: str, action: Callable[[], object]) -> None:
        """Let a key do something, before what other panels wanted it to do; `action` is a bound method."""
        self.leave(name, action)
        self._takers[name].append(WeakMethod(action))

    def leave(self, name: str, action: Callable[[], object]) -> None:
        """Let a key no longer do something; what another panel wanted it to do returns."""
        self._takers[name] = [taker for taker in self._takers[name] if taker() not in (None, action)]

    def press(self, name: str) -> None:
        """Do what a key does at present; nothing if no panel has taken it."""
        self.pressed.emit(name)
        for taker in reversed(self._takers[name]):
            if (action := taker()) is not None:
                action()
                return


def text_of(name: str) -> str:
    """Return the key of an action as text, such as ``B``; no text if the user took it away."""
    from napari.utils.action_manager import action_manager
    from napari.utils.key_bindings import coerce_keybinding

    return " or ".join(str(coerce_keybinding(key)) for key in action_manager._shortcuts.get(_action(name), ()))


def hint(name: str) -> str:
    """Return the key of an action as it stands in a tooltip, such as `` (B)``; no text if there is no key."""
    text = text_of(name)
    return f" ({text})" if text else ""


def _action(name: str) -> str:
    return f"napari-xanes:{name.replace(' ', '_').lower()}"


def _register() -> None:
    """Let napari list the actions, once per process, with the keys that the user chose or else the default ones."""
    from napari.components import ViewerModel
    from napari.settings import get_settings
    from napari.utils.action_manager import action_manager

    chosen = get_settings().shortcuts.shortcuts
    for name, key in KEYS.items():
        action = _action(name)
        if action in action_manager._actions:
            continue
        action_manager.register_action(action, _press(name), f"XANES: {key.description}", ViewerModel)
        for shortcut in chosen.get(action, [key.default]):
            action_manager.bind_shortcut(action, shortcut)


def _press(name: str) -> Callable[[Any], None]:
    def press(viewer: Any) -> None:
        if viewer in _KEYS_OF:
            _KEYS_OF[viewer].press(name)

    return press
