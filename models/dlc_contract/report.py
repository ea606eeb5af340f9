"""What comes out of the contract price: figures of a day, the paper's tables beside ours, plots.

Every function takes the game (a ``Game`` of ``dlc_contract``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import kktgen as kg

DAYS = ("working", "weekend")
TRADED = 1e-6
"""DLC below this (MW) is none."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """How the DSO runs: series (T,) in MW of DLC, purchase and losses, with and without DLC, and costs (T,) in EUR.

    Losses are z f^2 in every network; the cost of a network without losses leaves them out.
    """

    dlc: np.ndarray
    purchase: np.ndarray
    purchase_without: np.ndarray
    losses: np.ndarray
    losses_without: np.ndarray
    cost: np.ndarray
    cost_without: np.ndarray

    @classmethod
    def of(cls, game: Any, read: Callable[[Any], Any]) -> Schedule:
        """Return the schedule at a point that ``read`` takes values from."""
        data, network = game.case, game.parameters.network
        shed = np.array([read(hour.dlc) for hour in game.hours]).T
        flow = data.flow - data.reach @ (data.split @ shed)
        tangents = _tangents(game)
        root = data.upstream < 0
        series = []
        for f in (flow, data.flow):
            losses = data.z @ f**2
            lost = {"qploss": losses, "lossless": 0.0 * losses, "pwl": tangents(f)}[network]
            series.append((data.first + f[root].sum(axis=0), losses, lost))
        (bought, losses, lost), (bought0, losses0, lost0) = series
        dlc = shed.sum(axis=0)
        paid = read(game.price) * dlc
        cost, cost0 = paid + data.rho * (bought + lost), data.rho * (bought0 + lost0)
        return cls(dlc, bought + lost, bought0 + lost0, losses, losses0, cost, cost0)


def _tangents(game: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return the losses (T,) above the tangents of the game at flows (33, T)."""
    data = game.case

    def losses(flow: np.ndarray) -> np.ndarray:
        at = np.stack(tangent_points(game.parameters.tangents, data))
        return (data.z[:, None] * (2.0 * at * flow - at**2)).max(axis=0).sum(axis=0)

    return losses


def tangent_points(count: int, data: Any) -> list[np.ndarray]:
    """Return the flows (33, T) at which the loss of every line is touched: evenly over those that are possible."""
    product = kg.beside(__file__, "../common/exact_sums").product
    low = product(data.reach, data.load - product(data.split, data.most))
    return [low + (k + 0.5) / count * (data.flow - low) for k in range(count)]


def figures(game: Any, solution: kg.Solution) -> dict[str, float]:
    """Return the day in figures: EUR, EUR/MWh and MWh."""
    run, price = Schedule.of(game, lambda expr: solution[expr]), float(solution[game.price])
    income, paid = price * run.dlc.sum(), game.case.pay @ run.dlc
    values = {
        "price": price, "energy": run.dlc.sum(), "income": income, "dlc_cost": paid, "profit": income - paid,
        "cost_without": run.cost_without.sum(), "cost_with": run.cost.sum(),
        "losses_without": run.losses_without.sum(), "losses_with": run.losses.sum(),
    }  # fmt: skip
    return {word: float(value) for word, value in values.items()}


ROWS = (
    ("Table 5: contract price (EUR/MWh)", "price"), ("Table 7: income of the aggregator (EUR)", "income"),
    ("Table 7: its cost of DLC", "dlc_cost"), ("Table 7: its profit", "profit"),
    ("Table 6: cost of the DSO without DLC", "cost_without"), ("Table 6: with DLC", "cost_with"),
)  # fmt: skip


def findings(
    game: Any, result: Any, estimated: kg.Estimate | None, data: dict[str, Any], exact: Callable[..., Any]
) -> kg.Findings:
    """Return the tables of a result."""
    tables = [_day(game, result, data, exact)]
    if estimated is not None:
        tables.append(_estimated(game, estimated, data))
    tables.append(_hours(game, result.solution))
    rows = tuple((what, standing, source) for what, source, standing in data["provenance"])
    tables.append(kg.Table("Data", ("item", "standing", "source"), rows))
    return kg.Findings(tuple(tables), f"Data {data['standing']}")


