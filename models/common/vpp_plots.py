"""The plots that models of virtual power plants (VPPs) share: prices, dispatch, trade, state of charge.

Every function takes plain series and returns the description of one plot, see ``kktgen.plots``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SHOWN = 6
"""Most VPPs shown one by one."""
PLOTS = {
    "prices": "Prices at which the VPPs buy and sell",
    "dispatch": "How the VPPs meet their loads",
    "trade": "Trade between the VPPs, the DSO and the wholesale market",
    "charge": "State of charge of the storages",
}
SOURCES = {
    "micro turbine": "grey", "wind": "sky", "sun": "yellow", "curtailed load": "red", "storage (discharge +)": "purple",
    "trade (purchase +)": "blue",
}  # fmt: skip
"""Colours of what meets a load."""
TIES = "Prices of hours in which a VPP does not trade that way are arbitrary; marks stand where it does."
TRADED = 1e-4
"""Trade below this (MW) is none."""


def _plot(name: str, hour: np.ndarray, panels: list[dict[str, Any]], subtitle: str, note: str = "") -> dict[str, Any]:
    return {"title": PLOTS[name], "x": hour, "xlabel": "hour", "panels": panels, "subtitle": subtitle, "note": note}


def prices(
    hour: np.ndarray, buy: np.ndarray, sell: np.ndarray, lp: np.ndarray, ls: np.ndarray, net: np.ndarray, unit: str,
    subtitle: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the prices of the DSO between the wholesale prices.

    Parameters
    ----------
    hour, buy, sell : ndarray (T,)
        Number of the hour; wholesale prices.
    lp, ls : ndarray (T,) or (N, T)
        Prices at which VPPs buy and sell: the same for all, or one panel for each of the first ``SHOWN``.
    net : ndarray (N, T)
        Purchase less sale of every VPP.
    unit, subtitle : str
    """
    uniform = lp.ndim == 1
    panels = []
    for j in range(1 if uniform else min(len(lp), SHOWN)):
        p, s, mine = (lp, ls, net) if uniform else (lp[j], ls[j], net[j : j + 1])
        bought, sold = (mine > TRADED).any(axis=0), (mine < -TRADED).any(axis=0)
        series = [
            {"label": "wholesale, sell to buy", "kind": "band", "values": np.array([sell, buy]), "color": "grey"},
            {"label": "VPP buys at", "kind": "step", "values": p, "color": "red"},
            {"label": "VPP sells at", "kind": "step", "values": s, "color": "blue", "dash": "dashed"},
            {"label": "hours of purchase", "kind": "mark", "values": np.where(bought, p, np.nan), "color": "red"},
            {"label": "hours of sale", "kind": "mark", "values": np.where(sold, s, np.nan), "color": "blue"},
        ]
        panels.append({"title": "" if uniform else f"VPP{j + 1}", "quantity": "price", "unit": unit, "series": series})
    return _plot("prices", hour, panels, subtitle, TIES)


def dispatch(hour: np.ndarray, load: np.ndarray, sources: dict[str, np.ndarray], subtitle: str) -> dict[str, Any]:
    """Return how each of the first ``SHOWN`` VPPs meets its load.

    Parameters
    ----------
    hour : ndarray (T,)
    load : ndarray (N, T)
    sources : dict of str to ndarray (N, T)
        Names of ``SOURCES``: what adds up to the load; negative where energy is taken, as by a charge or a sale.
    subtitle : str
    """
    use = load - np.minimum(list(sources.values()), 0.0).sum(axis=0)
    panels = []
    for j in range(min(len(load), SHOWN)):
        series: list[dict[str, Any]] = [
            {"label": word, "kind": "stack", "values": values[j], "color": SOURCES[word]}
            for word, values in sources.items()
        ]
        series += [
            {"label": "load, charge and sale", "kind": "step", "values": use[j], "color": "black", "dash": "dotted"},
            {"label": "load", "kind": "step", "values": load[j], "color": "black"},
        ]
        panels.append({"title": f"VPP{j + 1}", "quantity": "power", "unit": "MW", "series": series})
    note = "Above zero: what a VPP takes energy from; below zero: charge and sale. Both together are the load."
    return _plot("dispatch", hour, panels, subtitle, note)


def trade(hour: np.ndarray, net: np.ndarray, wholesale: np.ndarray, subtitle: str) -> dict[str, Any]:
    """Return what the VPPs buy (+) and sell (-) of the DSO, and the DSO on the wholesale market.

    Parameters
    ----------
    hour : ndarray (T,)
    net : ndarray (N, T)
        Purchase less sale of every VPP; those behind the first ``SHOWN`` are drawn together.
    wholesale : ndarray (T,)
        Purchase less sale of the DSO on the wholesale market.
    subtitle : str
    """
    series: list[dict[str, Any]] = [
        {"label": f"VPP{j + 1}", "kind": "stack", "values": values} for j, values in enumerate(net[:SHOWN])
    ]
    if len(net) > SHOWN:
        series.append({"label": "other VPPs", "kind": "stack", "values": net[SHOWN:].sum(axis=0), "color": "grey"})
    series.append({"label": "DSO, wholesale", "kind": "step", "values": wholesale, "color": "black"})
    panel = {"quantity": "purchase (+), sale (-)", "unit": "MW", "series": series}
    note = "VPPs trade with the DSO, which buys the net of them on the wholesale market, or sells it there."
    return _plot("trade", hour, [panel], subtitle, note)


def charge(
    hour: np.ndarray, soc: np.ndarray, home: Sequence[float], limits: np.ndarray, subtitle: str
) -> dict[str, Any]:
    """Return the state of charge of the first ``SHOWN`` VPPs, from the beginning of the first hour.

    Parameters
    ----------
    hour : ndarray (T,)
    soc : ndarray (N, T)
        At the end of every hour, as a share of the capacity.
    home : sequence of float (N,)
        Before the first hour.
    limits : ndarray (N, 2)
        Least and largest state of charge.
    subtitle : str
    """
    ends = np.concatenate([[hour[0] - 0.5], hour + 0.5])
    panels = []
    for j, row in enumerate(soc[:SHOWN]):
        band = np.repeat(100 * limits[j][:, None], len(ends), axis=1)
        series = [
            {"label": "allowed", "kind": "band", "values": band, "x": ends, "color": "grey"},
            {"label": "state of charge", "kind": "line", "values": 100 * np.append(home[j], row), "x": ends},
        ]
        panels.append({"title": f"VPP{j + 1}", "quantity": "state of charge", "unit": "%", "series": series})
    return _plot("charge", hour, panels, subtitle, "An hour begins and ends halfway between the numbers.")
