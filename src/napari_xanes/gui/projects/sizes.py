"""What a project of a window would hold, and how large it would be, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_xanes.gui.layers import is_stack, kind_of, stack_of
from napari_xanes.gui.map_layers import is_map
from napari_xanes.gui.projects.gathering import stays_in_its_file
from napari_xanes.gui.state.pin_layers import KIND as PIN_LAYER
from napari_xanes.wording import first_few

if TYPE_CHECKING:
    from napari.viewer import Viewer

_KEPT = ("image", "labels", "shapes", "points")
_LONGEST_LIST = 3


class Sizes(NamedTuple):
    """What a project would hold: bytes with and without copies of stacks in files, and the names of layers."""

    small: int
    whole: int
    in_files: list[str]
    made_here: list[str]
    left_out: list[str]

    @property
    def about_files(self) -> str:
        """What becomes of stacks if they stay in their files."""
        made_here = f"{first_few(self.made_here, _LONGEST_LIST)} {_are(self.made_here)}"
        if not self.in_files:
            return f"{made_here} not as read from a file." if self.made_here else ""
        text = f"{first_few(self.in_files, _LONGEST_LIST)} {_are(self.in_files)} read again from there"
        return f"{text}; {made_here} copied." if self.made_here else f"{text}."

    @property
    def about_rest(self) -> str:
        """Which layers no project holds; no text if there are none."""
        return f"A project can't hold {first_few(self.left_out, _LONGEST_LIST)}." if self.left_out else ""


def sizes_of(viewer: Viewer) -> Sizes:
    """Return what a project of a viewer would hold."""
    small = whole = 0
    in_files: list[str] = []
    made_here: list[str] = []
    left_out: list[str] = []
    maps: dict[str, int] = {}
    for layer in viewer.layers:
        if is_stack(layer):
            n_bytes = _n_bytes(layer.data)
            in_file = stays_in_its_file(stack_of(layer))
            (in_files if in_file else made_here).append(layer.name)
            small, whole = small + (0 if in_file else n_bytes), whole + n_bytes
        elif is_map(layer) and "maps" in layer.metadata["xanes"]:
            xanes = layer.metadata["xanes"]
            maps[xanes["group"]] = sum(_n_bytes(part) for one in xanes["maps"].values() for part in _parts(one))
        elif kind_of(layer) == PIN_LAYER:
            continue
        elif layer._type_string in _KEPT:
            small, whole = small + _n_bytes(layer.data), whole + _n_bytes(layer.data)
        else:
            left_out.append(layer.name)
    return Sizes(small + sum(maps.values()), whole + sum(maps.values()), in_files, made_here, left_out)


def in_words(n_bytes: int) -> str:
    """Return a size for people.

    Examples
    --------
    >>> in_words(400), in_words(52_300_000), in_words(1_840_000_000)
    ('less than 1 MB', 'about 52 MB', 'about 1.8 GB')
    """
    if n_bytes < 1_000_000:
        return "less than 1 MB"
    return f"about {n_bytes / 1e6:.0f} MB" if n_bytes < 1_000_000_000 else f"about {n_bytes / 1e9:.1f} GB"


def _parts(one: Any) -> tuple[Any, ...]:
    return tuple(part for part in (one.data, one.sigma, one.mask) if part is not None)


def _n_bytes(data: Any) -> int:
    return int(getattr(data, "nbytes", 0)) or sum(int(getattr(item, "nbytes", 0)) for item in data)


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
