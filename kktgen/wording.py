"""How messages and reports are worded: names close to a wrong one, first names of many, tables of text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FIGURE = "0123456789-"


@dataclass(frozen=True)
class Table:
    """A printed table: title, header, rows of text, and a note below.

    Columns of figures stand to the right, columns of words to the left.

    Examples
    --------
    >>> import kktgen as kg
    >>> print(kg.Table("Profits (EUR)", ("firm", "profit"), (("north", "12.5"), ("south", "7.0")), "both optimal"))
    Profits (EUR)
    -------------
    firm   profit
    -------------
    north    12.5
    south     7.0
    both optimal
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


def near(name: str, known: Iterable[str], most: int = 2) -> str:
    """Return ``" (did you mean ..?)"`` when known names look like the name, else nothing."""
    matches = difflib.get_close_matches(name, tuple(known), n=most, cutoff=0.75)
    return f" (did you mean {' or '.join(matches)}?)" if matches else ""


def first_names(names: Sequence[str], shown: int = 3, count: int | None = None) -> str:
    """Return e.g. ``a, b, c and 7 more``.

    Parameters
    ----------
    names : sequence of str
        The first ones at least.
    shown : int
        How many are named.
    count : int, optional
        How many there are; as many as were given by default.
    """
    more = (len(names) if count is None else count) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
