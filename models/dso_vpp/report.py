"""The published tables beside ours: profits, what VPPs do differently, prices."""

from __future__ import annotations

from typing import Any

import numpy as np

import kktgen as kg

SHOWN = 6
"""Most VPPs a report shows one by one."""


def findings(result: Any, one: Any, two: Any, published: dict[str, Any]) -> kg.Findings:
    """Return the tables of a result; ``one`` and ``two``: how the VPPs run in either mode; ``published``: the paper."""
    game, check = result.bilevel, _Check()
    shown = range(min(SHOWN, len(game.plants)))
    tables = [_profits(game, result, one, two, check, published)]
    tables += [_changes(game, j, one, two, check, published) for j in shown]
    tables.append(_prices(game, result.solution))
    return kg.Findings(tuple(tables), compared=check.compared, matched=int(check.matched))


class _Check:
    """Formats figures, and counts those of the paper that are met within half a unit of their last printed digit."""

    def __init__(self) -> None:
        self.compared = self.matched = 0

    def beside(self, ours: float, paper: float | None, digits: int, tie: bool = False) -> tuple[str, str]:
        """Return our figure and the paper's as text; a tie is neither printed nor counted."""
        if paper is not None and not tie:
            self.compared += 1
            self.matched += abs(ours - paper) <= 0.55 * 10.0**-digits
        return "tie" if tie else _text(ours, digits), "-" if paper is None else _text(paper, digits)


def _text(value: float, digits: int) -> str:
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def _profits(game: Any, result: Any, one: Any, two: Any, check: _Check, published: dict[str, Any]) -> kg.Table:
    """Return Table II: what everyone earns in either mode, in k EUR."""
    data, sol = game.case, result.solution
    paper = published["table_II"] if game.parameters.published else None
    names = [f"VPP{j + 1}" for j in range(len(data.vpps))]
    rows = [(name, -one.cost[j], -two.cost[j]) for j, name in enumerate(names[:SHOWN])]
    if len(names) > SHOWN:
        rows.append((f"all {len(names)} VPPs", -one.cost.sum(), -two.cost.sum()))
    rows.append(("DSO", None, sol.objective))
    before = (data.buy * one.purchase - data.sell * one.sale).sum()
    rows.append(("wholesale", before, data.buy @ sol[game.dp] - data.sell @ sol[game.ds]))
    body = []
    for name, *values in rows:
        line = [name]
        for mode, value in zip(("mode1", "mode2"), values, strict=True):
            cells = ("-", "-") if value is None else check.beside(value / 10, paper and paper[mode].get(name), 3)
            line += cells if paper else cells[:1]
        body.append(tuple(line))
    header = ("", "Mode 1", "paper", "Mode 2", "paper") if paper else ("", "Mode 1", "Mode 2")
    bound = "none" if result.bound is None else f"{result.bound / 10:.5f}"
    claim = getattr(result.report, "claim", "unverified")
    note = f"DSO profit {sol.objective / 10:.5f}, proved upper bound {bound}; claim: {claim}"
    return kg.Table("Table II: costs and profits (k EUR)", header, tuple(body), note)


DIFFERENCES = (("purchase", "purchase", 2), ("sale", "sale", 2), ("turbine", "g", 2), ("wind", "w", 2))
NOTE = """purchase and sale are net of each other, as trading both ways at one price costs nothing; a figure is met
within 0.55 of its last printed digit, for halves such as 47.5 are rounded either way."""
TIE = """
tie: where the wholesale pays 0, surplus wind may be sold or curtailed at the same cost; the paper's figure is one of
many and is not reproduced"""


def _changes(game: Any, j: int, one: Any, two: Any, check: _Check, published: dict[str, Any]) -> kg.Table:
    """Return what VPP j does differently in Mode 2, by hour (Tables III to V of the paper)."""
    data = game.case
    number = ("III", "IV", "V")[j] if game.parameters.published else ""
    paper: dict[str, Any] = published[f"table_{number}"] if number else {}
    free = data.sell == 0.0
    change = {word: getattr(two, word)[j] - getattr(one, word)[j] for _, word, _ in DIFFERENCES}
    soc = {"soc_mode2": 100 * two.soc[j], "soc_mode1": 100 * one.soc[j]}
    moved = np.abs(soc["soc_mode2"] - soc["soc_mode1"]) > 0.55
    for word, values in change.items():
        moved |= (np.abs(values) > 0.0055) & ~(free & (word in ("sale", "w")))
    if paper:
        moved |= np.isin(data.hour, paper["hours"])
    body, header = [], ["hour"]
    for title in (*(title for title, _, _ in DIFFERENCES), "SoC Mode 2", "SoC Mode 1"):
        header += [title, "paper"] if paper else [title]
    for t in np.flatnonzero(moved):
        line = [str(data.hour[t])]
        at = paper["hours"].index(data.hour[t]) if paper and data.hour[t] in paper["hours"] else None
        figures = [(word, values[t], 2, bool(free[t]) and word in ("sale", "w")) for word, values in change.items()]
        figures += [(word, values[t], 0, False) for word, values in soc.items()]
        for word, value, digits, tie in figures:
            cells = check.beside(value, None if at is None else paper[word][at], digits, tie)
            line += cells if paper else cells[:1]
        body.append(tuple(line))
    title = f"VPP{j + 1}, Mode 2 less Mode 1 (MWh, MW) and state of charge (%), hours that differ"
    note = NOTE + (TIE if free[moved].any() else "") if body else "no hour differs"
    return kg.Table(f"Table {number}: {title}" if number else title, tuple(header), tuple(body), note)


def _prices(game: Any, solution: kg.Solution) -> kg.Table:
    """Return the DSO's prices beside the wholesale prices, by hour."""
    data = game.case
    columns = (data.buy, solution[game.lp], solution[game.ls], data.sell)
    body = tuple((str(hour), *(_text(column[t], 3) for column in columns)) for t, hour in enumerate(data.hour))
    header = ("hour", "wholesale buy", "VPP buys at", "VPP sells at", "wholesale sell")
    note = "prices of hours in which nobody trades that way are arbitrary"
    return kg.Table("Prices (100 EUR/MWh)", header, body, note)
