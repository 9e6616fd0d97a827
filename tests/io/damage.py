"""Ways to damage the bytes of a file. They are the same in each run, so that a failure can be reproduced."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_WORDS = (b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\xc0\x7f", b"\0\1\0\0")
"""The largest int32 in both byte orders (NaN as float), -1, 0, NaN, and 256 or 65536."""
_HDF5 = b"\x89HDF"
_NUMBERS = (b"1000000000000", b"-1", b"0", b"nan", b"1e400", b"99999")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def damaged(content: bytes, *, words: int = 8, flips: int = 12) -> Iterator[tuple[str, bytes]]:
    """Yield copies of a file's content with one flaw each, and a description of the flaw.

    First, numbers in the header (the first bytes) become huge, negative, zero or invalid. Then follow copies with bytes
    changed at random, and truncated copies.

    Parameters
    ----------
    content : bytes
        Content of a valid file. The header is treated as text if it contains no zero byte.
    words : int
        Number of header fields to change, each to several values.
    flips : int
        Number of copies with random bytes.
    """
    head = content[:1024]
    if b"\0" in head:
        for at in range(0, min(4 * words, len(content) - 4), 4):
            for word in _WORDS:
                yield f"{word.hex()} at {at}", content[:at] + word + content[at + 4 :]
    for match in list(_NUMBER.finditer(head))[:words]:
        for number in _NUMBERS:
            yield f"{number!r} for {match[0]!r}", content[: match.start()] + number + content[match.end() :]
    dice = random.Random(7)
    # The HDF5 library itself crashes or hangs on some changed bytes in its heap of texts.
    for i in range(0 if content.startswith(_HDF5) else flips):
        flipped = bytearray(content)
        for _ in range(dice.choice((1, 3, 20))):
            flipped[min(int(dice.expovariate(4) * len(content)), len(content) - 1)] = dice.randrange(256)
        yield f"flip {i}", bytes(flipped)
    for part in (0, 1, 10, 50, 90, 99):
        yield f"{part} % of it", content[: len(content) * part // 100]
    yield "twice", content * 2
