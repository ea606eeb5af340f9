"""A forecast fitted to the decision it serves: a newsvendor buys by it, and what that costs fits its parameters.

Products j, days t. The forecast of day t's demand is ``a_j + b_j d_(t-1),j`` (an autoregression). The newsvendor of
day t, one follower each, plans purchases by the forecast; the leader fits a and b to past days so that the plans
would have cost least at the demand d_t that came, s sold and r returned::

    min_a,b,s,r  1/T sum_t p'y_t - c's_t - v'r_t       s.t.  s_t <= d_t,  s_t + r_t <= y_t,  s, r >= 0,  rows on a, b
                 (y_t, S_t, R_t) solves  min p'y - c'S - v'R
                                s.t.  S + R <= y,  S <= a + b d_(t-1),  1'y <= budget,  0 <= y, S, R <= budget

with purchase p_j = 4 + j/10, price c_j = 5 + j/10 and value of returns v_j = 3 + j/10. The newsvendor sells all it
buys as long as its forecast says so: it buys the forecast, the dearest margins first where the budget binds (all
margins are 1 here, so ties within the budget are the leader's to break). The plan for a given forecast is therefore
known in closed form for one product, and a scan of a and b over a few days is the oracle. Least squares would fit the
mean; here the best forecast is a median, as a return loses as much as a sale gains.

Data: ``demand.csv``, own draws of an autoregression with a = 3, b = 0.7, stored as numbers; the first ``products``
columns and ``days`` + 1 rows are taken. Day by day the newsvendors share only a and b.

Source: J. Dias Garcia, A. Street, T. Homem-de-Mello, F. D. Munoz, Application-driven learning: a closed-loop
prediction and optimization approach applied to dynamic reserves and demand forecasting, arXiv:2102.13273; the
newsvendor example of BilevelJuMP (``forecast``), whose draws are not repeated. Simplified: nothing but the size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg

summary = kg.beside(__file__, "../common/summary")
DATA = Path(__file__).parent / "demand.csv"


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    products : int
        The first products of ten.
    days : int
        The first days, one follower each; at most 199.
    budget : float or None
        Most units bought a day; none: twelve for each product, which never binds.
    """

    products: int = 2
    days: int = 5
    budget: float | None = None

    def __post_init__(self) -> None:
        most, products = table().shape
        if not 1 <= self.products <= products or not 1 <= self.days < most:
            raise kg.ProblemError(f"forecast: give 1 to {products} products and 1 to {most - 1} days")
        if self.budget is not None and self.budget <= 0:
            raise kg.ProblemError(f"forecast: budget is {self.budget}; give a positive number, or none")


@cache
def table() -> np.ndarray:
    """Return the demand (days, products)."""
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return np.array([line.split(",") for line in lines if not line.startswith("#")][1:], dtype=float)


class Forecast(kg.Bilevel):
    """A forecast and the newsvendors who buy by it.

    Attributes
    ----------
    parameters : Parameters
    demand : ndarray (days + 1, products)
    buy, price, back : ndarray (products,)
        Purchase, price, value of returns.
    level, slope : Affine (products,)
        a and b of the forecast.
    bought : tuple of Affine (products,)
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__("forecast")
        self.parameters, self.demand = p, table()[: p.days + 1, : p.products]
        margin = np.arange(1, p.products + 1)
        self.price, self.buy, self.back = ((base + margin) / 10 for base in (50, 40, 30))
        self.budget = 12.0 * p.products if p.budget is None else p.budget
        product = {"product": [f"p{j}" for j in margin]}
        self.level = self.var("level", coords=product, lb=0, ub=10)
        self.slope = self.var("slope", coords=product, lb=-1, ub=1)
        parts = [self._day(t, product) for t in range(1, p.days + 1)]
        self.bought = tuple(bought for bought, _ in parts)
        self.minimize((1.0 / p.days) * kg.sum([cost for _, cost in parts]))

    def _day(self, t: int, product: dict[str, list[str]]) -> tuple[kg.Affine, kg.Affine]:
        """Declare the newsvendor of day t and what comes of its plan; return what it buys and the day's cost."""
        f, top = self.follower(f"day{t}"), self.budget
        bought, sold, back = (f.var(name, coords=product, lb=0, ub=top) for name in ("bought", "sold", "back"))
        f.add(sold + back <= bought, name="stock")
        f.add(sold <= self.level + self.demand[t - 1] * self.slope, name="forecast")
        f.add(bought.sum() <= top, name="budget")
        f.minimize(self.buy @ bought - self.price @ sold - self.back @ back)
        came = self.var(f"sold{t}", coords=product, lb=0, ub=self.demand[t])
        left = self.var(f"back{t}", coords=product, lb=0, ub=top)
        self.add(came + left <= bought, name=f"stock{t}")
        return bought, self.buy @ bought - self.price @ came - self.back @ left


def build(**parameters: Any) -> Forecast:
    """Return the problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    return Forecast(Parameters(**parameters))


def report(result: Any) -> kg.Findings:
    """Return the cost a day and the forecasts' parameters beside those of least squares.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    NoSolutionError
        It has no point.
    """
    game = summary.of_model(result, "bought", "forecast")
    level, slope = result.solution[game.level], result.solution[game.slope]
    before, after = game.demand[:-1], game.demand[1:]
    rows = []
    for j in range(game.parameters.products):
        fit = np.linalg.lstsq(np.column_stack([np.ones(len(before)), before[:, j]]), after[:, j], rcond=None)[0]
        rows.append((f"p{j + 1}", *(f"{v:.4f}" for v in (level[j], slope[j], *fit))))
    table_ = summary.answer(result, "Cost a day")
    header = ("product", "level", "slope", "least squares", "slope of it")
    return kg.Findings((table_, kg.Table("Forecast", header, tuple(rows))), "drawn data, as stored")
