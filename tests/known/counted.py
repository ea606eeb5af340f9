"""A clock that only work moves: a second for every LP and QP, and for every solver as much as it was given.

Wall time on a busy machine says little; this clock says the same on every machine. It also says how much was done
between two looks at it: work that asks no deadline shows as a long stretch.
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from kktgen import deadline
from kktgen.numerics import interior, warm_lp

REAL = 5.0
"""Seconds a program or a solver really gets at most."""
FOREVER = 1e6
"""What a solver takes that has no limit."""


class Counted:
    """The clock: ``now`` moves by :meth:`work`; ``longest`` is the longest stretch between two looks."""

    def __init__(self) -> None:
        self.now = self.looked = self.longest = 0.0
        self.solved = 0

    def __call__(self) -> float:
        """Look at the clock."""
        self.longest = max(self.longest, self.now - self.looked)
        self.looked = self.now
        return self.now

    def work(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.solved += 1

    def begin(self) -> None:
        """Set it to zero."""
        self.now = self.looked = self.longest = 0.0
        self.solved = 0


def install(monkeypatch: pytest.MonkeyPatch, real: float = REAL) -> Counted:
    """Put the clock in place of the real one; a solver really gets ``real`` seconds."""
    counted = Counted()
    run_highs, run_clarabel = warm_lp.highs_within, interior.clarabel_within

    def highs_within(highs: Any, seconds: float | None, run: Any) -> Any:
        counted.work(1.0 if seconds is None else min(1.0, seconds))
        return run_highs(highs, REAL if seconds is None or seconds >= 1.0 else 0.0, run)

    def clarabel_within(solver: Any, entries: int) -> Any:
        counted.work(1.0)
        return run_clarabel(solver, entries)

    monkeypatch.setattr(deadline, "clock", counted)
    monkeypatch.setattr(warm_lp, "highs_within", highs_within)
    monkeypatch.setattr(interior, "clarabel_within", clarabel_within)
    for module in importlib.import_module("kktgen.solvers").solver_modules().values():
        monkeypatch.setattr(module, "solve", _greedy(module.solve, counted, real))
    return counted


def _greedy(solve: Any, counted: Counted, real: float) -> Any:
    """Return a solver that takes all the time it is given."""

    def greedy(model: Any, *, time_limit: float | None = None, **more: Any) -> Any:
        found = solve(model, time_limit=real, **more)
        counted.work(FOREVER if time_limit is None else time_limit)
        counted.looked = counted.now  # it has looked at a clock of its own
        return found

    return greedy
