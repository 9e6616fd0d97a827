"""The stacks that another stack was made from. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer


def originals(layer: Layer, stacks: Iterable[Layer]) -> list[Layer]:
    """Return the stacks that a stack was made from, the one with the most steps first.

    Parameters
    ----------
    layer : Layer
        The stack.
    stacks : iterable of Layer
        Stack layers. One is an original if name and source agree and its history is the beginning of the layer's.
    """
    own = layer.metadata["xanes"]
    found = [other for other in stacks if other is not layer and _continues(own, other.metadata["xanes"])]
    return sorted(found, key=lambda other: -len(other.metadata["xanes"]["history"]))


def _continues(xanes: dict[str, Any], before: dict[str, Any]) -> bool:
    history, begun = list(xanes["history"]), list(before["history"])
    return bool(
        len(begun) < len(history)
        and history[: len(begun)] == begun
        and xanes["source"] == before["source"]
        and xanes["metadata"].get("name") == before["metadata"].get("name")
    )
