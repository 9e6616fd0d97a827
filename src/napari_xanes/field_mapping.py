"""Mappings of frozen values: read-only ones, and typed values that also read like mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Self, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class FrozenMapping(Mapping[Key, Value]):
    """A mapping that can't be changed, but can be sent to another process and copied (`types.MappingProxyType` can't).

    Parameters
    ----------
    items : mapping
        The entries; a later change of `items` does not change the frozen mapping.

    Examples
    --------
    >>> frozen = FrozenMapping({"gain": 4.0})
    >>> frozen["gain"], frozen == {"gain": 4.0}, frozen | {"i0": 1}
    (4.0, True, {'gain': 4.0, 'i0': 1})
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Key, Value]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Key) -> Value:
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __or__(self, other: Mapping[Key, Value]) -> dict[Key, Value]:
        return {**self._items, **other}

    def __ror__(self, other: Mapping[Key, Value]) -> dict[Key, Value]:
        return {**other, **self._items}

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"

    def copy(self) -> dict[Key, Value]:
        """Return the entries as a new dictionary."""
        return dict(self._items)


class FieldMapping(Mapping[str, Any]):
    """Base of a dataclass that reads like a mapping of those of its fields that are not None.

    Metadata are written to files as mappings and read by key in scripts; code of the package uses the attributes.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Exposure(FieldMapping):
    ...     sample: float
    ...     flat: float | None = None
    >>> dict(Exposure(0.5)), Exposure(0.5)["sample"]
    ({'sample': 0.5}, 0.5)
    """

    def __getstate__(self) -> dict[str, Any]:
        # Without what cached properties have kept: it can be as large as the value.
        return {name: value for name, value in self.__dict__.items() if name in self._names()}

    def __getitem__(self, name: str) -> Any:
        value = getattr(self, name, None) if name in self._names() else None
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names() if getattr(self, name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @classmethod
    def from_mapping(cls, values: Any) -> Self | None:
        """Return `values` as this type, so that a mapping from a file can be used by attribute.

        Parameters
        ----------
        values : object
            A value of this type, which is returned as it is, or a mapping with at least the fields without default.

        Returns
        -------
        FieldMapping or None
            None if `values` is neither.
        """
        if isinstance(values, cls):
            return values
        required = [field.name for field in fields(cls) if field.default is MISSING]  # type: ignore[arg-type]
        if not isinstance(values, Mapping) or any(name not in values for name in required):
            return None
        return cls(**{name: values[name] for name in cls._names() if name in values})

    @classmethod
    def or_none(cls, what: str) -> Callable[[Any], FieldMapping | None]:
        """Return a function that takes an argument as this type, as such or as a recipe stores it; None stays None.

        The function raises a ValueError if the argument is something else, or its fields do not fit together.

        Parameters
        ----------
        what : str
            What the argument must be, for the error message.
        """

        def taken(values: Any) -> FieldMapping | None:
            found = cls.from_mapping(values)
            if values is not None and found is None:
                raise ValueError(f"{what}, not {values!r}")
            return found

        return taken

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]
