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

    See Also
    --------
    kktgen.Table : Its parts.

    Examples
    --------
    >>> import kktgen as kg
    >>> table = kg.Table("Profits", ("firm", "paper", "here"), (("north", "12.5", "12.5"), ("south", "7.0", "7.1")))
    >>> print(kg.Findings((table,), "data as published", compared=2, matched=1))
    data as published
    <BLANKLINE>
    Profits
    ------------------
    firm   paper  here
    ------------------
    north   12.5  12.5
    south    7.0   7.1
    <BLANKLINE>
    1 of 2 figures of the paper are met within its rounding (ties not counted)
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
        """Return the same as plain data, for JSON.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Findings((), "data calibrated").to_dict()
        {'tables': (), 'standing': 'data calibrated', 'compared': 0, 'matched': 0}
        """
        return asdict(self)
