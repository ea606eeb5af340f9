"""Run HiGHS and Clarabel for some seconds at most, in reach of Ctrl-C.

Python hears Ctrl-C between two calls of a library, so what may take long works in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

import highspy
import numpy as np

from .background import in_background

SLICE = 1.0
"""Seconds an LP may take before it goes on in the background."""
LONG = 20_000
"""Entries from which on a QP works in the background: smaller ones end before Ctrl-C could matter."""

Outcome = TypeVar("Outcome")


def highs_within(highs: Any, seconds: float | None, run: Callable[[], Outcome]) -> Outcome:
    """Return what a run of HiGHS on its LP returns, its time limit being set.

    Parameters
    ----------
    highs : highspy.Highs
    seconds : float or None
        From now on: HiGHS's own clock runs on from solve to solve.
    run : callable
        Has ``highs`` run.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C was pressed.
    """
    begun = highs.getRunTime()
    first = SLICE if seconds is None else min(SLICE, seconds)
    highs.setOptionValue("time_limit", begun + first)
    out = run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kTimeLimit or first == seconds:
        return out
    highs.setOptionValue("time_limit", np.inf if seconds is None else begun + seconds)
    stop, found = Event(), []

    def heard(event: Any) -> None:
        if stop.is_set():
            event.interrupt()

    calls: list[Any] = [highs.cbSimplexInterrupt, highs.cbIpmInterrupt]
    for event in calls:
        event.subscribe(heard)
    try:
        if in_background(lambda: found.append(run()), stop.set):
            raise KeyboardInterrupt
    finally:
        for event in calls:
            event.unsubscribe(heard)
    return found[0]


def clarabel_within(solver: Any, entries: int) -> Any:
    """Return what a Clarabel solver of so many entries finds; its time limit stands in its settings.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C was pressed.
    """
    if entries <= LONG:
        return solver.solve()
    stop, found = Event(), []
    if hasattr(solver, "set_termination_callback"):
        solver.set_termination_callback(lambda info: stop.is_set())
    if in_background(lambda: found.append(solver.solve()), stop.set):
        raise KeyboardInterrupt
    return found[0]
