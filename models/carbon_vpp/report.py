"""What comes out of the low-carbon pricing game: how VPPs run, emissions, the paper's claims, tables.

Every function takes the game (a ``Game`` of ``carbon_vpp``) or its data (a ``Case``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg
from kktgen.search import Responder

PRICES = Path(__file__).parent / "prices.json"
SHOWN = 6
"""Most VPPs shown one by one."""


@dataclass(frozen=True, eq=False)
class Operation:
    """How the VPPs run: series (N, T), charge (ch) and discharge (dis) net of each other like p and s, and costs (N,).

    ``carbon_price`` (N, days) is what one more tonne costs a VPP; None where it is not known.
    """

    p: np.ndarray
    s: np.ndarray
    g: np.ndarray
    ch: np.ndarray
    dis: np.ndarray
    soc: np.ndarray
    pv: np.ndarray
    wt: np.ndarray
    cl: np.ndarray
    cost: np.ndarray
    carbon_price: np.ndarray | None = None

    @property
    def net(self) -> np.ndarray:
        """Purchase less sale of every VPP (N, T) in MWh."""
        return self.p - self.s

    @property
    def import_(self) -> np.ndarray:
        """What the VPPs together take from the wholesale market (T,) in MWh, negative where they deliver."""
        return self.net.sum(axis=0)

    def renewables(self, data: Any) -> float:
        """Return the share of wind and sun that is used."""
        return float((self.pv + self.wt).sum() / sum((vpp.pv + vpp.wind).sum() for vpp in data.vpps))

    def emission(self, data: Any) -> tuple[float, float]:
        """Return accounted and physical emissions (t).

        Accounted as the VPPs are charged: traded energy counts for seller and buyer both. Physical: their own sources,
        and what they import together.
        """
        factor = data.carbon.emission
        storage = np.abs(self.ch - self.dis)
        own = factor["turbine"] * self.g + factor["pv"] * self.pv + factor["wind"] * self.wt
        own = float((own + factor["storage"] * storage).sum())
        accounted = own + factor["trade"] * float(np.abs(self.net).sum())
        return accounted, own + factor["trade"] * float(self.import_.clip(0).sum())


def operation(game: Any, read: Callable[[kg.Affine | kg.Quad], Any]) -> Operation:
    """Return how the VPPs run at a point that ``read`` takes values from."""
    words = [field.name for field in fields(Operation) if field.name != "carbon_price"]
    series = {word: np.array([read(getattr(plant, word)) for plant in game.plants]) for word in words}
    # the row reads emission - sum d = 0: one unit more on its right is one tonne less to pay for
    price = [-read(plant.account.dual) for plant in game.plants if plant.account is not None]
    return Operation(**series, carbon_price=np.array(price).reshape(len(game.plants), -1) if price else None)


def respond(game: Any, lp: np.ndarray, ls: np.ndarray) -> Operation:
    """Return how the VPPs run at given prices, (T,) or (N, T): one convex QP each.

    Raises
    ------
    SolverError
        A VPP's problem could not be solved.
    """
    if game.parameters.exclusive:  # the binary changes no response where check() passes
        game = type(game)(replace(game.parameters, exclusive=False))
    z = np.zeros(len(game.space))
    z[game.lp.cols], z[game.ls.cols] = np.broadcast_to(lp, game.lp.shape), np.broadcast_to(ls, game.ls.shape)
    found = Responder(game)(z)
    if found is None:
        raise kg.SolverError("carbon_vpp: a VPP's own problem could not be solved at these prices")
    return operation(game, lambda expr: expr.value(found))


def played(game: Any, solution: kg.Solution) -> Operation:
    """Return how the VPPs run at a solution of the game."""
    return operation(game, lambda expr: solution[expr])


def profit(data: Any, run: Operation, lp: np.ndarray, ls: np.ndarray) -> float:
    """Return what the DSO earns (kCNY) when the VPPs run like that at its prices."""
    market = data.buy @ run.import_.clip(0) - data.sell @ (-run.import_).clip(0)
    return float((lp * run.p - ls * run.s).sum() - market)


@dataclass(frozen=True, eq=False)
class _Line:
    """One case of the table of outcomes; ``dso`` is None where there is no DSO."""

    title: str
    data: Any
    run: Operation
    dso: float | None

    def cells(self) -> tuple[str, ...]:
        accounted, physical = self.run.emission(self.data)
        costs, price = self.run.cost, self.run.carbon_price
        single = [f"{cost:.3f}" for cost in costs] if len(costs) <= SHOWN else []
        carbon = "-" if price is None else " ".join(f"{c:.3f}" for c in price.ravel()[:SHOWN])
        return (
            self.title, "-" if self.dso is None else f"{self.dso:.5f}", *single, f"{costs.sum():.3f}",
            f"{accounted:.1f}", f"{physical:.1f}", f"{100 * self.run.renewables(self.data):.1f}",
            f"{self.run.import_.clip(0).sum():.1f}", carbon,
        )  # fmt: skip


def _without(game: Any) -> Operation:
    """Return how the VPPs run without the DSO: they trade at wholesale prices, each for itself."""
    return respond(game, game.case.buy, game.case.sell)


def _recorded(parameters: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the best prices lp, ls on record for these parameters; None where there are none."""
    for record in json.loads(PRICES.read_text(encoding="utf-8"))["cases"]:
        if type(parameters)(**record["parameters"]) == parameters:
            return np.array(record["lp"]), np.array(record["ls"])
    return None


