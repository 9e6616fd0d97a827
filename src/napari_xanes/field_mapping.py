"""Typed values that also read like mappings, for what stacks and maps carry in their metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Self


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
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]
