"""``catalogue.html``: the list of instances, what each of them is, the mathematics of their models."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from .. import catalog
from ..catalog.schema import GRADES
from ..errors import KktgenError
from ..library import forms, stored
from ..library.features import MEANINGS
from ..markup import Html, bullets, folded, table, tag
from .downloads import Downloads
from .facts import Facts
from .lists import Cell, Column, Row, asks, box, listed, whole
from .opened import canvas, inner

NAME = "catalogue.html"
COLUMNS = (
    Column("", "picture", "where the problem has entries"), Column("family", "family", "the model, or the folder"),
    Column("case", "case", "opens what is known of the instance", pin=True),
    Column("grade", "grade", "trivial: proved in 1 s by the default recipe, easy: in 60 s, hard: proved, open: not"),
    Column("class", "class", "class code, kktgen help library"),
    Column("n_x", "n_x (B_u, I_u)", "leader's variables, of them binary and integer", True),
    Column("followers", "followers", "how many there are", True),
    Column("n_y", "n_y", "followers' variables", True), Column("m_u", "m_u", "leader's rows", True),
    Column("m_l", "m_l", "followers' rows, without bounds", True),
    Column("coupling", "coupling", "leader's rows that hold followers' variables or prices", True),
    Column("links", "links", "leader's variables that followers see", True),
    Column("pairs", "pairs", "complementarity pairs", True), Column("features", "features", "what is special about it"),
    Column("sense", "sense"), Column("value", "value", "the best known one", True),
    Column("bound", "bound", "what is proved of any value", True),
    Column("gap", "gap", "distance of value and bound, relative to max(1, |value|)", True),
    Column("claim", "claim", "what may be said of the value, kktgen help claims"),
    Column("by", "by", "the run or proof that the value rests on"), Column("when", "when", "date of that run"),
    Column("seconds", "seconds", "of that run", True), Column("files", "files", "how many are stored"),
)  # fmt: skip
"""The columns of the list."""
INKS = (
    ("row", "rows"), ("hessian", "followers' Hessians"), ("product", "leader's times followers' variables in a cost"),
    ("border", "left of it and above it what is the leader's"),
)  # fmt: skip
"""What the colours of a picture mean."""


def page(told: Sequence[Facts], downloads: Downloads, results: str) -> Html:
    """Return the page of some instances; ``results`` is the name of the page of results."""
    rows = [_row(facts, downloads) for facts in told]
    families = len({facts.entry["family"] for facts in told})
    counts = {grade: sum(facts.entry["grade"] == grade for facts in told) for grade in (*GRADES, "")}
    graded = [Html(f"{count} {asks(grade, f'grade={grade}')}") for grade, count in counts.items() if grade and count]
    graded += [Html(f"{counts['']} not graded yet")] if counts[""] else []
    title = "Instances of bilevel problems with convex-QP followers"
    intro = f"{len(told)} instances in {families} famil{'y' if families == 1 else 'ies'}: "
    named = [(facts.name, facts.entry) for facts in told]
    lists = [
        downloads.link("kktgen.solu", forms.solu_text(named).encode(), "kktgen.solu", "values, as MIPLIB's .solu"),
        downloads.link("catalogue.csv", forms.csv_text(named).encode(), "catalogue.csv", "sizes and values"),
    ]  # fmt: skip
    nav = tag("nav", tag("a", "Results of runs", href=results), *lists, tag("a", "Models", href="#models"))
    return whole(
        title, tag("h1", title), nav, tag("p", intro, Html(", ".join(graded)), "."), _legend(), box(EXAMPLE, _help()),
        listed(COLUMNS, rows, caption="Instances", opener=2, main=True), _models(told),
    )  # fmt: skip


EXAMPLE = "lasso   grade=open n_y&gt;500   binary-leader   LC?L"
"""What the empty box shows."""


def _legend() -> Html:
    inks = [Html(tag("i", kind="ink", style=f"background: var(--{ink})") + tag("span", what)) for ink, what in INKS]
    return tag("p", "Pictures of the structure:", *inks, kind="quiet")


def _help() -> Html:
    words = sorted({column.key for column in COLUMNS if column.key} | set(MORE))
    rows = [(asks(text, text), what) for text, what in SHOWN]
    return Html(
        tag("p", "Words stand for what a row says; all of them must fit. A click on a heading sorts, another one turns "
            "the order round; a click on a row opens it. The address in the browser keeps all of this.")
        + table(("filter", "shows"), rows) + tag("p", "Names of numbers and words: ", ", ".join(words), ".")
        + folded("Features", bullets(Html(asks(word, word) + f": {what}") for word, what in MEANINGS.items()))
    )  # fmt: skip


SHOWN = (
    ("lasso", "rows in which this stands, inside a longer word as well"),
    ("grade=open n_y>500", "both hold; also < <= >= !=, and several values: grade=hard,open"),
    ("binary-leader -coupling", "leaders with binaries, no coupling rows: - in front means not"),
    ("LC?L", "class codes that begin so, ? for any letter; also class=??n"),
    ("status=published", "data as they were printed"),
)
"""Examples of filters."""
MORE = ("B_u", "I_u", "m_link", "alpha", "prices", "columns", "status", "tags")
"""What a filter can name besides the columns."""


def _row(facts: Facts, downloads: Downloads) -> Row:
    entry, record = facts.entry, facts.record
    links = _links(facts, downloads)
    by, value, when, code = record.get("by"), entry["value"], record.get("date"), entry.get("class")
    shown = {key: entry.get(key) for key in ("followers", "n_y", "m_u", "m_l", "m_coup", "n_link", "pairs")}
    x, binary, whole_ = (entry.get(key) for key in ("n_x", "B_u", "I_u"))
    cells = [
        Cell(None, canvas(facts)), Cell(entry["family"]), Cell(entry["case"]),
        Cell(entry["grade"], kind=f"grade {entry['grade']}"), Cell(code, code and tag("code", code)),
        Cell(x, None if x is None else f"{x} ({binary}, {whole_})"), *map(Cell, shown.values()),
        Cell(" ".join(facts.features), kind="wrap"), Cell(entry["sense"]), Cell(value, _number(value)),
        Cell(entry["bound"], _number(entry["bound"])), Cell(facts.gap, _number(facts.gap, ".1g")), Cell(entry["claim"]),
        Cell(by, by and tag("span", by, title=by), "clip"), Cell(None if when is None else str(when)),
        Cell(record.get("seconds")), Cell(len(facts.stored), Html(" ".join(links)) if links else "-"),
    ]  # fmt: skip
    more: dict[str, Any] = {
        "B_u": binary, "I_u": whole_, "m_link": entry.get("m_link"), "alpha": entry.get("alpha"),
        "prices": entry.get("priced"), "columns": entry.get("columns"), "status": entry["status"],
        "tags": " ".join(entry["tags"]),
    }  # fmt: skip
    words = " ".join([entry["description"], facts.model])
    return Row(facts.name, cells, words, _there(more), inner(facts))


def _there(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: "" if value is None else value for key, value in values.items()}


def _number(value: float | None, form: str = ".8g") -> str | None:
    return None if value is None else format(value, form)


def _links(facts: Facts, downloads: Downloads) -> list[Html]:
    """Return the links to what is stored of an instance."""
    labels = {stored.BUNDLE: "problem", stored.POINT: "point", stored.PROOF: "proof"}
    return [
        downloads.link(
            f"{facts.name}{end}", path.read_bytes(), labels[end], f"{path.name}, {path.stat().st_size / 1000:.1f} kB"
        )
        for end, path in facts.stored.items()
    ]  # fmt: skip


def _models(told: Sequence[Facts]) -> Html:
    """Return the docstrings of the models, each in a fold that rows point to."""
    out = [tag("h2", "Models", id="models")]
    for model, target in sorted({facts.model: facts.instance.model for facts in told if facts.model}.items()):
        text = docstring(target)
        first = tag("summary", tag("b", model), ": ", text.partition("\n")[0])
        ask = tag("p", asks(f"the instances of {model}", f"family={model}"))
        out.append(tag("details", first, ask, tag("pre", text), id=f"model-{model}"))
    return Html("".join(out))


def docstring(model: str) -> str:
    """Return the docstring of a model without running it; empty where there is none."""
    try:
        path = catalog.places.model_path(model)
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except (KktgenError, OSError, SyntaxError, UnicodeDecodeError):
        return ""
