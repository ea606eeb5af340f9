"""What a model says of a plot, in plain data, and whether it can be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, get_type_hints

import numpy as np

from ...errors import ProblemError, expect
from ...wording import near

KINDS = ("line", "step", "bar", "stack", "band", "mark")
COLORS = {
    "blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "red": "#D55E00", "purple": "#CC79A7",
    "sky": "#56B4E9", "yellow": "#F0E442", "grey": "#999999", "black": "#000000",
}  # fmt: skip
"""Told apart by colour-blind readers (Okabe and Ito 2008); those a series gets by itself stand first."""
DASHES = {"solid": "-", "dashed": "--", "dotted": ":"}


class _Series(TypedDict):
    label: str
    kind: str
    values: Any


class Series(_Series, total=False):
    """One thing drawn in a panel: ``values`` are (n,), for a band (2, n); perhaps with ``x``, ``color``, ``dash``."""

    x: Any
    color: str
    dash: str


class _Panel(TypedDict):
    quantity: str
    unit: str
    series: list[Series]


class Panel(_Panel, total=False):
    """Axes with one quantity, which stands on the axis with its unit; perhaps a ``title``."""

    title: str


class _Plot(TypedDict):
    title: str
    x: Any
    xlabel: str
    panels: list[Panel]


class Plot(_Plot, total=False):
    """A figure: panels over one x; perhaps a ``subtitle`` (what is said of the data) and a ``note`` below."""

    subtitle: str
    note: str


def _keys(what: Any, kind: Any, where: str) -> None:
    """Refuse what is no mapping, lacks a key or has one too many, or has something else for a word."""
    expect(what, Mapping, where)
    needed, known = kind.__required_keys__, get_type_hints(kind)
    for key in sorted(needed - set(what)):
        raise ProblemError(f"{where}: {key!r} is missing")
    for key in what:
        if key not in known:
            raise ProblemError(f"{where}: unknown key {key!r}{near(str(key), known)}; there are: {', '.join(known)}")
        if known[key] is str:
            expect(what[key], str, f"{where}, {key!r}")


def _one_of(name: Any, known: Iterable[str], where: str) -> None:
    known = tuple(known)
    if name not in known:
        raise ProblemError(f"{where}: no {name!r}; there are: {', '.join(known)}")


def check(plot: Any) -> None:
    """Refuse a description that cannot be drawn."""
    _keys(plot, Plot, "plot")
    where = f"plot {plot['title']!r}"
    expect(plot["panels"], list, f"{where}, 'panels'")
    if not plot["panels"]:
        raise ProblemError(f"{where}: no panels")
    for k, panel in enumerate(plot["panels"], 1):
        _keys(panel, Panel, f"{where}, panel {k}")
        expect(panel["series"], list, f"{where}, panel {k}, 'series'")
        for series in panel["series"]:
            _keys(series, Series, f"{where}, panel {k}")
            at = f"{where}, panel {k}, series {series['label']!r}"
            _one_of(series["kind"], KINDS, f"{at}, kind")
            _one_of(series.get("color", "black"), COLORS, f"{at}, color")
            _one_of(series.get("dash", "solid"), DASHES, f"{at}, dash")
            _check_values(series, np.asarray(series.get("x", plot["x"])), at)


def _check_values(series: Series, x: np.ndarray, where: str) -> None:
    if x.dtype.kind not in "iufUS":
        raise ProblemError(f"{where}: x must be numbers or words, not {x.dtype}")
    if series["kind"] == "stack" and "x" in series:
        raise ProblemError(f"{where}: what is stacked stands on the plot's own x; leave 'x' out of the series")
    try:
        values = np.asarray(series["values"], dtype=float)
    except (TypeError, ValueError):
        raise ProblemError(f"{where}: values must be numbers") from None
    wanted = (2, *x.shape) if series["kind"] == "band" else x.shape
    if x.ndim != 1 or not len(x) or values.shape != wanted:
        raise ProblemError(
            f"{where}: values of shape {values.shape} do not fit x of shape {x.shape}; expected {wanted}"
        )
    if np.isinf(values).any() or (x.dtype.kind == "f" and not np.isfinite(x).all()):
        raise ProblemError(f"{where}: values must be finite, or nan where nothing is to be drawn; x must be finite")
