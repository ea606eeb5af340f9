"""The value over the first parameter of a grid that has several numbers, a series for every other choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..catalog.plots import Plot, Series

MOST = 8
"""Most series of a plot."""


def value_plot(table: Sequence[Mapping[str, Any]], varied: Sequence[str], title: str) -> Plot | None:
    """Return the description of a plot of value and seconds; None where nothing that varies is a number.

    What varies beside the parameter on the axis makes series of its own where that gives few of them; else the mean is
    drawn within the band from the least to the largest value.

    Parameters
    ----------
    table : sequence of mapping
        From :func:`kktgen.benchmarks.result_table.rows`.
    varied : sequence of str
        The parameters that have several values.
    title : str
    """
    axis = next((name for name in varied if all(_is_number(row[name]) for row in table)), None)
    if axis is None or not table:
        return None
    at = sorted({float(row[axis]) for row in table})
    by = _series_by(table, [name for name in varied if name != axis])
    panels: Any = []
    for quantity, unit in (("value", ""), ("seconds", "s")):
        series: list[Series] = []
        for label, mine in by.items():
            series += _series(mine, axis, at, quantity, label)
        panels.append({"quantity": "objective" if quantity == "value" else quantity, "unit": unit, "series": series})
    x: Any = [int(value) for value in at] if all(value.is_integer() for value in at) else at
    return {"title": title, "x": x, "xlabel": axis, "panels": panels}


def _series_by(table: Sequence[Mapping[str, Any]], others: list[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of every series by its label: by way, and by as many other parameters as few series allow."""
    keys = ["encoding", "solver"]
    for name in others:
        if len({tuple(row[key] for key in (*keys, name)) for row in table}) <= MOST:
            keys.append(name)
    shown = [key for key in keys if len({row[key] for row in table}) > 1]
    out: dict[str, list[Mapping[str, Any]]] = {}
    for row in table:
        words = (str(row[key]) if key in ("encoding", "solver") else f"{key} {row[key]}" for key in shown)
        out.setdefault(", ".join(words) or "mean", []).append(row)
    return out


def _series(
    rows: list[Mapping[str, Any]], axis: str, at: list[float], quantity: str, label: str
) -> list[Series]:  # fmt: skip
    groups = [[row[quantity] for row in rows if row[axis] == x and row[quantity] is not None] for x in at]
    mean = [float(np.mean(group)) if group else np.nan for group in groups]
    out: list[Series] = [{"label": label, "kind": "line", "values": mean}]
    if any(len(group) > 1 for group in groups):
        ends = np.array([(min(group), max(group)) if group else (np.nan, np.nan) for group in groups]).T
        out.insert(0, {"label": f"{label}, least to largest", "kind": "band", "values": ends})
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
