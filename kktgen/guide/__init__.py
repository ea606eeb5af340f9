"""The guide: one Markdown page a topic, found by scanning this folder, shown by ``kktgen help``.

Takes: the name of a topic.
Gives: its page.
Must not know: how pages are printed.

A page is ``<topic>.md``: a title, then a paragraph whose first sentence says in one line what the page is about. Its
blocks of Python and its commands are run by the tests, and print what stands under them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import ProblemError
from ..wording import near

FOLDER = Path(__file__).parent
ORDER = (
    "start", "glossary", "prices", "encodings", "bounds", "claims", "proofs", "explain", "solvers", "time", "units",
    "files", "many", "switches", "curved", "integer_followers", "aligned", "pessimistic", "equilibria", "labels",
    "views", "neighbours", "levels", "models", "library", "instances", "speed", "benchmarks", "results", "coming_from",
)  # fmt: skip
"""Topics in the order in which they are best read; those that are not named here follow by name."""
LINK = re.compile(r"\[([^\]]+)\]\((\w+)\.md\)")
"""A link from one page to another."""


@dataclass(frozen=True)
class Page:
    """One page of the guide.

    Parameters
    ----------
    topic : str
        Name of the file without its suffix.
    text : str
        Markdown.
    """

    topic: str
    text: str

    @property
    def title(self) -> str:
        """The first line, without its mark."""
        return self.text.partition("\n")[0].removeprefix("# ").strip()

    @property
    def summary(self) -> str:
        """The first sentence below the title, in one line and without marks."""
        paragraph = self.text.partition("\n")[2].strip().partition("\n\n")[0]
        sentence = re.split(r"(?<=\.)\s", " ".join(LINK.sub(r"\1", paragraph).split()), maxsplit=1)[0]
        return re.sub(r"[`*]", "", sentence).rstrip(".:")

    @property
    def links(self) -> tuple[str, ...]:
        """Topics of the pages this one points to."""
        return tuple(match[2] for match in LINK.finditer(self.text))

    def for_terminal(self) -> str:
        """Return the text with links to other pages as the command that shows them."""
        return LINK.sub(r"`kktgen help \2`", self.text)


def topics() -> tuple[str, ...]:
    """Return the topics in the order in which they are best read."""
    found = sorted(path.stem for path in FOLDER.glob("*.md"))
    return tuple(sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)))


def page(topic: str) -> Page:
    """Return the page of a topic.

    Parameters
    ----------
    topic : str
        As :func:`topics` names it; blanks and hyphens count as underscores.

    Raises
    ------
    ProblemError
        There is no such page; those there are are named.
    """
    known, name = topics(), re.sub(r"[\s-]+", "_", topic.strip().lower()).removesuffix(".md")
    if name not in known:
        raise ProblemError(f"no page {topic!r}{near(name, known)}; there are {', '.join(known)}")
    return Page(name, (FOLDER / f"{name}.md").read_text(encoding="utf-8"))


def pages() -> tuple[Page, ...]:
    """Return all pages."""
    return tuple(map(page, topics()))
