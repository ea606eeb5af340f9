"""Small bilevel problems of the literature, whose published values are held against proved ones.

Each problem stands in ``problems.json`` as it is read in its paper: goals and rows as text, ``"min -x - 3 y"`` and
``"x + 2 y <= 38"``, variables with their bounds, the published optimum and a point that attains it. In general::

    min_x,y  1/2 z'C z + c'z      s.t.  a'z <= b,   z = (x, y)          the leader; x may be integer or binary
             y_j solves  min 1/2 y_j'P y_j + (Q x + q)'y_j   s.t.  G y_j + H x <= h    follower j, an LP or a QP

Two problems put a price of a follower's row (its multiplier) into the leader's goal, and two have products of a binary
of the leader and a follower's variable in a follower's row.

What is wrong in what was published
-----------------------------------
* ``clark_westerberg_1990_31``: GAMS's EMP library (flds911) ends with -6, a local solution; the optimum is -13.
* ``shimizu_1997_1611`` and ``bard_1998_721`` are misprinted in their books (a row's sign, the sign of ``y``); BASBLib
  corrects them, and so does the file.
* ``aiyoshi_shimizu_1984_2``: BilevelJuMP's version has another constant (40 for 20), with the same optimum.
* ``min_max_bounds`` was answered 0 by a tool that forgot the multipliers of bounds; the optimum is 1.
* Not here, as its follower is integer: toyexample3 of PAO asserts -243.5 at a point where the follower would rather
  choose otherwise; -243.5 is an infimum that no point attains.

Sources: each entry names its own. The problems are facts of papers and books, collected in the tests of BilevelJuMP,
the examples of PAO, MibS and BASBLib, whose files are not copied. Nothing is simplified but this: upper bounds that
BASBLib adds to variables for its solver are left out where the paper has none.
"""

from __future__ import annotations

import json
import operator
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg

DATA = Path(__file__).parent / "problems.json"
COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}
KINDS = {"continuous": "C", "integer": "I", "binary": "B"}
TERM = re.compile(r"([+-]?)\s*(\d[\d.]*(?:e[+-]?\d+)?)?\s*([A-Za-z]\w*)?(?:\*([A-Za-z]\w*))?\s*")


@cache
def problems() -> dict[str, Any]:
    """Return the entries of ``problems.json`` by name."""
    return json.loads(DATA.read_text(encoding="utf-8"))["problems"]


@dataclass(frozen=True)
class Parameters:
    """What may be chosen.

    Parameters
    ----------
    problem : str
        Name of the problem in ``problems.json``: author, year and number of the example.
    """

    problem: str = "candler_townsley_1982"

    def __post_init__(self) -> None:
        if self.problem not in problems():
            raise kg.ProblemError(f"classics: no problem {self.problem!r}; there are: {', '.join(problems())}")


def expression(text: str, names: dict[str, kg.Affine]) -> Any:
    """Return what a text such as ``"2 x - 0.5 y*y + 3"`` says.

    Raises
    ------
    ProblemError
        Something that is no sum of numbers, variables and products of two of them, or an unknown variable.
    """
    terms, at = [], 0
    while at < len(text):
        found = TERM.match(text, at)
        if found is None or found.end() == at or not (found[2] or found[3]):
            raise kg.ProblemError(f"classics: cannot read {text[at:]!r} in {text!r}")
        number = float((found[1] or "") + (found[2] or "1"))
        unknown = [word for word in found.groups()[2:] if word and word not in names]
        if unknown:
            raise kg.ProblemError(f"classics: no variable {unknown[0]!r} in {text!r}; there are: {', '.join(names)}")
        factors = [names[word] for word in found.groups()[2:] if word]
        terms.append(
            number * factors[0] @ factors[1] if len(factors) == 2 else number * factors[0] if factors else number
        )
        at = found.end()
    return kg.sum(terms)


def _ends(low: float | None, high: float | None) -> tuple[float, float]:
    return -np.inf if low is None else low, np.inf if high is None else high


class Classic(kg.Bilevel):
    """A problem of the literature.

    Attributes
    ----------
    parameters : Parameters
    entry : dict
        Its entry in ``problems.json``.
    names : dict of str to Affine
        Variables and prices by their names in the entry.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters.problem)
        self.parameters, self.entry, self.names = parameters, problems()[parameters.problem], {}
        parts = self.entry["followers"]
        lower = [self.follower("lower" if len(parts) == 1 else f"lower{k + 1}") for k in range(len(parts))]
        for owner, part in [(self, self.entry["leader"]), *zip(lower, parts, strict=True)]:
            for name, (low, high, *kind) in part["variables"].items():
                lb, ub = _ends(low, high)
                self.names[name] = owner.var(name, lb=lb, ub=ub, kind=KINDS[kind[0] if kind else "continuous"])
        rows = {name: row for owner, part in zip(lower, parts, strict=True) for name, row in self._rows(owner, part)}
        for owner, part in zip(lower, parts, strict=True):
            self._goal(owner, part)
        for name, (row, low, high) in self.entry.get("prices", {}).items():
            self.names[name] = price = rows[row].dual
            lb, ub = _ends(low, high)
            self.add(kg.between(lb, price, ub), name=f"box_{name}")
        self._rows(self, self.entry["leader"])
        self._goal(self, self.entry["leader"])

    def _rows(self, owner: Any, part: dict[str, Any]) -> list[tuple[str, kg.Rows]]:
        """Add rows to the leader or a follower; return those with a name."""
        out = []
        for text in part["rows"]:
            name, _, said = text.rpartition(": ")
            left, sign, right = re.split(r"(<=|>=|==)", said)
            row = COMPARE[sign](expression(left.strip(), self.names), float(right))
            out.append((name, owner.add(row, name=name or None)))
        return [(name, row) for name, row in out if name]

    def _goal(self, owner: Any, part: dict[str, Any]) -> None:
        sense, _, said = part["goal"].partition(" ")
        (owner.minimize if sense == "min" else owner.maximize)(expression(said, self.names))


def build(**parameters: Any) -> Classic:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        No problem of that name.
    """
    return Classic(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the optimum and the point beside the published ones; a point may differ where there are several optima.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    """
    game = result.bilevel
    if not isinstance(game, kg.Bilevel) or not hasattr(game, "entry"):
        raise kg.ProblemError(f"report: {game!r} was not made by classics.build(...)")
    solution, entry = result.solution, game.entry
    lines = [("objective", f"{entry['published']:.6g}", f"{solution.objective:.6g}")]
    for name, value in entry["point"].items():
        lines.append((name, f"{value:.6g}", f"{float(np.round(solution[game.names[name]], 6)) + 0.0:.6g}"))
    met = abs(solution.objective - entry["published"]) <= 1e-4 * max(1.0, abs(entry["published"]))
    table = kg.Table(entry["source"], ("", "published", "here"), tuple(lines), entry.get("note", ""))
    return kg.Findings((table,), "data as published", compared=1, matched=int(met))
