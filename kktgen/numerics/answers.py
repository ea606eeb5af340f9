"""What became of an LP or a QP, and who hears of those that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Answer:
    """The outcome of one LP or QP.

    Parameters
    ----------
    status : str
        ``optimal``, ``infeasible``, ``unbounded``, ``limit`` or ``error``.
    x : ndarray (n,) or None
    value : float
        Objective; inf when infeasible, -inf when unbounded, nan otherwise without an optimum.
    row_dual, col_dual : ndarray
        d(value)/d(right-hand side) and reduced costs; empty without an optimum. Of an infeasible LP, row_dual is the
        ray of row prices that proves it, where HiGHS has one.
    words : str
        Of the status ``error``: what the solver says itself.
    normals : tuple of ndarray
        Of every row with a norm (:mod:`kktgen.numerics.conic`) the unit vector, or less, that supports it.
    """

    status: str
    x: np.ndarray | None
    value: float
    row_dual: np.ndarray
    col_dual: np.ndarray
    words: str = ""
    normals: tuple[np.ndarray, ...] = ()

    @property
    def ending(self) -> str:
        """The status as messages say it, with the solver's own words."""
        return f"{self.status!r}" + (f" ({self.words})" if self.words else "")


_LISTENING: ContextVar[tuple[list[str], ...]] = ContextVar("listening", default=())


def ended(status: str, words: str) -> Answer:
    """Return an answer without a point; the words are those of an error."""
    value = {"infeasible": np.inf, "unbounded": -np.inf}.get(status, np.nan)
    if status != "error":
        return Answer(status, None, value, np.empty(0), np.empty(0))
    return Answer(status, None, value, np.empty(0), np.empty(0), words)


@contextmanager
def failures() -> Iterator[list[str]]:
    """Collect the words of every answer of status ``error`` that is given in the meantime."""
    heard: list[str] = []
    token = _LISTENING.set((*_LISTENING.get(), heard))
    try:
        yield heard
    finally:
        _LISTENING.reset(token)


def told(answer: Answer) -> Answer:
    """Return an answer after those who listen have heard of its failure."""
    for heard in _LISTENING.get() if answer.status == "error" else ():
        heard.append(answer.words)
    return answer