def _published(game: Any, data: dict[str, Any], day: str) -> dict[str, list[float]] | None:
    """Return the paper's figures of a day, None where the parameters are not those of its case."""
    p = game.parameters
    case = p.hours == 24 and p.with_dlc and not (p.price_shift or p.demand_shift or p.wind_shift)
    return data["days"][day]["published"] if case else None


def _percent(part: float, whole: float) -> float:
    return 100.0 * (whole - part) / whole if whole else 0.0


def _day(game: Any, result: Any, data: dict[str, Any], exact: Callable[..., Any]) -> kg.Table:
    """Return the day at the mean of all inputs, beside the paper's means, and by the exact power flow."""
    p, solution = game.parameters, result.solution
    ours, paper = figures(game, solution), _published(game, data, p.day)
    dlc = np.array([solution[hour.dlc] for hour in game.hours]).T
    flows = [exact(game, ours["price"], schedule) for schedule in (0.0 * dlc, dlc)]
    cost0, cost = (flow.cost for flow in flows)
    lost0, lost = (float(flow.losses.sum()) for flow in flows)
    true = {"cost_without": cost0, "cost_with": cost}
    body = []
    for title, word in ROWS:
        published = f"{paper[word][0]:.2f}" if paper else "-"
        body.append((title, f"{ours[word]:.3f}", f"{true[word]:.2f}" if word in true else "-", published))
    saving = f"{paper['saving_percent'][0]:.2f}" if paper else "-"
    share = _percent(ours["cost_with"], ours["cost_without"])
    body.append(("Table 6: saving (%)", f"{share:.2f}", f"{_percent(cost, cost0):.2f}", saving))
    body.append(("DLC (MWh)", f"{ours['energy']:.3f}", "-", "-"))
    body.append(("losses without DLC (MWh)", f"{ours['losses_without']:.3f}", f"{lost0:.3f}", "-"))
    body.append(("losses with DLC", f"{ours['losses_with']:.3f}", f"{lost:.3f}", "-"))
    reduction = _percent(ours["losses_with"], ours["losses_without"])
    most = f"up to {data['loss_reduction_percent_published']}, NOT reproduced" if paper else "-"
    body.append(("loss reduction (%)", f"{reduction:.1f}", f"{_percent(lost, lost0):.1f}", most))
    low = min(float(flow.voltage.min()) for flow in flows)
    bound = "none" if getattr(result, "bound", None) is None else f"{result.bound:.4f}"
    notes = [f"profit {ours['profit']:.4f} EUR, proved upper bound {bound}; claim: {result.report.claim}"]
    if game.step is not None and bound != "none":
        notes.append(f"the bound rests on {len(game.ends) - 1} price cells: what the DSO buys at their ends bounds "
                     "what it buys within them")  # fmt: skip
    notes.append(f"exact: this schedule by U_n (U_n - U_m) / z, least voltage {low:.3f}; the follower is linearised")
    notes.append("the paper prints means over uncertain inputs; here all inputs are at their means"
                 + ("; set estimate=true for means and deviations" if paper and not p.estimate else ""))  # fmt: skip
    title = f"The {p.day} day, network {p.network}, {p.zones} zone{'s' * (p.zones > 1)} (calibrated data)"
    return kg.Table(title, ("", "ours", "exact", "paper (mean)"), tuple(body), "\n".join(notes))


