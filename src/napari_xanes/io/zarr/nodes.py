"""Groups, arrays and attributes of a Zarr store whose metadata may be damaged; zarr itself is not imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def zarr_errors() -> Iterator[None]:
    """Turn the errors that zarr raises for metadata of an unexpected type into a ValueError.

    zarr trusts the JSON of a store: a number where it expects a mapping gives a TypeError or an AttributeError. Only
    calls of zarr belong into the block.
    """
    try:
        yield
    except (AttributeError, TypeError) as error:
        raise ValueError(f"metadata of the store are damaged; copy it again ({error})") from None


def child(group: Any, name: str) -> Any:
    """Return the group or array of a name in a group, None if there is none.

    Raises
    ------
    OSError, ValueError
        If it is damaged, or the name leads out of the folder.
    """
    with zarr_errors():
        return group.get(name)


def arrays(group: Any) -> list[Any]:
    """Return the arrays of a group, not those of the groups in it.

    Raises
    ------
    OSError, ValueError
        If one is damaged.
    """
    with zarr_errors():
        return [array for _, array in group.arrays()]


def attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a group or array.

    Raises
    ------
    ValueError
        If they are no mapping.
    """
    with zarr_errors():
        return dict(node.attrs)
