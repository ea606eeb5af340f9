"""Descriptions drawn by matplotlib and written to files."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...errors import FormatError, UnsupportedError
from ...formats.writing.files import file_path, replace_file
from ...wording import near
from .describe import COLORS, DASHES, Panel, Plot, check

INSTALL = "pip install 'kktgen[plots]'"
SUFFIXES = (".png", ".svg")
OWN = len(COLORS) - 2
MARKERS = "Dov^s"
STYLE = {
    "font.size": 10.0, "axes.titlesize": 10.0, "axes.labelsize": 10.0, "legend.fontsize": 9.0,
    "xtick.labelsize": 9.0, "ytick.labelsize": 9.0, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titleweight": "bold",
    "axes.grid": True, "axes.grid.axis": "y", "grid.color": "#DDDDDD", "axes.axisbelow": True, "legend.frameon": False,
    "text.parse_math": False, "svg.hashsalt": "kktgen", "savefig.dpi": 150.0,
}  # fmt: skip
ROUNDING = 1e-6
"""Share of the height of an axis that cannot be seen."""
ROOM = 112
"""Characters below an axis as wide as the figure."""
WIDTH, HEADER, LINE = 9.5, 0.72, 0.19
"""Inches: width of a figure, height of title and subtitle, height of a line of the note."""


def check_suffix(suffix: str) -> str:
    """Return the suffix of a figure's file, or refuse one that cannot be written.

    Examples
    --------
    >>> from kktgen import catalog
    >>> catalog.plots.check_suffix(".svg")
    '.svg'
    >>> catalog.plots.check_suffix(".pdf")
    Traceback (most recent call last):
        ...
    kktgen.errors.FormatError: no figures are written as '.pdf'; take .png or .svg
    """
    if suffix not in SUFFIXES:
        raise FormatError(f"no figures are written as {suffix!r}{near(suffix, SUFFIXES)}; take {' or '.join(SUFFIXES)}")
    return suffix


def check_library() -> None:
    """Refuse to draw where matplotlib is not installed.

    Raises
    ------
    UnsupportedError
        With the line that installs it.

    Examples
    --------
    Before a long solve whose result is to be drawn:

    >>> import kktgen as kg
    >>> try:
    ...     kg.plots.check_library()
    ... except kg.UnsupportedError as error:
    ...     assert "pip install" in str(error)
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(f"plots need matplotlib, which cannot be imported ({error}): {INSTALL}") from None


def claim(result: Any) -> str:
    """Return what may be claimed of a result, in one line: optimal with its gap, or how far it is proved.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> print(kg.plots.claim(kg.optimize(m)))
    proved optimal (gap 0 %)
    """
    report = result.report
    if report is None or not report.ok:
        return "not verified"
    reach = "" if report.gap is None else f" (gap {100 * report.gap:.1g} %)"
    if report.claim == "optimal":
        return f"proved optimal{reach}"
    if report.claim == "pessimistic optimal":
        return f"proved pessimistic optimum{reach}"
    if report.claim in ("equilibrium verified", "pessimistic bracket"):
        return f"{report.claim}{reach}" if reach else report.claim
    return f"{report.claim}, " + (f"not proved optimal{reach}" if reach else "no bound on the optimum")


def figure(plot: Plot, standing: str = "") -> Any:
    """Return the matplotlib figure of a description.

    Parameters
    ----------
    plot : Plot
        See :mod:`kktgen.catalog.plots`.
    standing : str
        Stands behind the plot's own subtitle, such as :func:`claim`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ProblemError
        The description is not one: which panel and series, and what was expected.
    UnsupportedError
        Without matplotlib.

    See Also
    --------
    kktgen.catalog.plots.save : Into a file.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> day = {"title": "Prices", "x": [1, 2, 3], "xlabel": "hour", "panels": [
    ...     {"quantity": "price", "unit": "EUR/MWh", "series": [
    ...         {"label": "wholesale", "kind": "step", "values": [30, 45, 40]}]}]}
    >>> if importlib.util.find_spec("matplotlib"):      # pip install 'kktgen[plots]'
    ...     drawn = kg.plots.figure(day, "proved optimal")
    ...     assert drawn.axes[0].get_ylabel() == "price (EUR/MWh)"
    """
    check_library()
    check(plot)
    from matplotlib import style

    with style.context(["default", STYLE]):
        return _drawn(plot, standing)


