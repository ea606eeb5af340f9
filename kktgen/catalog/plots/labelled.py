"""Plots of any variable or price of a solution, with its labels and units: ``kg.plot``."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...errors import NoSolutionError, ProblemError, expect
from ...model.solution import Solution
from ...model.values import name_of, shown_coords, unit_of
from ...problem.columns import Block
from ...problem.coords import Coords
from ...problem.expressions import Affine
from ...problem.names import named_block
from ...wording import first_names
from .describe import COLORS, DASHES, Panel, Plot, Series
from .draw import claim, figure, heat_map

PANELS = 12
"""Variables in one figure."""
_COLORS = list(COLORS)[:7]
LINES = 8
"""Labels of the second dimension that are drawn as lines; more are a heat map."""
KINDS = ("auto", "steps", "heat")
"""How an array of two dimensions may be drawn."""


def plot(result: Any, *what: Affine | str, kind: str = "auto", title: str = "") -> Any:
    """Draw variables, prices or other linear expressions of a solution over their labels.

    Of one dimension: steps over the labels, such as hours; several of the same labels stand in one figure, those of one
    unit in one panel. Of two: a step line for each label of the second dimension, or a heat map.

    Parameters
    ----------
    result : Result or Solution
    *what : Affine or str
        Variables, ``rows.dual``, expressions; or names of variables, ``"offer"``, ``"market.g"``. By default all
        variables of one dimension that have the labels of the first one; twelve at most.
    kind : str
        Of two dimensions: ``"steps"``, ``"heat"``, or ``"auto"``: steps up to 8 labels.
    title : str, optional
        The problem's name by default.

    Returns
    -------
    matplotlib.figure.Figure
        Notebooks show it; ``.savefig("offer.png")`` writes it.

    Raises
    ------
    UnsupportedError
        matplotlib is not installed (``pip install 'kktgen[plots]'``).
    ProblemError
        No such variable; a number without dimensions, or more than two of them; labels that differ in one figure.
    NoSolutionError
        There is no point.

    See Also
    --------
    kktgen.Solution.frame : The values as a table.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> m = kg.Bilevel("plan")
    >>> x = m.var("x", lb=0, ub=[3, 1, 2], coords={"hour": ["07:00", "08:00", "09:00"]}, unit="MW")
    >>> m.maximize(x.sum())
    >>> solution = kg.solve(m)
    >>> if importlib.util.find_spec("matplotlib"):      # pip install 'kktgen[plots]'
    ...     axes = kg.plot(solution, "x").axes[0]
    ...     assert (axes.get_xlabel(), axes.get_ylabel()) == ("hour", "x (MW)")
    """
    solution = getattr(result, "solution", result)
    expect(solution, Solution, "plot", "give a Result or a Solution")
    if solution.z is None:
        raise NoSolutionError(f"plot: no point to draw: status {solution.status!r} ({solution.solver})")
    if kind not in KINDS:
        raise ProblemError(f"plot: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    items = [_item(solution, one) for one in what] or over_first_labels(solution)
    standing = claim(result) if hasattr(result, "report") else ""
    name = title or solution.model.name
    shape = items[0].coords.shape
    if len(shape) == 2 and (kind == "heat" or (kind == "auto" and shape[1] > LINES)):
        if len(items) > 1:
            raise ProblemError(f"plot: one heat map a figure; {items[0].name} and {items[1].name} were given")
        return _heat(items[0], name, standing)
    return figure(described(items, name), standing)


class Item:
    """Something to draw: its name, unit, labels and values."""

    def __init__(self, name: str, unit: str, coords: Coords, values: np.ndarray) -> None:
        self.name, self.unit, self.coords, self.values = name, unit, coords, values
        if len(coords.dims) not in (1, 2):
            count = len(coords.dims)
            cure = "take a part of it, x[0]" if count else "print it"
            raise ProblemError(f"plot: {name} has {count} dimensions, one or two can be drawn; {cure}")
        if not values.size:
            raise ProblemError(f"plot: {name} has no entries")

    @property
    def quantity(self) -> str:
        """Name of its axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def _item(solution: Solution, what: Any) -> Item:
    if isinstance(what, str):
        return of_block(solution, named_block(solution.model.space, what))
    if not isinstance(what, Affine):
        raise ProblemError(f"plot takes variables, linear expressions or names, got {type(what).__name__}")
    values = np.asarray(solution[what], dtype=float)
    return Item(name_of(what) or _price(what) or "value", unit_of(what), shown_coords(what), values)


def _price(expr: Affine) -> str:
    """Return the name of the multipliers of rows, such as ``dual of balance(market)``; empty of anything else."""
    if not expr.size or len(expr.M.indices) != expr.size:
        return ""
    first, last = int(expr.M.indices.min()), int(expr.M.indices.max())
    for block in expr.space.blocks:
        if block.start <= first and last < block.stop and block.role in ("lam", "mu"):
            return f"dual of {block.item or block.word}({block.follower})"
    return ""


