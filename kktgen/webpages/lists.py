"""Tables that sort by their headings and open their rows; one of a page also filters and keeps its state in the URL.

The table is whole in the HTML; the script beside this file reads it from there. A row is a ``tbody`` of its own: its
cells, and below them what it opens. ``data-v`` of a cell is what is sorted and filtered by where that is not its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from ..markup import Html, page, tag

FILTER = "filter"
"""Identifier of the box of the list that filters."""


@dataclass(frozen=True)
class Column:
    """A column of a list.

    Parameters
    ----------
    key : str
        By which a filter names it; empty of one that neither sorts nor filters.
    title, about : str
        Its heading, and what that means.
    number : bool
        Whether its cells stand to the right.
    pin : bool
        Whether it stays in sight where the table is wider than the window.
    """

    key: str
    title: str
    about: str = ""
    number: bool = False
    pin: bool = False

    @property
    def kind(self) -> str:
        """The classes of its cells."""
        return " ".join(["num"] * self.number + ["pin"] * self.pin)


@dataclass(frozen=True)
class Cell:
    """A cell: what is sorted and filtered by, and what is shown where that is something else."""

    value: Any
    shown: Any = None
    kind: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a list.

    Parameters
    ----------
    name : str
        Of which there is one in the list.
    cells : sequence of Cell
        One a column; the one of column ``opener`` opens the row.
    words : str
        What a word of the filter is looked for in, besides the cells' texts.
    more : mapping
        Values that a filter can name and no column shows.
    inner : Html
        What the row opens; nothing where there is none.
    """

    name: str
    cells: Sequence[Cell]
    words: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    inner: Html = Html("")


def listed(
    columns: Sequence[Column], rows: Iterable[Row], *, caption: str, opener: int = 0, main: bool = False
) -> Html:  # fmt: skip
    """Return a list; the main one of a page belongs to its box."""
    head = tag("thead", tag("tr", *(_heading(one) for one in columns)))
    rows = list(rows)
    kind = "list" if any(row.inner for row in rows) else "list plain"
    bodies = [_row(columns, row, opener) for row in rows]
    table = tag("table", tag("caption", caption), head, *bodies, kind=kind, id="list" if main else None)
    return tag("div", table, kind="scroll", tabindex=0, role="region", aria_label=caption)


def box(example: str, inner: Html) -> Html:
    """Return the box that filters, with what is said of it, and how to use it inside a fold."""
    field_ = Html(f'<input id="{FILTER}" type="search" autocomplete="off" spellcheck="false" placeholder="{example}"/>')
    label = tag("label", "Filter ", field_)
    said = tag("span", id="count", role="status", aria_live="polite")
    clear = tag("button", "Clear", type="button", id="clear")
    fold = tag("details", tag("summary", "How to filter and sort"), inner)
    return tag("div", tag("p", label, " ", clear, " ", said), tag("p", id="complaint", role="alert"), fold, kind="box")


def asks(text: str, words: str) -> Html:
    """Return a link that puts words into the box."""
    return tag("a", text, href=f"#q={quote(words)}")


def whole(title: str, *inner: Any) -> Html:
    """Return a page with lists."""
    nothing = tag("noscript", tag("p", "Sorting, filtering and opening of rows need JavaScript."))
    return page(title, nothing, *inner, style=_beside("lists.css"), script=_beside("lists.js"))


@cache
def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _heading(one: Column) -> Html:
    inner = tag("button", one.title, type="button", title=one.about or None) if one.key else tag("span", one.title)
    return tag("th", inner, kind=one.kind, scope="col", data_key=one.key or None)


def _row(columns: Sequence[Column], row: Row, opener: int) -> Html:
    cells = []
    for k, (column, cell) in enumerate(zip(columns, row.cells, strict=True)):
        shown = cell.value if cell.shown is None else cell.shown
        shown = "" if shown is None else shown
        value = "" if cell.value is None else str(cell.value)
        if k == opener and row.inner:
            shown = tag("button", shown, type="button", aria_expanded="false", kind="opens")
        kind = f"{column.kind} {cell.kind}".strip()
        same = not isinstance(shown, Html) and str(shown) == value
        cells.append(tag("td", shown, kind=kind, data_v=None if same and not column.number else value))
    first = tag("tr", *cells)
    below = tag("tr", tag("td", tag("div", row.inner, kind="inside"), colspan=len(columns)), kind="inner", hidden=True)
    more = orjson.dumps(dict(row.more)).decode() if row.more else None
    return tag(
        "tbody", first, below if row.inner else "", data_name=row.name, data_words=row.words or None, data_more=more
    )  # fmt: skip
