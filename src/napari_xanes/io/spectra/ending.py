"""Whether a text ends where its writer ended it."""

from __future__ import annotations

_ROWS = 6

CUT_SHORT = "copy the file again, or end the line if it is whole"
"""What to do about a text whose last line is not ended."""


def refuse_unended(text: str) -> None:
    """Refuse a text of ours whose last line does not end as lines do: its last number may be cut.

    Raises
    ------
    ValueError
        If it is.
    """
    if not text.endswith(("\n", "\r")):
        raise ValueError(f"the last line is not ended, so its last number may be cut: {CUT_SHORT}")


def refuse_lost_rows(n_found: int, n_written: object) -> None:
    """Refuse a table of ours with another number of rows than was written.

    Raises
    ------
    ValueError
        If it has; None, from older versions, says nothing.
    """
    if n_written is not None and n_found != n_written:
        raise ValueError(f"it has {n_found} of {n_written} rows: the file is damaged or cut short; copy it again")


def cut_warnings(text: str) -> tuple[str, ...]:
    """Return a warning if the last line of a text is not ended and shorter than those before it, all of one length.

    Examples
    --------
    >>> rows = "".join(f"{8330 + i}.0 {i / 7:.4f}\\n" for i in range(9))
    >>> len(cut_warnings(rows[:-1])), len(cut_warnings(rows[:-3]))
    (0, 1)
    """
    *whole, last = [line.rstrip("\r") for line in text.rsplit("\n", _ROWS)[1:]] or [""]
    if not last.strip() or len(whole) < _ROWS - 1 or len({*map(len, whole)}) > 1 or len(last) >= len(whole[0]):
        return ()
    return (f"the last line is not ended and shorter than those before it, so its last number may be cut: {CUT_SHORT}",)
