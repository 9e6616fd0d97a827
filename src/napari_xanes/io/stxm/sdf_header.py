"""The language of STXM_Control headers: ``Name = value;`` with numbers, "texts", ``{ blocks }`` and ``(n, lists)``."""

from __future__ import annotations

import re
from typing import Any

from napari_xanes.io import ways_out

_TOKEN = re.compile(r'"([^"]*)"|([{}(),;=])|([^\s{}(),;="]+)')
_MOST_NESTED = 30


def parse_header(text: str) -> dict[str, Any]:
    """Parse a header into nested mappings and lists.

    Parameters
    ----------
    text : str
        The whole ``.hdr`` file. A stray ``}``, as some converters leave it, is passed over.

    Returns
    -------
    dict
        Values are str, float, dict (a block) or list (without its leading count). Of blocks with one name the first
        is kept.

    Raises
    ------
    ValueError
        If brackets do not close, or a list announces another number of items than it has.

    Examples
    --------
    >>> parse_header('Scan = { Type = "Image"; Points = (2, 700.0, 701.5); };')
    {'Scan': {'Type': 'Image', 'Points': [700.0, 701.5]}}
    """
    return _Parser(text).block(0)


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.finditer(text)
        self.current: tuple[int | None, str] | None = None
        self.next()

    def next(self) -> None:
        """Goes on to the next token; `current` is None at the end."""
        match = next(self.tokens, None)
        self.current = None if match is None else (match.lastindex, match[match.lastindex or 0])

    def peek(self) -> str | None:
        """Return the next punctuation character, or None if something else comes next."""
        if self.current is None:
            raise ValueError("the header ends in the middle of a block or list: it is cut short; copy it again")
        return self.current[1] if self.current[0] == 2 else None

    def block(self, depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        while self.current is not None:
            kind, token = self.current
            self.next()
            if kind == 2:
                if token == "}" and depth:
                    return fields
            elif self.current is not None and self.peek() == "=":
                self.next()
                fields.setdefault(token, self.value(depth))
        if depth:
            raise ValueError("the header ends inside a block: it is cut short; copy it again")
        return fields

    def value(self, depth: int) -> Any:
        if depth > _MOST_NESTED:
            raise ValueError(f"the header's blocks are nested too deeply; {ways_out.COPY}")
        sign = self.peek()
        if sign == "{":
            self.next()
            return self.block(depth + 1)
        if sign == "(":
            self.next()
            return self.items(depth + 1)
        if sign is not None or self.current is None:
            return ""
        kind, token = self.current
        self.next()
        return token if kind == 1 else _number(token)

    def items(self, depth: int) -> list[Any]:
        values: list[Any] = []
        while (sign := self.peek()) != ")":
            if sign in (",", ";"):
                self.next()
            elif sign in ("}", "="):
                raise ValueError(f"the header has {sign!r} inside a list; {ways_out.COPY}")
            else:
                values.append(self.value(depth))
        self.next()
        if not values:
            return values
        if values[0] != len(values) - 1:
            count = f"{values[0]:.0f}" if isinstance(values[0], float) else repr(values[0])
            raise ValueError(f"the header announces {count} items in a list of {len(values) - 1}; {ways_out.COPY}")
        return values[1:]


def _number(token: str) -> float | str:
    try:
        return float(token)
    except ValueError:
        return token
