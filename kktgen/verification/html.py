"""What a notebook shows of a report: the claim in words, why, and the conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..markup import Html, bullets, card, folded, table, tag, text

if TYPE_CHECKING:
    from .report import Report

WORDS = {
    "optimal": "the point is bilevel-feasible, and no other is better by more than the gap",
    "bilevel-feasible": "every condition holds, every follower's response is optimal; better points may exist",
    "pessimistic optimal": "however followers break ties, the value is this, and none is better by more than the gap",
    "pessimistic bracket": "however followers break ties, the value is this; the best such value lies up to the bound",
    "equilibrium verified": "nobody optimises the whole; every condition holds, every response is optimal",
    "unverified": "there is no point, or a condition fails",
    "infeasible": "the solver proved a model infeasible that is the problem exactly",
}
"""What each claim says."""
TONES = {
    "optimal": "good",
    "equilibrium verified": "good",
    "pessimistic optimal": "good",
    "pessimistic bracket": "part",
    "bilevel-feasible": "part",
    "unverified": "bad",
    "infeasible": "bad",
}


def claim_html(report: Report) -> Html:
    """Return the claim in words, the numbers it is about, and the reasons."""
    from .report import unattained

    words = [tag("p", tag("strong", report.claim), f": {WORDS[report.claim]}")]
    words += [tag("p", "; ".join(report.figures))] if report.figures else []
    if why := unattained(report):
        words.append(tag("p", f"attained: {why}"))
    return tag("div", *words, bullets(report.reasons), kind=f"claim {TONES[report.claim]}")


def conditions_html(report: Report) -> Html:
    """Return the table of conditions, and the range where there is one."""
    from .report import implied

    shown, left = report.shown
    rows = [(c.name, f"{c.value:.1e}", f"{c.tolerance:.0e}", c.verdict, c.place) for c in shown]
    more = tag("p", f"{left} more lines, of other followers", kind="quiet") if left else Html("")
    ties = Html("") if report.range is None else tag("p", f"range: {report.range}")
    if said := implied(report):
        ties = Html(ties + tag("p", said))
    return Html(table(("condition", "residual", "tolerance", "", "where"), rows) + more + ties)


def report_html(report: Report) -> Html:
    """Return a report as HTML."""
    failing = len(report.failing)
    held = f"{len(report.lines)} conditions" + (f", {failing} of them fail" if failing else ", all of them hold")
    return card(
        tag("p", report.name, kind="head"), claim_html(report), folded(text(held), conditions_html(report))
    )  # fmt: skip