def save(plot: Plot, path: str | os.PathLike[str], standing: str = "") -> Path:
    """Write the figure of a description; the suffix says how, and the same data give the same bytes.

    Parameters
    ----------
    plot : Plot
    path : path
        Ends in ``.png`` or ``.svg``.
    standing : str
        See :func:`figure`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FormatError
        Another suffix, or the folder is not there or cannot be written.
    ProblemError, UnsupportedError
        See :func:`figure`.

    Examples
    --------
    >>> import importlib.util, pathlib, tempfile
    >>> import kktgen as kg
    >>> day = {"title": "Prices", "x": [1, 2, 3], "xlabel": "hour", "panels": [
    ...     {"quantity": "price", "unit": "EUR/MWh", "series": [
    ...         {"label": "wholesale", "kind": "step", "values": [30, 45, 40]}]}]}
    >>> if importlib.util.find_spec("matplotlib"):      # pip install 'kktgen[plots]'
    ...     with tempfile.TemporaryDirectory() as folder:
    ...         assert kg.plots.save(day, pathlib.Path(folder) / "day.svg").is_file()
    """
    target = file_path(path)
    suffix = check_suffix(target.suffix.lower())
    drawn = figure(plot, standing)
    from matplotlib import style

    def fill(file: IO[bytes]) -> None:
        drawn.savefig(file, format=suffix[1:], metadata={"Date": None} if suffix == ".svg" else None)

    with style.context(["default", STYLE]):
        return replace_file(target, fill)


def inline(plot: Plot, standing: str = "", prefix: str = "") -> str:
    """Return the figure of a description as SVG to stand within a page, in the colours of the page.

    Parameters
    ----------
    plot : Plot
    standing : str
        See :func:`figure`.
    prefix : str
        Stands before every id, so that several may stand in one page.

    Returns
    -------
    str
        An element ``svg``. It refers to nothing outside of it.

    Raises
    ------
    ProblemError, UnsupportedError
        See :func:`figure`.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> day = {"title": "Prices", "x": [1, 2, 3], "xlabel": "hour", "panels": [
    ...     {"quantity": "price", "unit": "EUR/MWh", "series": [
    ...         {"label": "wholesale", "kind": "step", "values": [30, 45, 40]}]}]}
    >>> if importlib.util.find_spec("matplotlib"):      # pip install 'kktgen[plots]'
    ...     assert kg.plots.inline(day).startswith("<svg ")
    """
    drawn, out = figure(plot, standing), io.StringIO()
    from matplotlib import style

    with style.context(["default", STYLE, {"svg.fonttype": "none"}]):
        drawn.savefig(
            out, format="svg", transparent=True, metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"])
        )
    return within_page(out.getvalue(), prefix)


def within_page(svg: str, prefix: str) -> str:
    """Return an SVG file as an element: no prolog, names with a prefix, black and greys as the page has them."""
    body = svg[svg.index("<svg ") :].strip()
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", body)
    body = re.sub(r"#(000000|444444|262626)\b", "currentColor", body)
    body = body.replace("<text ", '<text fill="currentColor" ')
    return re.sub(r"#dddddd\b", "var(--line, #dddddd)", body, flags=re.IGNORECASE)


