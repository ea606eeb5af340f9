"""Reads HTML strictly: what is opened is closed, and nothing is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br"}
FETCHES = re.compile(r"https?:|url\((?!#)|@import|<(script|link|iframe|object|embed|img)\b", re.IGNORECASE)


class Strict(HTMLParser):
    """Keeps what is open, the names of all elements, their ids, and the text outside of styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [value for key, value in attrs if key in ("href", "xlink:href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(" ".join(self.words).split())


def read(html: str) -> Strict:
    """Return what is in a text of HTML that is well formed and fetches nothing."""
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert not (found := FETCHES.search(html)), html[max(0, found.start() - 80) : found.end() + 80]
    assert all(link.startswith("#") for link in parser.links)
    return parser
