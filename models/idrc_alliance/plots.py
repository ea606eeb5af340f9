"""Plots of the alliance's game, as plain data: networks, degrees, clearing by source, prices without limits."""

from __future__ import annotations

from typing import Any

import numpy as np

import kktgen as kg
from kktgen.search import Responder


def plots(result: Any, model: Any) -> dict[str, Any]:
    """Return the plots of a result by name; ``model`` is the module ``idrc_alliance``."""
    game, sol = result.bilevel, result.solution
    data = game.parts.case
    words = f"{data.name}, alliance {data.words()}, profit {sol.objective:.5g} $; reconstructed data"
    made = {
        "network": _networks(model), "degree": _degrees(model), "clearing": _clearing(game, sol, words),
        "prices": _prices(game, sol, model, words),
    }  # fmt: skip
    return {name: {"title": model.PLOTS[name], **plot} for name, plot in made.items()}


def _networks(model: Any) -> dict[str, Any]:
    """Return the networks of the three strategies over the companies' coordinates."""
    xy = np.array(model._case.data("thirty")["xy"])
    panels = []
    for strategy, (graph, m) in model.networks().items():
        i, j = np.array(sorted(graph.edges)).T
        ends = np.stack([xy[i], xy[j], np.full((len(i), 2), np.nan)], axis=1).reshape(-1, 2)
        ends[2::3, 0] = xy[j, 0]
        panels.append({
            "title": f"{model._network.STRATEGIES[strategy]}: alliances {len(m.alliances)}, path {m.path:.3f}",
            "quantity": "y", "unit": "no unit", "series": [
                {"label": "partners", "kind": "line", "x": ends[:, 0], "values": ends[:, 1], "color": "grey"},
                {"label": "IDRC", "kind": "mark", "values": xy[:, 1], "color": "blue"},
            ],
        })  # fmt: skip
    note = "Coordinates are reconstructed, and were picked so that the paths stand in the paper's order."
    return {"x": xy[:, 0], "xlabel": "x (no unit)", "panels": panels, "note": note}


def _degrees(model: Any) -> dict[str, Any]:
    """Return the share of companies of every degree, and the power law fitted to it."""
    found = model.networks()
    # only degrees that occur somewhere, as words: the hub of a star would stretch a scale
    x = np.unique(np.concatenate([m.degree for _, m in found.values()]))
    panels = []
    for strategy, (_, m) in found.items():
        share = np.zeros(len(x))
        share[np.searchsorted(x, m.degree)] = m.share
        series: list[dict[str, Any]] = [{"label": "share", "kind": "bar", "values": share, "color": "blue"}]
        if np.isfinite(m.exponent):
            curve = m.degree.astype(float) ** -m.exponent
            law = np.full(len(x), np.nan)
            law[np.searchsorted(x, m.degree)] = curve * (curve @ m.share) / (curve @ curve)
            series.append({"label": "power law", "kind": "line", "values": law, "color": "orange"})
        fit = f", exponent {m.exponent:.3f}, R2 {m.r2:.3f}" if np.isfinite(m.exponent) else ", too few degrees to fit"
        panels.append({"title": model._network.STRATEGIES[strategy] + fit, "quantity": "share", "unit": "of companies",
                       "series": series})  # fmt: skip
    return {"x": [str(degree) for degree in x], "xlabel": "degree", "panels": panels}


def _clearing(game: Any, sol: kg.Solution, subtitle: str) -> dict[str, Any]:
    """Return cleared energy and regulation capacity by source and hour."""
    parts = game.parts
    data = parts.case

    def series(word: str) -> np.ndarray:
        return np.array([sol[getattr(hour, word)] for hour in parts.hours]).T

    def stacked(rows: list[tuple[str, np.ndarray]]) -> list[dict[str, Any]]:
        return [{"label": name, "kind": "stack", "values": values} for name, values in rows]

    energy = [*zip(data.gencos.name, series("p"), strict=True), ("members sell", series("s").sum(axis=0))]
    taken = [("retailers", -series("r").sum(axis=0)), ("members buy", -series("b").sum(axis=0)),
             ("other load, net", -data.net_load.sum(axis=0))]  # fmt: skip
    capacity = [*zip(data.gencos.name, series("c"), strict=True), ("retailers", series("rc").sum(axis=0)),
                ("members sell", series("ic").sum(axis=0))]  # fmt: skip
    if len(data.outsiders):
        capacity.append(("outsiders", series("oc").sum(axis=0)))
    panels = [
        {"title": "energy, purchases below zero", "quantity": "power", "unit": "MW", "series": stacked(energy + taken)},
        {"title": "regulation", "quantity": "capacity", "unit": "MW", "series": stacked(capacity)},
    ]
    return {"x": data.hour, "xlabel": "hour", "panels": panels, "subtitle": subtitle}


def _prices(game: Any, sol: kg.Solution, model: Any, subtitle: str) -> dict[str, Any]:
    """Return prices at the first and last member's bus, as cleared, and when the same offers meet no limits."""
    parts = game.parts
    data = parts.case
    free = model.unlimited(game)
    found = Responder(free)(moved(game, sol, free))
    at = data.idrcs.bus[data.members[[0, -1]]]
    cleared = np.array([sol[hour.balance.dual][at] for hour in parts.hours]).T
    series: list[list[dict[str, Any]]] = [
        [{"label": "with limits", "kind": "step", "values": price, "color": "orange"}] for price in cleared
    ]
    if found is not None:
        price = np.array([hour.balance.dual.value(found)[at] for hour in free.parts.hours]).T
        for panel, values in zip(series, price, strict=True):
            panel.append(
                {"label": "without limits", "kind": "step", "values": values, "color": "blue", "dash": "dashed"}
            )
    panels = [{"title": f"bus {data.labels[bus]}", "quantity": "price", "unit": "$/MWh", "series": panel}
              for bus, panel in zip(at, series, strict=True)]  # fmt: skip
    note = "Without limits the market clears the same offers again; the alliance would offer otherwise."
    return {"x": data.hour, "xlabel": "hour", "panels": panels, "subtitle": subtitle, "note": note}


def moved(game: kg.Bilevel, sol: kg.Solution, other: kg.Bilevel) -> np.ndarray:
    """Return a point of another game of the same leader variables, at their values; all else is zero."""
    assert sol.z is not None
    out = np.zeros(len(other.space))
    mine = {b.word: b for b in game.space.blocks if b.role == "leader" and not b.follower}
    for block in other.space.blocks:
        if block.role == "leader" and not block.follower:
            here = mine[block.word]
            out[block.start : block.stop] = sol.z[here.start : here.stop]
    return out
