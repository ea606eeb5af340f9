"""What a model's report is made of: printed tables, and what may be said of the data behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_FIGURE = "0123456789-"


@dataclass(frozen=True)
class Table:
    """A printed table: title, header, rows of text, and a note below.

    Columns of figures stand to the right, columns of words to the left.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.header))]
        figures = [all(line[k][:1] in _FIGURE or line[k] == "tie" for line in self.rows) for k in range(len(widths))]
        adjust = [str.rjust if figure else str.ljust for figure in figures]
        text = ["  ".join(put(c, w) for put, c, w in zip(adjust, line, widths, strict=True)) for line in lines]
        rule = "-" * len(text[0])
        parts = [self.title, rule, text[0].rstrip(), rule, *(line.rstrip() for line in text[1:])]
        return "\n".join([*parts, *([self.note] if self.note else [])])


@dataclass(frozen=True)
class Findings:
    """The tables of a report.

    Parameters
    ----------
    tables : tuple of Table
    standing : str
        What the data are (published, reconstructed, calibrated); printed first.
    compared, matched : int
        Figures of the paper that were compared, and those met within its rounding.
    """

    tables: tuple[Table, ...]
    standing: str = ""
    compared: int = 0
    matched: int = 0

    def __str__(self) -> str:
        count = f"{self.matched} of {self.compared} figures of the paper are met within its rounding (ties not counted)"
        head, tail = [self.standing] if self.standing else [], [count] if self.compared else []
        return "\n\n".join([*head, *map(str, self.tables), *tail])

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain lists and strings, for JSON."""
        return asdict(self)
