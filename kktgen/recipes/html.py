"""What a notebook shows of a result and of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..markup import Html, bullets, card, folded, table, tag
from ..model.html import short_values
from ..verification.html import claim_html, conditions_html

if TYPE_CHECKING:
    from .explain.explanation import Explanation
    from .pipeline import Result


def times_html(seconds: Mapping[str, float]) -> Html:
    """Return the wall time of every stage as a table."""
    rows = [*((stage, f"{spent:.2f}") for stage, spent in seconds.items()), ("all", f"{sum(seconds.values()):.2f}")]
    return table(("stage", "seconds"), rows)


def result_html(result: Result) -> Html:
    """Return a result as HTML: outcome, claim, values, and, folded, conditions and times."""
    solution, report = result.solution, result.report
    values = Html("") if solution.z is None else short_values(solution.model.space, solution.z)
    return card(
        tag("p", f"{result.bilevel.name}: {solution.headline}", kind="head"), claim_html(report), values,
        folded("conditions", conditions_html(report)), folded("time", times_html(result.seconds)),
    )  # fmt: skip


def explanation_parts(found: Explanation, meaning: str) -> Html:
    """Return what an explanation says, without a frame."""
    tone = "good" if found.kind == "feasible" else "part" if found.kind == "unknown" else "bad"
    said = [*found.sentences, *([str(found.attained)] if found.attained is not None else [])]
    claim = tag("div", tag("p", tag("strong", found.kind), f": {meaning}"), bullets(said), kind=f"claim {tone}")
    tables = [Html(table(t.header, t.rows, t.title) + (tag("p", t.note, kind="quiet") if t.note else ""))
              for t in found.tables]  # fmt: skip
    return Html(claim + "".join(tables) + bullets(found.notes))


def explanation_html(found: Explanation, meaning: str) -> Html:
    """Return an explanation as HTML."""
    return card(tag("p", found.name, kind="head"), explanation_parts(found, meaning))
