"""The table of all maps as Parquet, for pandas, polars and databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_xanes.saving.replacing import replacing

PARQUET = "runs.parquet"


def check_parquet() -> None:
    """Check that Parquet can be written.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise ImportError("Parquet needs pyarrow: pip install 'napari-xanes[parquet]'; runs.csv holds the same table")


def write_parquet(columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Write a table; NaN is null.

    Parameters
    ----------
    columns : mapping of str to sequence
        Columns of one length: numbers, or text.
    path : Path
        The file.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If it can't be written.
    """
    check_parquet()
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({name: pyarrow.array(values, from_pandas=True) for name, values in columns.items()})
    with replacing(path) as file:
        parquet.write_table(table, file)
