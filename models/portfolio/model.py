"""A broker sets fees on assets; investors hold the portfolios that suit them at these fees.

The broker chooses the fee f_i of each asset i (percent a period) and, if asked, which assets are on offer at all, at
most ``offers`` of n. Investor k, one follower each, splits its wealth over assets s_i and cash by mean and variance::

    max_f,o  sum_k f's_k        s.t.  0 <= f <= cap,   sum o <= offers,   o in {0, 1}^n
             s_k solves  min  1/2 r_k s'S s - m's + f's    s.t.  sum s + cash = 1,  s, cash >= 0,  s_i = 0 if o_i = 0

S is the covariance matrix and m the mean of the returns, r_k the risk aversion of investor k. What the broker earns is
a product of fee and holding that every investor pays, so it is eliminated exactly: with one investor and all assets on
offer the problem becomes convex and is trivial; several investors of different risk aversion and ``offers`` make it
hard. Where no bound binds, ``r S s = m - f`` and one investor's best fee is half the return m, as for a monopolist.

Data: returns of twelve assets in 62 periods (``returns.json``), in percent, so that objectives are of size one. Mean
and covariance are computed in whole numbers, the covariance rounded to six decimals: the same on every CPU.

Source: M. Leal, D. Ponce, J. Puerto, Portfolio problems with two levels decision-makers: optimal portfolio selection
with pricing decisions on transaction costs, European J. Operational Research 284 (2020) 712-727. Returns: MacMPEC (S.
Leyffer), portfl1 to portfl4 and portfl6, which share them; facts. Simplified: the paper's investors minimise
conditional value at risk over scenarios and fees are proportional; here risk is variance, and wealth is one for every
investor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg

DATA = Path(__file__).parent / "returns.json"
summary = kg.beside(__file__, "../common/summary")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    assets : int
        The first assets of twelve.
    risks : list of float
        Risk aversion of every investor (per percent).
    cap : float
        Largest fee (percent a period).
    offers : int or None
        At most so many assets are on offer; none: all are.
    """

    assets: int = 12
    risks: tuple[float, ...] = (0.1,)
    cap: float = 2.0
    offers: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.assets <= 12:
            raise kg.ProblemError(f"portfolio: assets is {self.assets}; give 1 to 12")
        if not self.risks or min(self.risks) <= 0:
            raise kg.ProblemError(f"portfolio: risks are {self.risks}; give at least one, all positive")
        if self.offers is not None and not 1 <= self.offers <= self.assets:
            raise kg.ProblemError(f"portfolio: offers is {self.offers}; give 1 to {self.assets}, or none for all")


@cache
def moments() -> tuple[np.ndarray, np.ndarray]:
    """Return mean (12,) and covariance (12, 12) of the returns, in percent."""
    rows = json.loads(DATA.read_text(encoding="utf-8"))["returns"]
    R = np.rint(1e4 * np.array(rows)).astype(np.int64)  # in units of 1e-4 percent: whole numbers need no BLAS
    periods, sums = R.shape[1], R.sum(axis=1)
    spread = (periods * (R @ R.T) - np.outer(sums, sums)) / (1e8 * periods**2)
    return np.round(sums / (1e4 * periods), 6), np.round(spread, 6)


class Broker(kg.Bilevel):
    """A broker and its investors.

    Attributes
    ----------
    parameters : Parameters
    fee : Affine (n,)
    offered : Affine (n,) or None
    held : tuple of Affine (n,)
        Portfolio of every investor.
    mean, spread : ndarray
        Mean and covariance of the returns of the assets.
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("portfolio")
        n, asset = p.assets, {"asset": [f"a{k + 1}" for k in range(p.assets)]}
        mean, spread = moments()
        self.parameters, self.mean, self.spread = p, mean[:n], spread[:n, :n]
        self.fee = self.var("fee", coords=asset, lb=0, ub=p.cap, unit="%")
        self.offered = None if p.offers is None else self.var("offered", coords=asset, kind="B")
        if self.offered is not None:
            self.add(self.offered.sum() <= p.offers, name="offers")
        self.held = tuple(self._investor(k, risk, asset) for k, risk in enumerate(p.risks))
        self.maximize(self.fee @ kg.stack(self.held).sum(axis=0), unit="%")

    def _investor(self, k: int, risk: float, asset: dict[str, list[str]]) -> kg.Affine:
        """Declare an investor; return its portfolio."""
        investor = self.follower(f"investor{k + 1}")
        held, cash = investor.var("held", coords=asset, lb=0), investor.var("cash", lb=0)
        investor.add(held.sum() + cash == 1, name="wealth")
        if self.offered is not None:
            investor.add(held <= self.offered, name="offer")
        variance = (np.round(risk * self.spread, 9) @ held) @ held
        investor.minimize(0.5 * variance - self.mean @ held + self.fee @ held)
        return held


def build(**parameters: Any) -> Broker:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    given = {**parameters, "risks": tuple(parameters["risks"])} if "risks" in parameters else parameters
    return Broker(Parameters(**given))


def report(result: Any) -> kg.Findings:
    """Return what the broker earns, fees and holdings.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "held", "portfolio")
    table = summary.answer(result, "Fees earned (percent of one wealth)")
    fee, held = result.solution[game.fee], [result.solution[one] for one in game.held]
    rows = tuple(
        (f"a{k + 1}", f"{game.mean[k]:.3f}", f"{fee[k]:.3f}", *(f"{abs(one[k]):.3f}" for one in held))
        for k in range(len(fee))
    )
    header = ("asset", "return", "fee", *(f"investor{k + 1}" for k in range(len(held))))
    return kg.Findings((table, kg.Table("Assets (percent, shares)", header, rows)), "returns as published")


PLOTS = {"fees": "Fees and portfolios"}
"""Names and titles of :func:`plots`."""


def plots(result: Any) -> dict[str, Any]:
    """Return the plot of fees beside returns, and of the portfolios, as ``kktgen.plots`` describes it.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    """
    game = summary.of_model(result, "held", "portfolio")
    asset = [f"a{k + 1}" for k in range(len(game.mean))]
    fees = [
        {"label": "mean return", "kind": "bar", "values": game.mean, "color": "grey"},
        {"label": "fee", "kind": "bar", "values": result.solution[game.fee], "color": "blue"},
    ]
    held = [
        {"label": f"risk aversion {risk:g}", "kind": "bar", "values": result.solution[one]}
        for risk, one in zip(game.parameters.risks, game.held, strict=True)
    ]
    panels = [{"quantity": "fee", "unit": "%", "series": fees}, {"quantity": "share", "unit": "1", "series": held}]
    return {"fees": {"title": "Fees and portfolios", "x": asset, "xlabel": "asset", "panels": panels}}
