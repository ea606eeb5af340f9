"""What a notebook shows of a problem: who decides what, under how many conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..markup import Html, card, table, tag
from .columns import Block

if TYPE_CHECKING:
    from .bilevel import Bilevel

SHOWN = 12
"""Followers, and variables of each, that are shown."""


def sizes(bilevel: Bilevel) -> Html:
    """Return a table of the leader and the followers: variables with shapes and units, columns, rows."""
    blocks = bilevel.space.blocks
    rows = []
    for name in ["", *(follower.name for follower in bilevel.followers[:SHOWN])]:
        own = [b for b in blocks if b.role in ("leader", "follower") and b.follower == name and b.index is None]
        words = [_declared(block) for block in own[:SHOWN]] + ["..."] * (len(own) > SHOWN)
        equal, more = (sum(b.stop - b.start for b in blocks if b.role == r and b.follower == name) for r in _PRICES)
        own_rows = len(bilevel.quads) + sum(map(len, bilevel.rows))
        count = f"{equal} equations, {more} inequalities and bounds" if name else f"{own_rows} rows"
        rows.append((name or "leader", ", ".join(words), sum(b.stop - b.start for b in own), count))
    more = len(bilevel.followers) - SHOWN
    rest = tag("p", f"and {more} more followers") if more > 0 else Html("")
    head = ("who", "variables", "columns", "conditions")
    return Html(table(head, rows) + rest)


_PRICES = ("lam", "mu")


def _declared(block: Block) -> str:
    shape = " x ".join(map(str, block.shape))
    return " ".join(part for part in (block.word, shape, f"({block.unit})" if block.unit else "") if part)


def sense(bilevel: Bilevel) -> str:
    """Return what the leader does, in words."""
    unit = f" ({bilevel.unit})" if bilevel.unit else ""
    return f"the leader {'minimises' if bilevel.sense > 0 else 'maximises'}{unit}"


def bilevel_html(bilevel: Bilevel) -> Html:
    """Return a problem as HTML."""
    count = len(bilevel.followers)
    words = f"{sense(bilevel)}, {count} follower{'' if count == 1 else 's'}, {len(bilevel.space)} columns"
    return card(tag("p", bilevel.name, kind="head"), tag("p", words), sizes(bilevel))
