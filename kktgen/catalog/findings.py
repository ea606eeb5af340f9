"""What a model's report is made of: printed tables, and what may be said of the data behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..wording import Table


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