def _estimated(game: Any, found: kg.Estimate, data: dict[str, Any]) -> kg.Table:
    """Return Tables 5 to 7: mean and standard deviation of both days by the two-point estimate, beside the paper's."""
    title = "Tables 5 to 7, mean (standard deviation) by the two-point estimate, CALIBRATED"
    if found.failed:
        rows = tuple((point.input, f"{point.xi:+.3f} std", point.error) for point in found.failed)
        return kg.Table(f"{title}: no figures, {len(rows)} points failed", ("input", "at", "why"), rows)
    body = []
    for label, word in ROWS:
        line = [label]
        for day in DAYS:
            mean, std = found.mean[f"{day} {word}"], found.std[f"{day} {word}"]
            paper = _published(game, data, day)
            line += [f"{mean:.2f} ({std:.2f})", "-" if not paper else "{:.2f} ({:.2f})".format(*paper[word])]
        body.append(tuple(line))
    for label, word in (("Table 6: saving of the means (%)", "cost"), ("loss reduction of the means (%)", "losses")):
        line = [label]
        for day in DAYS:
            paper, ours = _published(game, data, day), (found.mean[f"{day} {word}_{k}"] for k in ("with", "without"))
            most = f"up to {data['loss_reduction_percent_published']}, NOT reproduced"
            of = "-" if not paper else f"{paper['saving_percent'][0]:.1f}" if word == "cost" else most
            line += [f"{_percent(*ours):.2f}", of]
        body.append(tuple(line))
    note = (f"{len(found.points)} points, every one solved anew for both days ({found.seconds:.1f} s); six numbers a "
            "day were fitted to the paper's twelve and the saving,\nso agreement is no validation; the loss reduction "
            "was not fitted, depends on loads and lines the paper does not print, and disagrees")  # fmt: skip
    return kg.Table(title, ("", "working day", "paper", "weekend", "paper"), tuple(body), note)


def _hours(game: Any, solution: kg.Solution) -> kg.Table:
    """Return the hours: prices, the DSO's value of load at the buses, DLC and purchases."""
    data, run = game.case, Schedule.of(game, lambda expr: solution[expr])
    buses = (len(data.z), len(data.hour))
    value = np.broadcast_to(np.array([solution[hour.balance.dual] for hour in game.hours]).T, buses)
    held = value[(data.split > 0).any(axis=1)]
    columns = (data.rho, data.pay, held.min(axis=0), held.max(axis=0), data.demand, run.dlc, run.purchase, run.losses)
    body = tuple(
        (str(hour), *(f"{round(float(column[t]), 3) + 0.0:.3f}" for column in columns))
        for t, hour in enumerate(data.hour)
    )
    header = ("hour", "market", "payment", "least value", "largest", "demand", "DLC", "purchase", "losses")
    note = (
        "EUR/MWh and MW; value: what one more MW at a DLC bus costs the DSO; DLC is bought where the price is below it"
    )
    return kg.Table(f"Hours at the contract price {float(solution[game.price]):.3f} EUR/MWh", header, body, note)


def plots(game: Any, solution: kg.Solution, titles: dict[str, str]) -> dict[str, Any]:
    """Return the descriptions of the plots."""
    data, run = game.case, Schedule.of(game, lambda expr: solution[expr])
    price, p = float(solution[game.price]), game.parameters
    words = f"{p.day} day, contract price {price:.2f} EUR/MWh, network {p.network}; calibrated data"

    def plot(name: str, quantity: str, unit: str, *series: tuple[str, str, np.ndarray], note: str = "") -> Any:
        drawn = [{"label": label, "kind": kind, "values": values} for label, kind, values in series]
        return {"title": titles[name], "x": data.hour, "xlabel": "hour", "subtitle": words, "note": note,
                "panels": [{"quantity": quantity, "unit": unit, "series": drawn}]}  # fmt: skip

    out = {
        "demand": plot("demand", "demand", "MW", ("without DLC", "step", data.demand),
                       ("with DLC", "step", data.demand - run.dlc)),
        "market": plot("market", "purchase", "MW", ("without DLC", "step", run.purchase_without),
                       ("with DLC", "step", run.purchase)),
        "dlc": plot("dlc", "DLC", "MW", ("bought by the DSO", "bar", run.dlc),
                    ("most possible", "step", data.most.sum(axis=0))),
        "losses": plot("losses", "losses", "MW", ("without DLC", "step", run.losses_without),
                       ("with DLC", "step", run.losses), note="z f^2 at the flows of the schedule."),
    }  # fmt: skip
    prices = [
        {"label": label, "kind": "step", "values": values}
        for label, values in (
            ("market", data.rho),
            ("contract", np.full(len(data.hour), price)),
            ("paid to consumers", data.pay),
        )
    ]
    out["dlc"]["panels"].append({"quantity": "price", "unit": "EUR/MWh", "series": prices})
    return out
