"""Small bilevel problems with known answers; ``ALL`` lists them.

Every function declares one problem, its docstring is the mathematics. ``data/known_30.json`` holds thirty more from
the test suites and examples of other bilevel tools (each names its source), read by :func:`declare`.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg

Declared = tuple[kg.Bilevel, dict[str, kg.Affine]]


@dataclass(frozen=True, eq=False)
class Problem:
    """A bilevel problem and what is known of it.

    Parameters
    ----------
    name : str
    declare : callable
        Returns the problem and its quantities (variables, prices) by name.
    outcome : str
        ``"optimal"``, ``"infeasible"``, or ``"refused"`` (declaring it raises ProblemError).
    objective : float or None
        The leader's optimum, in the leader's own sense.
    point : mapping
        An optimal point: the value of every quantity.
    unique : tuple of str
        The quantities that are the same in every optimum.
    sizes : tuple of int
        Variables, equations and inequalities (bounds counted) of all followers.
    witness : tuple of str
        What the message of a refusal must name.
    tolerance, point_tolerance : float
        On the objective and on each quantity, relative to ``max(1, |value|)``. Objectives are flat around their
        optimum, so points are met less exactly.
    tags : tuple of str
    source : str
    """

    name: str
    declare: Callable[[], Declared]
    outcome: str = "optimal"
    objective: float | None = None
    point: Mapping[str, Any] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    sizes: tuple[int, int, int] = (0, 0, 0)
    witness: tuple[str, ...] = ()
    tolerance: float = 1e-6
    point_tolerance: float = 1e-3
    tags: tuple[str, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        return self.name

    def build(self) -> kg.Bilevel:
        """Return the problem."""
        return self.declare()[0]


ALL: list[Problem] = []


def problem(*, free: tuple[str, ...] = (), **known: Any) -> Callable[[Callable[[], Declared]], Callable[[], Declared]]:
    """Put a declaring function into ``ALL``; ``free`` names the quantities that differ between optima.

    Without a source the answer was derived by hand.
    """

    def enlist(declare: Callable[[], Declared]) -> Callable[[], Declared]:
        unique = tuple(name for name in known.get("point", {}) if name not in free)
        ALL.append(Problem(declare.__name__, declare, unique=unique, **{"source": "by hand", **known}))
        return declare

    return enlist


# -- one follower, linear ------------------------------------------------------------------------


@problem(
    objective=92 / 15, point={"x": 8 / 15, "y": 28 / 15}, sizes=(1, 0, 4), tags=("coupling",),
    source="Dempe, Foundations of Bilevel Programming, p. 25",
)  # fmt: skip
def handbook() -> Declared:
    """A coupling constraint cuts the leader's feasible set.

    ``min x + 3y,  y <= 5,  0 <= x <= 8;   y solves  max y,  x + y <= 8,  x + 4y >= 8,  x + 2y <= 13,  2y <= 7x``
    """
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    lower.minimize(-y)
    lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    return m, {"x": x, "y": y}


@problem(objective=2.0, point={"toll": 2.0, "road": 1.0}, sizes=(1, 0, 2), tags=("bilinear", "tie"))
def toll() -> Declared:
    """A toll of 2 leaves the driver indifferent, who then obliges the leader.

    ``max toll road,  0 <= toll <= 3;   road solves  min (toll - 2) road,  0 <= road <= 1``
    """
    m = kg.Bilevel("toll")
    price = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1)
    driver.minimize(price @ road - 2 * road)
    m.maximize(price @ road)
    return m, {"toll": price, "road": road}


@problem(
    objective=-1.0, point={"x": 1.0, "y": [1.0, 1.0]}, sizes=(2, 0, 3), tags=("degenerate", "quadratic leader"),
)  # fmt: skip
def degenerate() -> Declared:
    """Three rows meet in the follower's vertex (x, x): its multipliers are not unique.

    ``min x^2 - 2 y1,  0 <= x <= 2;   y solves  max y1 + y2,  y1 <= x,  y2 <= x,  y1 + y2 <= 2x``
    """
    m = kg.Bilevel("degenerate")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", 2)
    f.add(y <= x, name="each")
    f.add(y.sum() <= 2 * x, name="both")
    f.maximize(y.sum())
    m.minimize(x @ x - 2 * y[0])
    return m, {"x": x, "y": y}


@problem(
    objective=0.0, point={"x": 0.5, "y": [0.0, 1.0]}, sizes=(2, 1, 2), tolerance=1e-5,
    tags=("tie", "optimistic", "quadratic leader"),
)  # fmt: skip
def tie() -> Declared:
    """At x = 1/2 the follower is indifferent and the optimistic leader gets the better half.

    ``min (x - 1/2)^2 + y1,  0 <= x <= 1;   y solves  min x y1 + (1 - x) y2,  y1 + y2 = 1,  y >= 0``
    """
    m = kg.Bilevel("tie")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.add(y.sum() == 1, name="one")
    f.minimize(x @ y[0] + (1 - x) @ y[1])
    m.minimize((x - 0.5) @ (x - 0.5) + y[0])
    return m, {"x": x, "y": y}


@problem(objective=10.0, point={"x": 5.0, "y": 5.0}, sizes=(1, 0, 2), tags=("follower infeasible for some x",))
def out_of_reach() -> Declared:
    """Beyond x = 5 the follower has no feasible point, which keeps the leader below.

    ``max x + y,  0 <= x <= 10;   y solves  min y,  y >= x,  y <= 5``
    """
    m = kg.Bilevel("out_of_reach")
    x = m.var("x", lb=0, ub=10)
    f = m.follower("f")
    y = f.var("y", ub=5)
    f.add(y >= x, name="floor")
    f.minimize(y)
    m.maximize(x + y)
    return m, {"x": x, "y": y}


@problem(outcome="infeasible", sizes=(1, 0, 2), tags=("coupling",))
def coupling_infeasible() -> Declared:
    """The follower always answers y = 1; the leader wants y <= 1/2.

    ``min x,  y <= 1/2,  0 <= x <= 1;   y solves  max y,  0 <= y <= 1``
    """
    m = kg.Bilevel("coupling_infeasible")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.maximize(y)
    m.add(y <= 0.5, name="half")
    m.minimize(x)
    return m, {"x": x, "y": y}


@problem(
    objective=-3.0, point={"x": 1.0, "y": [2.0, 1.0]}, sizes=(2, 1, 2), tags=("fixed variable", "two-sided row"),
)  # fmt: skip
def fixed_variable() -> Declared:
    """A follower variable with equal bounds has one free multiplier; a row with two sides has two.

    ``min x - 2 y1,  1 <= x <= 2;   y solves  min -y1 + y2,  -1 <= y1 - y2 + x <= 2,  y2 = 1``
    """
    m = kg.Bilevel("fixed_variable")
    x = m.var("x", lb=1, ub=2)
    f = m.follower("f")
    y = f.var("y", 2, lb=[-np.inf, 1], ub=[np.inf, 1])
    f.add(kg.between(-1, y[0] - y[1] + x, 2), name="band")
    f.minimize(-y[0] + y[1])
    m.minimize(x - 2 * y[0])
    return m, {"x": x, "y": y}


# -- one follower, quadratic ---------------------------------------------------------------------


@problem(
    objective=2 / 3, point={"x": [4 / 3, -1 / 3], "y": [4 / 3, -1 / 3], "price": 0.0}, sizes=(2, 1, 0), tolerance=1e-5,
    tags=("QP follower", "free variables", "no pairs", "quadratic leader"),
)  # fmt: skip
def projection() -> Declared:
    """The follower projects x on a line: free variables, no inequality, so the KKT model is a convex QP.

    ``min (y1 - 2)^2 + x2^2 + (x1 - 1)^2;   y solves  min 1/2 |y - x|^2,  y1 + y2 = 1``
    """
    m = kg.Bilevel("projection")
    x = m.var("x", 2)
    f = m.follower("f")
    y = f.var("y", 2)
    line = f.add(y.sum() == 1, name="line")
    f.minimize(0.5 * ((y - x) @ (y - x)))
    m.minimize((y[0] - 2) ** 2 + x[1] ** 2 + (x[0] - 1) ** 2)
    return m, {"x": x, "y": y, "price": line.dual}


@problem(
    objective=2.0, point={"x": 1.0, "y": 1.0, "rent": -2.0}, sizes=(1, 0, 1), tolerance=1e-5,
    tags=("QP follower", "maximising follower", "multiplier in the leader's objective"),
)  # fmt: skip
def capacity_rent() -> Declared:
    """A maximising follower: the dual of its capacity row is -(4 - 2x), as its cost is minus its profit.

    ``max -rent x,  0 <= x <= 2;   y solves  max 4y - y^2,  y <= x (rent)``
    """
    m = kg.Bilevel("capacity_rent")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y")
    cap = f.add(y <= x, name="cap")
    f.maximize(4 * y - y @ y)
    m.maximize(-(cap.dual @ x))
    return m, {"x": x, "y": y, "rent": cap.dual}


@problem(
    objective=9.0, point={"units": 3, "y": 6.0}, sizes=(1, 0, 2), tags=("QP follower", "integer leader"),
)  # fmt: skip
def integer_leader() -> Declared:
    """The leader builds whole units of 2; with half a unit more it would earn 10.5.

    ``max 4y - 5 units,  units in {0..5};   y solves  min 1/2 (y - 7)^2,  0 <= y <= 2 units``
    """
    m = kg.Bilevel("integer_leader")
    units = m.var("units", lb=0, ub=5, kind="I")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.add(y <= 2 * units, name="cap")
    f.minimize(0.5 * (y - 7) ** 2)
    m.maximize(4 * y - 5 * units)
    return m, {"units": units, "y": y}


@problem(
    objective=2.0, point={"open": [0, 1], "y": [0.0, 3.0]}, sizes=(2, 1, 4),
    tags=("binary leader", "product with a binary"),
)  # fmt: skip
def open_roads() -> Declared:
    """The leader opens roads at a cost; the follower sends three units where it is cheapest.

    ``min y'(1, 1/3) + open'(2, 1),  open in {0, 1}^2;   y solves  min y1 + 2 y2,  y1 + y2 = 3,  0 <= y <= 3 open``
    """
    m = kg.Bilevel("open_roads")
    chosen = m.var("open", 2, kind="B")
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.add(y.sum() == 3, name="demand")
    f.add(y <= 3 * chosen, name="road")
    f.minimize(np.array([1.0, 2.0]) @ y)
    m.minimize(np.array([1.0, 1 / 3]) @ y + np.array([2.0, 1.0]) @ chosen)
    return m, {"open": chosen, "y": y}


@problem(
    objective=2**0.5, point={"x": 0.5**0.5, "y": 0.5**0.5}, sizes=(1, 0, 0), tolerance=1e-5,
    tags=("QP follower", "free variables", "quadratic leader row", "no pairs"),
)  # fmt: skip
def disc() -> Declared:
    """A quadratic leader row holds the follower's variable.

    ``max x + y,  x^2 + y^2 <= 1,  x >= 0;   y solves  min (y - x)^2``
    """
    m = kg.Bilevel("disc")
    x = m.var("x", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y")
    f.minimize((y - x) ** 2)
    m.add(x @ x + y @ y <= 1, name="disc")
    m.maximize(x + y)
    return m, {"x": x, "y": y}


@problem(objective=7.0, point={"x": [0.0, 2.0], "y": 4.0}, sizes=(1, 0, 2), tags=("SOS1 leader",))
def either_or() -> Declared:
    """Of two capacities the leader may buy only one; without the set it would earn 7.75.

    ``max 3y - x1 - 5/2 x2,  0 <= x <= 3,  x1 x2 = 0;   y solves  max y,  y <= x1 + 2 x2,  y <= 4``
    """
    m = kg.Bilevel("either_or")
    x = m.var("x", 2, lb=0, ub=3)
    f = m.follower("f")
    y = f.var("y", ub=4)
    f.add(y <= x[0] + 2 * x[1], name="cap")
    f.maximize(y)
    m.sos1([x[0], x[1]])
    m.maximize(3 * y - x[0] - 2.5 * x[1])
    return m, {"x": x, "y": y}


# -- prices --------------------------------------------------------------------------------------


def _market(name: str) -> tuple[kg.Bilevel, dict[str, kg.Affine]]:
    m = kg.Bilevel(name)
    p = m.var("offer", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = f.add(g.sum() == 100, name="balance")
    f.minimize(p @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, {"offer": p, "g": g, "price": balance.dual}


@problem(
    objective=1200.0, point={"offer": 20.0, "g": [60.0, 40.0, 0.0], "price": 30.0}, free=("offer",), sizes=(3, 1, 6),
    tolerance=1e-5, tags=("QP follower", "multiplier in the leader's objective"),
)  # fmt: skip
def market() -> Declared:
    """A producer offers 60 MW at a price; the market clears at least cost and pays the price of the balance.

    ``max (price - 10) g1,  0 <= offer <= 60;   g solves  min offer g1 + 20 g2 + 30 g3 + g2^2/10 + g3^2/20``
    with ``g1 + g2 + g3 = 100 (price)``, ``0 <= g <= (60, 40, 50)``. Any offer in [0, 30] leads to the optimum.
    """
    return _market("market")


@problem(
    objective=1140.0, point={"offer": 20.0, "g": [60.0, 40.0, 0.0], "price": 29.0}, free=("offer",), sizes=(3, 1, 6),
    tolerance=1e-5, tags=("QP follower", "multiplier in the leader's objective", "multiplier in a leader row"),
)  # fmt: skip
def price_cap() -> Declared:
    """The market with ``price <= 29``: the price may lie anywhere in [28, 30] at that dispatch, now in [28, 29]."""
    m, parts = _market("price_cap")
    m.add(parts["price"] <= 29, name="cap")
    return m, parts


# -- several followers ---------------------------------------------------------------------------


def _cournot(m: kg.Bilevel, tax: Any) -> Sequence[kg.Affine]:
    """Two firms with costs 1 and 2 sell into the inverse demand 10 - q1 - q2, paying a tax per unit."""
    firms = [m.follower(name) for name in ("firm1", "firm2")]
    q = [firm.var("q", lb=0) for firm in firms]
    for firm, own, cost in zip(firms, q, (1.0, 2.0), strict=True):
        firm.maximize((10 - q[0] - q[1] - cost - tax) @ own)
    return q


@problem(
    objective=17 / 3, point={"q1": 10 / 3, "q2": 7 / 3}, sizes=(2, 0, 2), tolerance=1e-5,
    tags=("two followers", "Nash", "QP follower", "no leader variable", "maximising follower"), source="Cournot 1838",
)  # fmt: skip
def cournot() -> Declared:
    """The Cournot equilibrium ``q_i = (a - 2 c_i + c_j) / (3 b)``, a = 10, b = 1, c = (1, 2); the leader only looks on.

    ``max q1 + q2;   q_i solves  max (a - b (q1 + q2) - c_i) q_i,  q_i >= 0``
    """
    m = kg.Bilevel("cournot")
    q = _cournot(m, 0.0)
    m.maximize(q[0] + q[1])
    return m, {"q1": q[0], "q2": q[1]}


@problem(
    objective=289 / 24, point={"tax": 17 / 4, "q1": 23 / 12, "q2": 11 / 12}, sizes=(2, 0, 2), tolerance=1e-5,
    tags=("two followers", "Nash", "QP follower", "bilinear", "maximising follower"), source="Cournot 1838, with a tax",
)  # fmt: skip
def cournot_tax() -> Declared:
    """The leader taxes both firms: ``q_i = (a - 2 c_i + c_j - tax) / (3 b)``, revenue ``tax (17 - 2 tax) / 3``.

    ``max tax (q1 + q2),  0 <= tax <= 10;   q_i solves  max (a - b (q1 + q2) - c_i - tax) q_i,  q_i >= 0``
    """
    m = kg.Bilevel("cournot_tax")
    tax = m.var("tax", lb=0, ub=10)
    q = _cournot(m, tax)
    m.maximize(tax @ (q[0] + q[1]))
    return m, {"tax": tax, "q1": q[0], "q2": q[1]}


@problem(
    objective=4.5, point={"price": 1.5, "y1": 2.5, "y2": 0.5}, sizes=(2, 0, 2), tolerance=1e-5,
    tags=("two followers", "QP follower", "bilinear", "maximising follower"),
)  # fmt: skip
def retail() -> Declared:
    """One price for two consumers; at prices above 2 the second buys nothing (local optimum 4).

    ``max price (y1 + y2),  0 <= price <= 5;   y_j solves  max (u_j - price) y_j - y_j^2 / 2,  y_j >= 0,  u = (4, 2)``
    """
    m = kg.Bilevel("retail")
    price = m.var("price", lb=0, ub=5)
    y = []
    for k, worth in enumerate((4.0, 2.0)):
        f = m.follower(f"consumer{k + 1}")
        y.append(f.var("y", lb=0))
        f.maximize((worth - price) @ y[k] - 0.5 * y[k] @ y[k])
    m.maximize(price @ (y[0] + y[1]))
    return m, {"price": price, "y1": y[0], "y2": y[1]}


# -- leader rows with products -------------------------------------------------------------------


@problem(
    objective=0.75, point={"toll": 0.75, "road": 4.0}, sizes=(1, 0, 2), tags=("bilinear row",),
)  # fmt: skip
def revenue_adequacy() -> Declared:
    """The smallest toll that earns 3: up to a toll of 2 all four trips are made.

    ``min toll,  toll road >= 3,  0 <= toll <= 3;   road solves  min (toll - 2) road,  0 <= road <= 4``
    """
    m = kg.Bilevel("revenue_adequacy")
    price = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=4)
    driver.minimize(price @ road - 2 * road)
    m.add(price @ road >= 3, name="revenue")
    m.minimize(price)
    return m, {"toll": price, "road": road}


@problem(
    objective=2.0, point={"subsidy": 3.0, "output": 2.0}, sizes=(1, 0, 2), tags=("bilinear row",),
)  # fmt: skip
def subsidy_budget() -> Declared:
    """A budget of 6 for a subsidy s to a firm that makes s - 1: (s - 1) s <= 6.

    ``max output,  subsidy output <= 6,  0 <= subsidy <= 9;   output solves  min y^2/2 + y - subsidy y,  0 <= y <= 10``
    """
    m = kg.Bilevel("subsidy_budget")
    subsidy = m.var("subsidy", lb=0, ub=9)
    firm = m.follower("firm")
    y = firm.var("output", lb=0, ub=10)
    firm.minimize(0.5 * (y @ y) + y - subsidy @ y)
    m.add(subsidy @ y <= 6, name="budget")
    m.maximize(y)
    return m, {"subsidy": subsidy, "output": y}


# -- refused -------------------------------------------------------------------------------------


@problem(outcome="refused", witness=("f", "y", "not convex"), tags=("nonconvex follower",))
def nonconvex_follower() -> Declared:
    """KKT points of ``min -y^2 + x y,  0 <= y <= 1`` need not be optimal."""
    m = kg.Bilevel("nonconvex_follower")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(x @ y - y @ y)
    return m, {"x": x, "y": y}


@problem(outcome="refused", witness=("f", "own multiplier", "row"), tags=("own multiplier",))
def own_price() -> Declared:
    """A follower takes its prices as given: its own multiplier cannot stand in its rows."""
    m = kg.Bilevel("own_price")
    f = m.follower("f")
    y = f.var("y", lb=0)
    need = f.add(y >= 1, name="need")
    f.add(y <= need.dual, name="row")
    f.minimize(y)
    return m, {"y": y}


# -- thirty problems of other tools --------------------------------------------------------------

KNOWN = Path(__file__).parent / "data" / "known_30.json"
INTEGER = "integer lower"
"""Tag of problems whose followers are integer, and so without KKT conditions: :data:`WHOLE`."""
LIFTED = "bilinear lower rows"
"""Tag of problems whose followers get columns and rows that the data do not name: :data:`PRODUCTS`."""
COMPARE = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}
FREE = {
    "jump_3SAT": tuple(f"y{letter}{k}" for letter in "ab" for k in range(1, 8)),
    "HTP_quad03_min": ("x2", "y2"),
    "issue144_min_max": ("y",),
}
"""Quantities of the thirty that differ between optima."""


def declare(data: Mapping[str, Any]) -> Declared:
    """Return a problem given in the form of ``known_30.json``."""
    m, names = kg.Bilevel(data["name"]), {}
    kinds = {"continuous": "C", "integer": "I", "binary": "B"}

    def variables(owner: Any, entries: list[dict[str, Any]]) -> None:
        for v in entries:
            lb, ub = (end if v[side] is None else v[side] for side, end in (("lb", -np.inf), ("ub", np.inf)))
            names[v["name"]] = owner.var(v["name"], lb=lb, ub=ub, kind=kinds[v["type"]])

    def expression(linear: Mapping[str, float], quadratic: list[Any], constant: float = 0.0) -> Any:
        terms = [value * names[word] for word, value in linear.items()]
        return kg.sum([*terms, *(value * (names[a] @ names[b]) for a, b, value in quadratic), constant])

    def rows(owner: Any, entries: list[dict[str, Any]]) -> dict[str | None, kg.Rows]:
        out: dict[str | None, kg.Rows] = {}
        for row in entries:
            left, name = expression(row["expr"], row.get("quadratic", [])), row.get("name")
            out[name] = owner.add(COMPARE[row["sense"]](left, row["rhs"]), name=name)
        return out

    def goal(owner: Any, sense: str, objective: Mapping[str, Any]) -> None:
        value = expression(objective["linear"], objective["quadratic"], objective["constant"])
        (owner.minimize if sense == "min" else owner.maximize)(value)

    variables(m, data["upper_vars"])
    parts = data.get("followers", [data])
    followers = [m.follower(f"lower{k + 1}" if len(parts) > 1 else "lower") for k in range(len(parts))]
    for owner, part in zip(followers, parts, strict=True):
        variables(owner, part["lower_vars"])
    made = [rows(owner, part["lower_cons"]) for owner, part in zip(followers, parts, strict=True)]
    for owner, part in zip(followers, parts, strict=True):
        goal(owner, part["sense_lower"], part["lower_obj"])
    for dual in data.get("lower_duals", []):
        names[dual["name"]] = price = made[dual["follower"]][dual["con"]].dual
        low, high = (end if dual[side] is None else dual[side] for side, end in (("lb", -np.inf), ("ub", np.inf)))
        m.add(kg.between(low, price, high), name=f"box_{dual['name']}")
    rows(m, data["upper_cons"])
    goal(m, data["sense_upper"], data["upper_obj"])
    return m, names


def _sizes(data: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return variables, equations and inequalities of the followers, counted in the data."""
    parts = data.get("followers", [data])
    variables = [v for part in parts for v in part["lower_vars"]]
    rows = [row for part in parts for row in part["lower_cons"]]
    equal = sum(row["sense"] == "==" for row in rows)
    bounds = sum(v[side] is not None for v in variables for side in ("lb", "ub"))
    return len(variables), equal, len(rows) - equal + bounds


def _known(data: Mapping[str, Any]) -> Problem:
    expected, tags = data["expected"], tuple(data["tags"])
    outcome, point = expected["status"], expected.get("solution", {})
    return Problem(
        data["name"], partial(declare, data), outcome, expected["upper_obj"], point,
        tuple(name for name in point if name not in FREE.get(data["name"], ())), _sizes(data), (),
        expected["tol"], tags=tags, source=data["source"],
    )  # fmt: skip


_THIRTY = [_known(data) for data in json.loads(KNOWN.read_text(encoding="utf-8"))["problems"]]
PRODUCTS = {problem.name: problem for problem in _THIRTY if LIFTED in problem.tags}
WHOLE = {problem.name: problem for problem in _THIRTY if INTEGER in problem.tags}
ALL += [problem for problem in _THIRTY if not {LIFTED, INTEGER} & {*problem.tags}]
