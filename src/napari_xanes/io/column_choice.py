"""What a user may choose when spectra are read: columns, how mu(E) is made of them, and the scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Mode = Literal["transmission", "fluorescence", "as is"]
"""mu(E) = ln(I0/It), If/I0, or a column as it is."""


@dataclass(frozen=True)
class Choice:
    """Columns and mode that a user chose; None leaves a choice to the names and values.

    Parameters
    ----------
    energy, i0 : str or int, optional
        Name of a column, or its number from 1.
    signal : str, int or list of them, optional
        It, If or mu(E); several columns are summed. The words I0, It, If and Iref stand for the columns of these roles.
    mode : {"transmission", "fluorescence", "as is"}, optional
        How mu(E) is made.
    scan : str or int, optional
        Number from 1, or part of the title, of one scan in a file of several.

    Raises
    ------
    ValueError
        If the mode is none of these, or a column is neither a name nor a number.
    """

    energy: str | int | None = None
    i0: str | int | None = None
    signal: str | int | Sequence[str | int] | None = None
    mode: Mode | None = None
    scan: str | int | None = None

    def __post_init__(self) -> None:
        for key in ("energy", "i0", "scan", "signal"):
            value = getattr(self, key)
            parts = value if key == "signal" and isinstance(value, list | tuple) else [value]
            if not all(part is None or (isinstance(part, str | int) and not isinstance(part, bool)) for part in parts):
                raise ValueError(f"{key} is the name of a column or its number from 1, not {str(value)[:60]!r}")
        if self.mode is not None and self.mode not in get_args(Mode):
            raise ValueError(
                f"mode {self.mode!r} is none of {', '.join(get_args(Mode))}; "
                "leave mode= out for the one that shows an edge"
            )

    def to_plain(self) -> dict[str, Any]:
        """Return what was chosen, for recipes and the metadata of a spectrum."""
        chosen: dict[str, Any] = {}
        for key in self.__dataclass_fields__:
            value = getattr(self, key)
            if value is not None:
                chosen[key] = value if isinstance(value, str | int) else list(value)
        return chosen

    @property
    def signals(self) -> list[str | int]:
        """The chosen signal columns."""
        if self.signal is None:
            return []
        return [self.signal] if isinstance(self.signal, str | int) else list(self.signal)


CHOICES = tuple(Choice.__dataclass_fields__)
"""Names of the parameters of `read_spectra` that choose."""

NOTHING = Choice()
"""No choice: names and values decide."""


def column_of(chosen: str | int, names: Sequence[str] | None, n_columns: int, *, what: str) -> int:
    """Return the index of a column that was chosen by its name or its number from 1.

    Parameters
    ----------
    chosen : str or int
        The name as the file or the metadata writes it, without regard to case and units; a number counts from 1.
    names : sequence of str, optional
        Names of the columns.
    n_columns : int
        How many there are.
    what : str
        The parameter, for the message.

    Raises
    ------
    ValueError
        If there is no such column, or several.

    Examples
    --------
    >>> column_of("I0", ["Energy (eV)", "i0"], 2, what="i0"), column_of("energy", ["Energy (eV)", "i0"], 2, what="")
    (1, 0)
    """
    if isinstance(chosen, str) and names:
        wanted = " ".join(chosen.lower().split())
        for simplify in (str, str.lower, _simple):
            matches = [i for i, name in enumerate(names) if simplify(name) == (chosen if simplify is str else wanted)]
            if len(matches) == 1:
                return matches[0]
            if len(matches) > 1:
                numbers = ", ".join(str(i + 1) for i in matches)
                raise ValueError(f"{what}={chosen!r} names the columns {numbers}; give the number of one")
    number = int(chosen) if isinstance(chosen, int) or str(chosen).strip().isdigit() else 0
    if 1 <= number <= n_columns:
        return number - 1
    known = ", ".join(names) if names else f"1 to {n_columns}, which have no names"
    raise ValueError(f"{what}={chosen!r} is no column; the file has the columns {known}; choose one of them")


def _simple(name: str) -> str:
    """A name without its unit and PV."""
    return " ".join(name.split("||")[0].split("(")[0].split("[")[0].lower().split())
