"""The YAML of recipes: only numbers, text, lists and mappings, with limits on what a text may hold.

The text is taken event by event: a small text can't become a large value, and no object is made but these.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from napari_xanes.history import MAX_DEPTH, Plain

MAX_TEXT = 64 << 20
"""Bytes of the longest text. Masks of a whole detector with noise take up to 20 MB."""

END = "..."
"""YAML's end of a document; a recipe that is cut between two lines would be a shorter recipe."""

MAX_VALUES = 20_000_000
"""Most values in a recipe, aliases written out."""

_MAX_SLOW_TEXT = 1 << 20
"""Bytes of the longest text that PyYAML's slow parser in Python may read."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Written for file names whose bytes are not UTF-8; libyaml refuses it."""

_TAG = "tag:yaml.org,2002:"

_INT = re.compile(r"0|-?[1-9][0-9]{0,17}")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")


def plain_from_yaml(text: str) -> Plain:
    """Return the numbers, texts, lists and mappings of a YAML text.

    Parameters
    ----------
    text : str
        One YAML document. Dates stay text.

    Raises
    ------
    ValueError
        If the text is too long, is not YAML, nests too deeply, contains itself, names a key twice, or holds anything
        else than plain values.

    Examples
    --------
    >>> plain_from_yaml("- crop: {energy: [8300, 8400]}")
    [{'crop': {'energy': [8300, 8400]}}]
    """
    import yaml

    if len(text) > MAX_TEXT:
        raise ValueError(f"{len(text) >> 20} MB is too long for a recipe; {MAX_TEXT >> 20} MB are allowed")
    try:
        return _Reader(_loader(text)).document()
    except yaml.YAMLError as error:
        raise ValueError(f"the text is not YAML: {' '.join(str(error).split())}") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"the text is not YAML: half a character ({error.reason}); save it as UTF-8") from None


def refuse_cut(text: str, end: Plain) -> None:
    """Refuse the text of a recipe that has not the last line that it announces; None announces none.

    Raises
    ------
    ValueError
        If it is cut short.
    """
    if end is not None and text.rstrip().rpartition("\n")[2] != end:
        raise ValueError(f"the recipe is cut short: its last line is not {end}; copy it again")


def _loader(text: str) -> Any:
    """Return PyYAML's parser of a text, the fast one where it is installed."""
    import yaml

    fast = getattr(yaml, "CSafeLoader", None)
    if fast is None or (len(text) <= _MAX_SLOW_TEXT and _SURROGATE.search(text)):
        return yaml.SafeLoader(text)
    return fast(text)


@dataclass
class _Reader:
    """Makes plain values of the events of a parser.

    ``sizes`` holds the number of values behind each anchor, ``count`` how many values there are, aliases written out.
    """

    loader: Any
    anchors: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def document(self) -> Plain:
        """Return the only document of the text, None if it is empty."""
        import yaml

        self.loader.get_event()
        if not self.loader.check_event(yaml.DocumentStartEvent):
            return None
        self.loader.get_event()
        value = self._value(self.loader.get_event(), 0)
        self.loader.get_event()
        if not self.loader.check_event(yaml.StreamEndEvent):
            raise ValueError("a recipe is one YAML document; this text holds several, parted by '---'")
        return value  # type: ignore[no-any-return]

    def _value(self, event: Any, depth: int) -> Any:
        """Return the value that begins with an event; take its other events."""
        kind = type(event).__name__
        if kind == "ScalarEvent" and event.anchor is None and event.implicit[0]:
            # Most of a long recipe: numbers of spectra and masks, which need not pass YAML's long list of patterns.
            self._add(1)
            if _INT.fullmatch(event.value):
                return int(event.value)
            return float(event.value) if _FLOAT.fullmatch(event.value) else self._scalar(event)
        if depth > MAX_DEPTH:
            raise ValueError(f"the recipe nests lists and mappings more than {MAX_DEPTH} levels deep; write it flatter")
        if kind == "AliasEvent":
            return self._alias(str(event.anchor))
        before = self.count
        self._add(1)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
            self.sizes[event.anchor] = 0
        if kind == "SequenceStartEvent":
            value: Any = self._list(event, depth)
        else:
            value = self._mapping(event, depth) if kind == "MappingStartEvent" else self._scalar(event)
        if event.anchor is not None:
            self.anchors[event.anchor], self.sizes[event.anchor] = value, self.count - before
        return value

    def _add(self, n: int) -> None:
        self.count += n
        if self.count > MAX_VALUES:
            raise ValueError(f"the recipe holds more than {MAX_VALUES} values; are aliases nested in it?")

    def _alias(self, name: str) -> Any:
        if name not in self.sizes:
            raise ValueError(
                f"the recipe refers to *{name}, but nothing before it is marked &{name}; put a text that begins with * "
                "in quotes"
            )
        if name not in self.anchors:
            raise ValueError(f"the recipe contains itself: *{name} stands inside of &{name}; write the values out")
        self._add(self.sizes[name])
        return self.anchors[name]

    def _list(self, event: Any, depth: int) -> list[Any]:
        _check_tag(event, "seq")
        items = []
        while type(event := self.loader.get_event()).__name__ != "SequenceEndEvent":
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, event: Any, depth: int) -> dict[Any, Any]:
        _check_tag(event, "map")
        values: dict[Any, Any] = {}
        while type(event := self.loader.get_event()).__name__ != "MappingEndEvent":
            key = self._value(event, depth + 1)
            if not isinstance(key, Hashable):
                raise ValueError(f"a key of a mapping is a word, not {str(key)[:60]}")
            if key in values:
                raise ValueError(f"the key {key!r} is there twice in one mapping; leave one of them out")
            values[key] = self._value(self.loader.get_event(), depth + 1)
        return values

    def _scalar(self, event: Any) -> Any:
        import yaml

        tag = event.tag
        if tag is None or tag == "!":
            tag = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = tag.removeprefix(_TAG)
        if kind in ("str", "timestamp", "value"):
            return event.value
        if kind == "merge":
            raise ValueError("a recipe can't merge mappings with '<<'; write the keys out")
        if kind not in ("null", "bool", "int", "float"):
            raise ValueError(f"the text is not YAML of a recipe: it holds the object {tag!r}")
        try:
            return getattr(self.loader, f"construct_yaml_{kind}")(yaml.ScalarNode(tag, event.value))
        except (ValueError, LookupError):
            raise ValueError(f"{event.value[:60]!r} is no {kind} in YAML; put a text in quotes") from None


def _check_tag(event: Any, kind: str) -> None:
    if event.tag not in (None, "!", _TAG + kind):
        raise ValueError(f"the text is not YAML of a recipe: it holds the object {event.tag!r}")