def _other(game: Any) -> Any:
    """Return the game in which carbon is charged when it is not here, and not when it is; None where it is refused."""
    charged = not game.case.charged
    try:
        return type(game)(replace(game.parameters, carbon=charged), replace(game.case, charged=charged))
    except kg.ProblemError:
        return None


def _lines(game: Any, result: Any) -> dict[str, _Line]:
    """Return the cases to compare: with carbon charged and not, without the DSO, with it, and in the game."""
    sol, data, out = result.solution, game.case, {}
    for one, key in ((game, ""), (_other(game), "other ")):
        if one is None:
            continue
        word = f"carbon {'on' if one.case.charged else 'off'}, "
        alone = _without(one)
        out[key + "none"] = _Line(word + "no DSO", one.case, alone, None)
        flat = profit(data, alone, data.buy, data.sell)
        out[key + "flat"] = _Line(word + "DSO at wholesale prices", one.case, alone, flat)
        if one is game:
            out["game"] = _Line(word + "the game", data, played(game, sol), sol.objective)
        prices = (sol[game.lp], sol[game.ls]) if one is game else _recorded(one.parameters)
        if prices is not None:
            run = respond(one, *prices)
            title = word + ("its prices, VPPs asked again" if one is game else "the game (prices on record)")
            out[key + "again"] = _Line(title, one.case, run, profit(data, run, *prices))
    return out


def _outcomes(game: Any, result: Any, lines: dict[str, _Line]) -> kg.Table:
    names = [f"VPP{j + 1}" for j in range(len(game.plants))] if len(game.plants) <= SHOWN else []
    header = ("case", "DSO profit", *names, "all VPPs", "accounted t", "physical t", "RES %", "import MWh",
              "carbon price")  # fmt: skip
    value, again = result.solution.objective, lines["again"].dso
    bound = "none" if result.bound is None else f"{result.bound:.5f}"
    claim = getattr(result.report, "claim", "unverified")
    notes = [f"DSO profit {value:.5f} kCNY, proved upper bound {bound}; claim: {claim}"]
    reach = getattr(result.report, "range", None)
    if reach is not None:
        earned = f"{reach.worst:.5f} to {reach.best:.5f}"
        notes.append(f"at these prices the DSO earns {earned} as the VPPs break their ties")
    if again is not None and value - again > 1e-3 * max(1.0, abs(value)):
        notes.append(
            "VPPs asked again choose among responses of equal cost and not the DSO's: the value is optimistic"
            + ("; trade_quad = 0.002 makes the response unique" if not game.case.trade_quad else "")
        )
    notes.append("costs and profits in kCNY, carbon price in kCNY/t at the margin of each VPP; accounted emissions "
                 "charge a traded MWh to\nits seller and its buyer, physical ones count own sources and the imports "
                 "of all VPPs together")  # fmt: skip
    return kg.Table("Outcomes", header, tuple(line.cells() for line in lines.values()), "\n".join(notes))


