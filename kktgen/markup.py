"""Pieces of HTML: escaped text, tables, lists, and the frames around them: a card in a notebook, a page of its own.

Everything that is no :class:`Html` is escaped, so that names of variables may hold any character. Nothing is fetched
from anywhere. Colours follow the reader's light or dark setting, as everything is drawn in the colour of the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FIGURES = re.compile(r"[-+]?(\d[\d.]*(e[-+]?\d+)?|inf|nan|)")

CARD = """
.kktgen { --line: color-mix(in srgb, currentColor 22%, transparent);
  --faint: color-mix(in srgb, currentColor 7%, transparent); line-height: 1.45; max-width: 62rem }
.kktgen table { border-collapse: collapse; margin: .3em 0 .8em; font-size: .93em; color: inherit }
.kktgen caption { text-align: left; font-weight: 600; padding: .2em 0; caption-side: top }
.kktgen th, .kktgen td { padding: .16em 1.1em .16em 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); background: none; white-space: pre-wrap; overflow-wrap: break-word }
.kktgen th { font-weight: 600 } .kktgen .num { text-align: right; font-variant-numeric: tabular-nums }
.kktgen td.num { white-space: nowrap }
.kktgen .head { font-weight: 600; margin: .2em 0 } .kktgen p { margin: .3em 0 } .kktgen ul { margin: .2em 0 .6em }
.kktgen .claim { border-left: .35em solid var(--tone, currentColor); padding: .3em .8em; margin: .5em 0;
  background: var(--faint) }
.kktgen .good { --tone: #009e73 } .kktgen .part { --tone: #e69f00 } .kktgen .bad { --tone: #d55e00 }
.kktgen .wide { overflow-x: auto } .kktgen summary { cursor: pointer } .kktgen .quiet { opacity: .75 }
"""
"""Style of what a notebook shows."""
PAGE = """
:root { color-scheme: light dark }
body { background: Canvas; color: CanvasText; margin: 0; font: 16px/1.5 system-ui, sans-serif }
main { padding: 1.2rem clamp(1rem, 5vw, 4rem) 4rem; max-width: 62rem; margin: auto }
h1 { font-size: 1.7em; margin: .4em 0 .1em } h2 { font-size: 1.2em; margin: 2em 0 .3em; padding-bottom: .15em;
  border-bottom: 2px solid var(--line) }
pre { background: var(--faint); padding: .7em 1em; overflow-x: auto; font-size: .88em; line-height: 1.4 }
figure { margin: .6em 0 1.4em } figure svg { width: 100%; height: auto }
@media print { details > * { display: block } }
"""
"""Style of a page, besides that of what stands in it."""
CLOSED = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)
"""What makes a browser fetch nothing for a page, whatever stands in it."""


class Html(str):
    """Text that is HTML already."""


def text(value: Any) -> Html:
    """Return a value as HTML: escaped, but for what is HTML already; what no page can hold becomes U+FFFD."""
    return value if isinstance(value, Html) else Html(html.escape(text_only(value)))


def text_only(value: Any) -> str:
    """Return a value as the characters that a page can hold; the others become U+FFFD."""
    return _NO_TEXT.sub("\ufffd", str(value))


def tag(name: str, *inner: Any, kind: str = "", **attributes: Any) -> Html:
    """Return an element around texts and elements; ``kind`` is its class, ``data_x=1`` the attribute ``data-x``.

    Attributes that are None or False are left out; True is one without a value.
    """
    given = {"class": kind or None, **attributes}
    words = [f" {key.replace('_', '-')}" + ("" if value is True else f'="{html.escape(text_only(value))}"')
             for key, value in given.items() if value is not None and value is not False]  # fmt: skip
    return Html(f"<{name}{''.join(words)}>{''.join(map(text, inner))}</{name}>")


def bullets(items: Iterable[Any]) -> Html:
    """Return a list; nothing where there is nothing in it."""
    inner = [tag("li", item) for item in items]
    return tag("ul", *inner) if inner else Html("")


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]], caption: Any = "") -> Html:
    """Return a table, columns of numbers to the right; nothing where there are no rows."""
    rows = [list(row) for row in rows]
    if not rows:
        return Html("")
    kinds = ["num" if _numbers(row[k] for row in rows) else "" for k in range(len(header))]
    head = tag("tr", *(tag("th", word, kind=kind) for word, kind in zip(header, kinds, strict=True)))
    body = [tag("tr", *(tag("td", cell, kind=kind) for cell, kind in zip(row, kinds, strict=True))) for row in rows]
    parts = [tag("caption", caption)] if caption else []
    return tag("div", tag("table", *parts, tag("thead", head), tag("tbody", *body)), kind="wide")


def _numbers(cells: Iterable[Any]) -> bool:
    cells = [str(cell) for cell in cells]
    return any(cells) and all(_FIGURES.fullmatch(cell) for cell in cells)


def folded(summary: Any, *inner: Any) -> Html:
    """Return what is shown when the reader opens it; nothing where there is nothing inside."""
    shown = [text(part) for part in inner if part]
    return tag("details", tag("summary", summary), *shown) if shown else Html("")


def card(*inner: Any) -> Html:
    """Return what a notebook shows of an object: elements with their style."""
    return tag("div", tag("style", Html(CARD)), *inner, kind="kktgen")


def page(title: Any, *inner: Any, style: str = "", script: str = "") -> Html:
    """Return a page of its own, with more style and a script where there are some; it may fetch nothing."""
    head = [Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html(CLOSED) if script else "", tag("title", title), tag("style", Html(CARD + PAGE + style))]  # fmt: skip
    main = tag("main", *inner, kind="kktgen")
    body = tag("body", main, tag("script", Html(script)) if script else "")
    return Html(f'<!DOCTYPE html>\n<html lang="en">{tag("head", *head)}\n{body}</html>\n')