def heat_map(
    values: np.ndarray, title: str, quantity: str, across: tuple[str, Sequence[str]], down: tuple[str, Sequence[str]],
    standing: str = "",
) -> Any:  # fmt: skip
    """Return a figure of a matrix: labels of both dimensions at the axes, the quantity at the bar of colours.

    Parameters
    ----------
    values : ndarray (m, n)
    title, quantity, standing : str
    across, down : tuple of (str, sequence of str)
        Name and labels of the second and of the first dimension.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UnsupportedError
        Without matplotlib.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> import numpy as np
    >>> if importlib.util.find_spec("matplotlib"):      # pip install 'kktgen[plots]'
    ...     drawn = kg.plots.heat_map(np.eye(2), "Plan", "x (MW)", ("bus", ["n", "s"]), ("hour", ["7", "8"]))
    ...     assert drawn.axes[1].get_ylabel() == "x (MW)"
    """
    check_library()
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", STYLE, {"axes.grid": False}]):
        height = min(12.0, max(3.2, 1.6 + 0.22 * len(values)))
        fig: Any = Figure(figsize=(WIDTH, height), layout="constrained")
        fig.get_layout_engine().set(rect=(0.1 / WIDTH, 0.0, 1.0 - 0.2 / WIDTH, 1.0 - HEADER / height))
        _words(fig, {"title": title, "x": [], "xlabel": "", "panels": []}, standing, WIDTH, height)
        ax = fig.subplots()
        image = ax.imshow(values, aspect="auto", interpolation="nearest", cmap="viridis")
        for axis, (name, labels) in ((ax.xaxis, across), (ax.yaxis, down)):
            every = -(-len(labels) // 24)
            axis.set_ticks(range(0, len(labels), every), labels[::every])
            axis.set_label_text(name)
        if max(map(len, across[1]), default=0) * len(across[1]) > 90:
            ax.tick_params(axis="x", rotation=45)
        fig.colorbar(image, ax=ax, label=quantity)
    return fig


def _slots(x: Any) -> tuple[np.ndarray, list[str] | None]:
    """Return where x stands, and the words at its slots; None where x is a scale."""
    x = np.asarray(x)
    if x.dtype.kind in "iu":
        return x.astype(float), [str(value) for value in x]
    if x.dtype.kind in "US":
        return np.arange(len(x), dtype=float), x.tolist()
    return x.astype(float), None


def _drawn(plot: Plot, standing: str) -> Any:
    """Return the figure: panels one below the other, more than three in two columns, one legend beside them."""
    from matplotlib.figure import Figure

    panels = plot["panels"]
    columns = 1 if len(panels) <= 3 else 2
    rows, footer = -(-len(panels) // columns), 0.1 + LINE * len(plot.get("note", "").splitlines())
    width, body = WIDTH * (1.0 if columns == 1 else 1.6), rows * (3.9 if rows == 1 else 2.5)
    height = HEADER + footer + body
    fig: Any = Figure(figsize=(width, height), layout="constrained")
    fig.get_layout_engine().set(rect=(0.1 / width, footer / height, 1.0 - 0.2 / width, body / height))
    _words(fig, plot, standing, width, height)
    axes = fig.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    colors: dict[str, str] = {}
    handles: dict[str, Any] = {}
    for k, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        _panel(ax, panel, plot["x"], colors, handles)
        _ticks(ax, plot["x"], most=24 // columns)
        last = k + columns >= len(panels)
        ax.tick_params(labelbottom=last)
        if last:
            ax.set_xlabel(plot["xlabel"])
    for ax in axes[len(panels) :]:
        ax.remove()
    if all(len(p["series"]) == 1 and p["series"][0]["label"] == p["quantity"] for p in panels):
        return fig
    beside = axes[columns - 1]
    beside.legend(list(handles.values()), list(handles), loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    return fig


def _words(fig: Any, plot: Plot, standing: str, width: float, height: float) -> None:
    """Write title and subtitle above the panels, the note below."""
    said = "; ".join(part for part in (plot.get("subtitle", ""), standing) if part)
    left = 0.1 / width
    fig.text(left, 1.0 - 0.1 / height, plot["title"], size=13, weight="bold", va="top")
    fig.text(left, 1.0 - 0.4 / height, said, size=10, va="top", color="#444444")
    fig.text(left, 0.08 / height, plot.get("note", ""), size=9, va="bottom", color="#444444")


def _ticks(ax: Any, x: Any, most: int) -> None:
    """Name the slots, as many as there is room for, and end the axis with them."""
    at, words = _slots(x)
    if words is None:
        return
    room = min(most, max(2, ROOM * most // 24 // (2 + max(map(len, words)))))
    every = -(-len(at) // room)
    ax.set_xticks(at[::every], words[::every])
    edges = _edges(at)
    ax.set_xlim(edges[0] - 0.2, edges[-1] + 0.2)


def _panel(ax: Any, panel: Panel, x: Any, colors: dict[str, str], handles: dict[str, Any]) -> None:
    """Draw one panel; a label has one colour and one entry of the legend in the whole figure."""
    bars = [series["label"] for series in panel["series"] if series["kind"] == "bar"]
    below = above = np.zeros(len(np.asarray(x)))
    for series in panel["series"]:
        label, kind, values = series["label"], series["kind"], np.asarray(series["values"], dtype=float)
        free = [name for name in list(COLORS)[:OWN] if COLORS[name] not in colors.values()] or list(COLORS)
        color = colors.setdefault(label, COLORS[series.get("color", free[0])])
        at, words = _slots(series.get("x", x))
        if kind == "bar":
            width = 0.8 * _pitch(at) / len(bars)
            shift = width * (bars.index(label) - 0.5 * (len(bars) - 1))
            drawn = ax.bar(at + shift, values, width, color=color)
        elif kind == "stack":
            up, down = np.nan_to_num(values).clip(min=0.0), np.nan_to_num(values).clip(max=0.0)
            drawn = ax.bar(at, up, 0.86 * _pitch(at), bottom=above, color=color)
            ax.bar(at, down, 0.86 * _pitch(at), bottom=below, color=color)
            above, below = above + up, below + down
        elif kind == "band" and words is not None:
            drawn = ax.stairs(
                values[1], _edges(at), baseline=values[0], fill=True, color=color, alpha=0.25, linewidth=0
            )
        elif kind == "band":
            drawn = ax.fill_between(at, *values, color=color, alpha=0.25, linewidth=0)
        elif kind == "step":
            dash = DASHES[series.get("dash", "solid")]
            drawn = ax.stairs(values, _edges(at), baseline=None, linewidth=1.8, linestyle=dash, color=color)
        else:
            marker = MARKERS[list(colors).index(label) % len(MARKERS)] if kind == "mark" else ""
            dash = "" if kind == "mark" else DASHES[series.get("dash", "solid")]
            (drawn,) = ax.plot(
                at, values, linewidth=1.8, linestyle=dash, color=color, marker=marker, markersize=7, mec="white"
            )
        handles.setdefault(label, drawn)
    ax.set_title(panel.get("title", ""), loc="left")
    ax.set_ylabel(f"{panel['quantity']} ({panel['unit']})" if panel["unit"] else panel["quantity"])
    ax.use_sticky_edges = False  # else the top of a stack is the top of the axes
    if any(series["kind"] in ("bar", "stack") for series in panel["series"]):
        ax.axhline(0.0, color="black", linewidth=0.8)
        low, high = ax.dataLim.intervaly
        if low > -ROUNDING * high:
            ax.set_ylim(bottom=0.0)


def _pitch(at: np.ndarray) -> float:
    """Return the distance of neighbouring slots."""
    return float(np.diff(at).min()) if len(at) > 1 else 1.0


def _edges(at: np.ndarray) -> np.ndarray:
    """Return where slots begin and end (n+1,): halfway between them."""
    if len(at) == 1:
        return at[0] + np.array([-0.5, 0.5])
    middle = 0.5 * (at[1:] + at[:-1])
    return np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
