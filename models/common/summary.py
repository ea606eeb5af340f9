"""What the reports of the benchmark families have in common: the model's own word, and a table of the answer."""

from __future__ import annotations

from typing import Any

import kktgen as kg


def of_model(result: Any, word: str, name: str) -> Any:
    """Return the problem behind a result.

    Parameters
    ----------
    result : Result
    word : str
        Attribute that the problems of the model have.
    name : str
        The model.

    Raises
    ------
    ProblemError
        The result is of another model.
    """
    game = result.bilevel
    if not hasattr(game, word):
        raise kg.ProblemError(f"report: {game!r} was not made by {name}.build(...)")
    return game


def answer(result: Any, title: str, note: str = "") -> kg.Table:
    """Return objective, bound, claim and the seconds of all stages as a table.

    Raises
    ------
    NoSolutionError
        The result has no point.
    """
    value, bound = result.solution.objective, result.bound
    if value is None:
        raise kg.NoSolutionError(f"report: no point was found ({result.solution.status})")
    rows = (
        ("objective", f"{value:.7g}"),
        ("bound", "none" if bound is None else f"{bound:.7g}"),
        ("claim", result.report.claim),
        ("seconds", f"{sum(result.seconds.values()):.1f}"),
    )
    return kg.Table(title, ("", "value"), rows, note)