def _claims(lines: dict[str, _Line]) -> kg.Table:
    """Return which claims of the paper hold on these data."""
    game, none = lines["game"], lines["none"]
    flat = lines["flat"].dso or 0.0
    saved = (none.run.cost - game.run.cost).round(4) + 0.0  # what a solver's tolerances move is no loss
    better = bool((saved >= 0).all()) and (game.dso or 0.0) >= flat - 1e-4
    body = [("win-win: the game serves the DSO and every VPP", f"DSO {flat:.3f} -> {game.dso:.3f} kCNY, VPPs save "
             + " ".join(f"{x:.3f}" for x in saved[:SHOWN]), _yes(better))]  # fmt: skip

    def compared(claim: str, before: _Line | None, after: _Line | None) -> None:
        if before is None or after is None:
            body.append((claim, "needs the other game's optimal prices; none on record for these parameters", "open"))
            return
        old, new = before.run.emission(before.data), after.run.emission(after.data)
        for k, kind in enumerate(("accounted", "physical")):
            body.append((f"{claim}: emission falls, {kind}", f"{old[k]:.1f} -> {new[k]:.1f} t", _yes(new[k] < old[k])))
        use = [100 * line.run.renewables(line.data) for line in (before, after)]
        body.append((f"{claim}: more renewables are used", f"{use[0]:.1f} -> {use[1]:.1f} %", _yes(use[1] > use[0])))

    charged = game.data.charged
    compared("the game", none, game)
    other, other_none = lines.get("other again"), lines.get("other none")
    pair = (other, lines["again"]) if charged else (lines["again"], other)
    compared("carbon price, with the DSO", *pair)
    compared("carbon price, without the DSO", *((other_none, none) if charged else (none, other_none)))
    note = "a VPP can repeat its schedule without the DSO at no greater cost: prices lie inside the wholesale prices"
    return kg.Table("Claims of the paper, on these data", ("claim", "figures", "holds"), tuple(body), note)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _prices(game: Any, solution: kg.Solution) -> kg.Table:
    """Return the DSO's prices beside the wholesale prices, by hour."""
    data, hours = game.case, len(game.case.hour)
    lp, ls = (np.atleast_2d(solution[expr])[:SHOWN] for expr in (game.lp, game.ls))
    names = [""] if len(lp) == 1 else [f" {j + 1}" for j in range(len(lp))]
    header = ("hour", "wholesale buy", *(f"buy{n}" for n in names), *(f"sell{n}" for n in names), "wholesale sell")
    columns = np.vstack([data.buy, lp, ls, data.sell])
    body = tuple((str(data.hour[t]), *(f"{x + 0.0:.3f}" for x in columns[:, t].round(3))) for t in range(hours))
    note = "prices of hours in which a VPP does not trade that way are arbitrary"
    return kg.Table("Prices at which the VPPs buy and sell (kCNY/MWh)", header, body, note)


def findings(result: Any, data: dict[str, Any]) -> kg.Findings:
    """Return the tables of a result of the game, and the standing of its data."""
    game = result.bilevel
    lines = _lines(game, result)
    rows = tuple((item, standing, value) for item, value, _, standing in data["provenance"])
    origin = kg.Table(
        "Data", ("item", "standing", "value"), rows, "where each comes from: provenance, in the data file"
    )
    tables = (_outcomes(game, result, lines), _claims(lines), _prices(game, result.solution), origin)
    return kg.Findings(tables, f"Data {data['standing']}")
