"""The language of STXM_Control headers: ``Name = value;`` with numbers, "texts", ``{ blocks }`` and ``(n, lists)``."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r'"([^"]*)"|([{}(),;=])|([^\s{}(),;="]+)')
_MOST_NESTED = 30


def parse_header(text: str) -> dict[str, Any]:
    """A header as nested mappings and lists.

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
        self.tokens = [(match.lastindex, match[match.lastindex or 0]) for match in _TOKEN.finditer(text)]
        self.at = 0

    def peek(self) -> str | None:
        """The next sign of punctuation, None if something else comes next."""
        if self.at < len(self.tokens):
            kind, token = self.tokens[self.at]
            return token if kind == 2 else None
        raise ValueError("the header ends in the middle of a block or list: it is cut short")

    def block(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.at < len(self.tokens):
            sign = self.peek()
            if sign == "}":
                self.at += 1
                if depth:
                    return found
            elif sign is not None:
                self.at += 1
            else:
                name = self.tokens[self.at][1]
                self.at += 1
                if self.at < len(self.tokens) and self.peek() == "=":
                    self.at += 1
                    found.setdefault(name, self.value(depth))
        if depth:
            raise ValueError("the header ends inside a block: it is cut short")
        return found

    def value(self, depth: int) -> Any:
        if depth > _MOST_NESTED:
            raise ValueError("the header's blocks are nested too deeply")
        sign = self.peek()
        if sign == "{":
            self.at += 1
            return self.block(depth + 1)
        if sign == "(":
            self.at += 1
            return self.items(depth + 1)
        if sign is not None:
            return ""
        kind, token = self.tokens[self.at]
        self.at += 1
        return token if kind == 1 else _number(token)

    def items(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while (sign := self.peek()) != ")":
            if sign in (",", ";"):
                self.at += 1
            elif sign in ("}", "="):
                raise ValueError(f"the header has {sign!r} inside a list")
            else:
                found.append(self.value(depth))
        self.at += 1
        if not found:
            return found
        if found[0] != len(found) - 1:
            announced = f"{found[0]:.0f}" if isinstance(found[0], float) else repr(found[0])
            raise ValueError(f"the header announces {announced} items in a list of {len(found) - 1}")
        return found[1:]


def _number(token: str) -> float | str:
    try:
        return float(token)
    except ValueError:
        return token