def of_block(solution: Solution, block: Block) -> Item:
    """Return a variable of a solution as something to draw."""
    name = f"{block.word}({block.follower})" if block.follower else block.word
    assert solution.z is not None
    dims = tuple(f"dim_{k}" for k in range(len(block.shape))) if len(block.shape) != 1 else ("entry",)
    coords = block.coords or Coords(dims, tuple(tuple(range(size)) for size in block.shape))
    return Item(name, block.unit, coords, solution.z[block.start : block.stop].reshape(block.shape))


def over_first_labels(solution: Solution) -> list[Item]:
    """Return the variables of one dimension with the labels of the first such variable.

    Raises
    ------
    ProblemError
        There is none.
    """
    blocks = [b for b in solution.model.space.blocks if b.role in ("leader", "follower") and b.index is None]
    lines = [b for b in blocks if len(b.shape) == 1 and b.shape[0] > 1 and (b.coords is None or not b.coords.bare)]
    lines = [b for b in lines if b.coords] or lines
    if not lines:
        raise ProblemError("plot: no variable of one dimension; name what is to be drawn: kg.plot(result, x)")
    first = of_block(solution, lines[0])
    items = [of_block(solution, b) for b in lines if b.shape == lines[0].shape]
    return [one for one in items if one.coords == first.coords]


def own_plots(solution: Solution) -> dict[str, Plot]:
    """Return a plot of the labelled variables over each list of labels, by the dimension's name.

    Those of one dimension, and those of two with few labels in the second.

    Parameters
    ----------
    solution : Solution
        With a point.

    Returns
    -------
    dict of str to Plot

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("plan")
    >>> x = m.var("x", lb=0, ub=[3, 1], coords={"hour": ["07:00", "08:00"]}, unit="MW")
    >>> m.maximize(x.sum())
    >>> {name: one["title"] for name, one in kg.plots.own_plots(kg.solve(m)).items()}
    {'hour': 'by hour'}
    """
    blocks = [b for b in solution.model.space.blocks if b.role in ("leader", "follower") and b.index is None]
    groups: dict[tuple[str, tuple[Any, ...]], list[Item]] = {}
    for block in blocks:
        if block.coords is None or block.coords.bare or len(block.shape) not in (1, 2) or block.shape[0] < 2:
            continue
        if len(block.shape) == 1 or 0 < block.shape[1] <= LINES:
            groups.setdefault((block.coords.dims[0], block.coords.labels[0]), []).append(of_block(solution, block))
    return {
        f"{dim} {k}" if k else dim: described(items, f"by {dim}") for k, ((dim, _), items) in enumerate(groups.items())
    }


def described(items: list[Item], title: str) -> Plot:
    """Return the description of a figure: a panel for each unit of what has one dimension, and for each of two."""
    first = items[0].coords
    for one in items:
        if (one.coords.dims[0], one.coords.labels[0]) != (first.dims[0], first.labels[0]):
            raise ProblemError(
                f"plot: {items[0].name} is over {first.dims[0]} ({first.shape[0]} labels), {one.name} over "
                f"{one.coords.dims[0]} ({one.coords.shape[0]}); draw them in figures of their own"
            )
    panels: dict[str, Panel] = {}
    k = itertools.count()
    for one in items[:PANELS]:
        if len(one.coords.dims) == 2:
            texts = one.coords.texts[1]
            series: list[Series] = [_series(label, one.values[:, j], next(k)) for j, label in enumerate(texts)]
            panels[one.name] = {"quantity": one.name, "unit": one.unit, "series": series}
        else:
            key = f"unit {one.unit}" if one.unit else one.name
            panel = panels.setdefault(key, {"quantity": one.name, "unit": one.unit, "series": []})
            panel["quantity"] = one.name if not panel["series"] else "value"
            panel["series"].append(_series(one.name, one.values, next(k)))
    out: Plot = {"title": title, "x": list(first.texts[0]), "xlabel": first.dims[0], "panels": list(panels.values())}
    if len(items) > PANELS:
        out["note"] = "not drawn: " + first_names([one.name for one in items[PANELS:]], 6)
    return out


def _series(label: str, values: np.ndarray, k: int) -> Series:
    """Return steps in the k-th colour; when colours are used up, the next dash."""
    dash = list(DASHES)[k // len(_COLORS) % len(DASHES)]
    return {"label": label, "kind": "step", "values": values + 0.0, "color": _COLORS[k % len(_COLORS)], "dash": dash}


def _heat(item: Item, title: str, standing: str) -> Any:
    dims, texts = item.coords.dims, item.coords.texts
    return heat_map(item.values, title, item.quantity, (dims[1], texts[1]), (dims[0], texts[0]), standing)
