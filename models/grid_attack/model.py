"""An attacker cuts lines of a power grid so that its operator has to shed most.

Buses b of load d_b, plants i with largest outputs and costs c_i, lines l of limits L_l. The attacker is the leader, the
operator the follower who redispatches after the attack::

    max   sum_b s_b                            the load shed, or with worth > 0 the operator's cost
    s.t.  sum_l z_l <= k,  z binary            no more than k lines are cut

    (g, s, f, theta) in argmin  sum_b s_b      or  worth sum_b s_b + sum_i c_i g_i
        s.t.  sum_(i at b) g_i + s_b - sum_l A_bl f_l = d_b     the balance of every bus, A the incidence
              -L_l (1 - z_l) <= f_l <= L_l (1 - z_l)            a line that is cut carries nothing
              0 <= g_i <= most_i,  0 <= s_b <= d_b
        and with physics="dc"
              f_l = (theta_from(l) - theta_to(l)) / x_l   if z_l = 0      Kirchhoff's voltage law of the lines left
              theta_1 = 0,  -angle <= theta_b <= angle

``physics="transport"`` leaves the voltage law out, so flows go where they can. As attacker and operator want opposites,
the problem is a max-min problem: no tie among the operator's responses matters. The law of a line is a row with
``when=``; kktgen finds the constants.

What is simplified: only lines are attacked, each at the same effort (Salmeron, Wood & Baldick also attack buses,
substations and generators, and let repairs take different times); plants have no least output; one hour at the peak.
Lines without a limit in the table have that of ``free``.

Oracle: an LP for every set of k lines. RTS-24 sheds 0, 194 and 309 MW after 1, 2 and 3 cuts (transport).

Source: Salmeron, Wood, Baldick, "Analysis of electric grid security under terrorist threat", IEEE Transactions on Power
Systems 19(2), 2004, 905-912. Data: published grids, ``models/common/grids``, each file with its source; facts. Units:
100 MW; with ``worth`` 100 $/h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

grids = kg.beside(__file__, "../common/grids")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    case : str
        The grid: ``"case5"``, ``"case6ww"``, ``"case9"``, ``"case14"``, ``"rts24"``, ``"case30"``, ``"case39"``,
        ``"case57"`` or ``"case118"``.
    cuts : int
        Most lines that are cut.
    physics : str
        ``"transport"`` (balances and limits) or ``"dc"`` (and Kirchhoff's voltage law).
    worth : float
        Value of load shed in $/MWh, so that cost counts; 0 counts load shed only.
    load : float
        Load as a share of the table's.
    lines : float
        Limits of the lines as a share of the table's.
    free : float
        Limit in MW of lines that have none in the table.
    angle : float
        Largest angle of a bus in radians.
    """

    case: str = "rts24"
    cuts: int = 2
    physics: Literal["transport", "dc"] = "transport"
    worth: float = 0.0
    load: float = 1.0
    lines: float = 1.0
    free: float = 500.0
    angle: float = 0.6

    def __post_init__(self) -> None:
        for word, least in {"cuts": 0, "worth": 0, "load": 0, "lines": 0.01, "free": 1, "angle": 0.01}.items():
            grids.checked("grid_attack", getattr(self, word), least, word)
        if self.physics not in ("transport", "dc"):
            raise kg.ProblemError(f"grid_attack: physics is {self.physics!r}; give 'transport' or 'dc'")


class Game(kg.Bilevel):
    """The attack, a bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    grid : Grid
    cut : Affine (L,)
    shed, g, f : Affine (B,), (G,), (L,)
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("grid_attack")
        p = self.parameters = parameters
        k = self.grid = grids.grid(p.case, p.lines, p.free)
        load, lines = np.round(p.load * k.load, 9), {"line": k.line}
        self.cut = self.var("cut", kind="B", coords=lines)
        self.add(self.cut.sum() <= p.cuts, name="budget")
        operator = self.follower("operator")
        self.g = operator.var("g", lb=0, ub=k.most, coords={"plant": k.plant}, unit="100 MW")
        self.shed = operator.var("shed", lb=0, ub=load, coords={"bus": k.bus}, unit="100 MW")
        self.f = operator.var("f", coords=lines, unit="100 MW")
        operator.add(
            k.plants @ self.g + self.shed - k.incidence @ self.f == load, name="balance", coords={"bus": k.bus}
        )
        operator.add(self.f <= k.limit * (1 - self.cut), name="up")
        operator.add(-self.f <= k.limit * (1 - self.cut), name="down")
        if p.physics == "dc":
            theta = operator.var("theta", lb=-p.angle, ub=p.angle, coords={"bus": k.bus}, unit="rad")
            operator.add(theta[0] == 0, name="reference")
            operator.add((k.incidence.T @ theta) / k.x == self.f, when=~self.cut, name="law", coords=lines)
        cost = p.worth * self.shed.sum() + k.c @ self.g if p.worth else self.shed.sum()
        operator.minimize(cost)
        self.maximize(cost, unit="100 $/h" if p.worth else "100 MW")


def build(**parameters: Any) -> Game:
    """Return the attack for the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Game(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return which lines are cut and where load is shed.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game, sol = result.bilevel, result.solution
    if not hasattr(game, "cut"):
        raise kg.ProblemError(f"report: {game!r} was not made by grid_attack.build(...)")
    k = game.grid
    cut, shed = np.flatnonzero(np.round(sol[game.cut])), 100 * sol[game.shed]
    lines = tuple((k.line[j], f"{100 * k.limit[j]:.1f}") for j in cut)
    where = tuple((k.bus[b], f"{shed[b]:.1f}") for b in np.flatnonzero(shed > 1e-4))
    total = ("all", f"{shed.sum():.1f}")
    return kg.Findings(
        (kg.Table("Lines cut", ("line", "limit MW"), lines), kg.Table("Load shed", ("bus", "MW"), (*where, total))),
        f"grid data as published: {k.name}",
    )
