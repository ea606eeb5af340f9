"""Plots of the low-carbon game, as plain data: those of every VPP model, and the emissions by source."""

from __future__ import annotations

from typing import Any

import numpy as np

import kktgen as kg


def plots(result: Any, model: Any) -> dict[str, Any]:
    """Return the plots of a result by name; ``model`` is the module ``carbon_vpp``."""
    game, draw = result.bilevel, kg.beside(__file__, "../common/vpp_plots")
    data, sol, run = game.case, result.solution, model.outcomes().played(game, result.solution)
    seed, hour = game.parameters.seed, data.hour
    origin = model._case.data()["standing"].partition(":")[0] + " data"
    words = f"DSO profit {round(sol.objective, 6) + 0.0:.5g} kCNY; " + (
        origin if seed is None else f"drawn around {origin} (seed {seed})"
    )
    load, limits = (np.array(x) for x in zip(*((v.load, (v.soc_min, v.soc_max)) for v in data.vpps), strict=True))
    sources = {"micro turbine": run.g, "wind": run.wt, "sun": run.pv, "curtailed load": run.cl,
               "storage (discharge +)": run.dis - run.ch, "trade (purchase +)": run.net}  # fmt: skip
    return {
        "prices": draw.prices(hour, data.buy, data.sell, sol[game.lp], sol[game.ls], run.net, "kCNY/MWh", words),
        "dispatch": draw.dispatch(hour, load, sources, words),
        "trade": draw.trade(hour, run.net, sol[game.dp] - sol[game.ds], words),
        "charge": draw.charge(hour, run.soc, [vpp.home for vpp in data.vpps], limits, words),
        "emission": emission(model.PLOTS["emission"], data, run, words),
    }


def emission(title: str, data: Any, run: Any, subtitle: str) -> dict[str, Any]:
    """Return the accounted emission of every VPP by source, and its quota."""
    energy = {
        "turbine": run.g,
        "wind": run.wt,
        "pv": run.pv,
        "storage": np.abs(run.dis - run.ch),
        "trade": np.abs(run.net),
    }
    total = {word: series.sum(axis=1) for word, series in energy.items()}
    quota = sum(data.carbon.quota.get(word, 0.0) * amount for word, amount in total.items())
    titles = {"turbine": "micro turbine", "pv": "sun", "trade": "traded energy"}
    colors = {"turbine": "grey", "wind": "sky", "pv": "yellow", "storage": "purple", "trade": "blue"}
    series: list[dict[str, Any]] = [
        {
            "label": titles.get(word, word),
            "kind": "stack",
            "values": data.carbon.emission[word] * amount,
            "color": colors[word],
        }
        for word, amount in total.items()
    ]
    series.append({"label": "quota", "kind": "mark", "values": quota, "color": "black"})
    panel = {"quantity": "emission", "unit": "t CO2", "series": series}
    note = "Traded energy counts for its seller and its buyer, as the VPPs are charged for it."
    return {"title": title, "x": [f"VPP{j + 1}" for j in range(len(quota))], "xlabel": "VPP",
            "panels": [panel], "subtitle": subtitle, "note": note}  # fmt: skip
