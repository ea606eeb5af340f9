"""The runs of a grid as one table, a row a run: parameters, way, outcome, figures of the model's own report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import UnsupportedError
from ..formats.writing.files import replace_file

KINDS = ("csv", "parquet")
INSTALL = "pip install pyarrow"
FOUND = ("status", "claim", "value", "bound", "gap", "time", "nodes", "error")
"""Columns of what was found; ``time`` is called ``seconds``."""


def rows(records: Sequence[Mapping[str, Any]], parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table, all with the same columns.

    Parameters
    ----------
    records : sequence of mapping
    parameters : sequence of mapping
        Of each record the values of the grid.
    """
    names = list(dict.fromkeys(name for one in parameters for name in one))
    heads = {name: column(name) for name in names}
    told = list(dict.fromkeys(name for one in records for name in one.get("report") or {}))
    out = []
    for record, chosen in zip(records, parameters, strict=True):
        found = {("seconds" if name == "time" else name): record.get(name) for name in FOUND}
        out.append(
            {**{heads[name]: _cell(chosen.get(name)) for name in names},
             "encoding": record["encoding"], "solver": record["solver"], **found,
             **{name: (record.get("report") or {}).get(name) for name in told}}
        )  # fmt: skip
    return out


def column(parameter: str) -> str:
    """Return the column of a parameter: its name, unless a column of what was found is called so."""
    own = ("encoding", "solver", "seconds", *(name for name in FOUND if name != "time"))
    return f"parameter {parameter}" if parameter in own else parameter


def check_kind(kind: str) -> None:
    """Refuse a table of a kind that cannot be written here, before any work is done.

    Raises
    ------
    UnsupportedError
        Parquet without pyarrow.
    """
    if kind == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise UnsupportedError(
                f"--table parquet needs pyarrow, which cannot be imported ({error}): {INSTALL}"
            ) from None


def write(table: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write a table as its suffix says: ``.csv`` or ``.parquet``."""
    fill = _parquet if path.suffix == ".parquet" else _csv
    return replace_file(path, lambda file: fill(table, file))


def _csv(table: Sequence[Mapping[str, Any]], file: IO[bytes]) -> None:
    text = io.StringIO()
    out = csv.DictWriter(text, list(table[0]) if table else [], lineterminator="\n")
    out.writeheader()
    out.writerows({name: "" if value is None else value for name, value in row.items()} for row in table)
    file.write(text.getvalue().encode())


def _parquet(table: Sequence[Mapping[str, Any]], file: IO[bytes]) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {}
    for name in table[0] if table else []:
        cells = [row[name] for row in table]
        kinds = {type(cell) for cell in cells if cell is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            cells = [None if cell is None else str(cell) for cell in cells]
        elif kinds == {int, float}:
            cells = [None if cell is None else float(cell) for cell in cells]
        columns[name] = cells
    pyarrow.parquet.write_table(pyarrow.table(columns), file)


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)
