"""How much of a time limit is left, and which share of it each stage may take.

A :class:`Deadline` is made once, where a limit is given, and handed down to every LP, QP, solver and response below.
Ctrl-C is a deadline that has come: who keeps what was found so far calls :meth:`Deadline.stop`, and all stages end.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

clock: Callable[[], float] = time.monotonic
"""Seconds that pass for all deadlines; the processes of one machine share them. Tests put a counted clock here."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
"""What tells two machines apart, whose clocks have nothing in common, and one machine before and after a restart."""


@dataclass(frozen=True)
class Share:
    """Which part of a whole limit a stage may take, and how many seconds at most: ``most + each * size``."""

    part: float
    most: float = inf
    each: float = 0.0


SHARES = {
    "eliminate": Share(0.02),  # the weights that rid the objective of its products
    "bound": Share(0.18),  # proved boxes; what is proved by then is kept
    "cut": Share(0.03),  # both relaxations that say whether the inequalities pay
    "start": Share(0.10, most=10.0, each=1.5e-3),  # heuristics, also where there is no limit; its size: the pairs
    "level": Share(0.02, most=10.0),  # boxes of the level set of the start point, and the bounds that follow
    "tighten": Share(0.25),  # rounds over the subproblems of many followers, where that pays
    "evidence": Share(0.05),  # kept for a second encoding, where the claim may need one
    "range": Share(0.05),  # kept for the ties of the followers, where asked for
    "verify": Share(0.05),  # kept for polish and verification
}
"""What each stage may take of the limit of :func:`kktgen.optimize`. The solver has all that is left: half of it at
least (a quarter after rounds over many followers), and what the stages before it did not need; what is kept for stages
after it and not needed is given back."""
LAST = 1.0
"""Seconds the last stage has in any case, a limit used up or not: no point goes out unverified for want of a second."""


@cache
def machine() -> str:
    """Return what all processes that share a clock have in common."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return platform.node()


class OutOfTime(Exception):
    """The time limit is used up."""


class Deadline:
    """The time by which work is to end.

    Parameters
    ----------
    limit : float or None
        Seconds from now; None for no limit.

    Attributes
    ----------
    begun, end : float
        On :data:`clock`.
    """

    def __init__(self, limit: float | None = None) -> None:
        self.begun = clock()
        self.limit = inf if limit is None else float(limit)
        self.end = self.begun + self.limit
        self._stopped: list[bool] = []  # shared with all its parts

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "machine": machine(), "now": clock()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        there, now = state.pop("machine"), state.pop("now")
        self.__dict__.update(state)
        if there != machine():  # what was left when it was sent is left here
            later = clock() - now
            self.begun += later
            self.end += later

    def __repr__(self) -> str:
        return "Deadline()" if self.limit == inf else f"Deadline({self.limit:g})"

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return clock() - self.begun

    @property
    def stopped(self) -> bool:
        """Whether it, a part of it, or what it is a part of was stopped."""
        return bool(self._stopped)

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.stopped or (self.end < inf and clock() >= self.end)

    def left(self, most: float | None = None) -> float | None:
        """Return the seconds left (0 where it is over), at most ``most``; None without any limit."""
        if self.stopped:
            return 0.0
        if self.end == inf:
            return most
        left = max(self.end - clock(), 0.0)
        return left if most is None else min(left, most)

    def check(self) -> Deadline:
        """Return itself.

        Raises
        ------
        OutOfTime
            It is over.
        """
        if self.over:
            raise OutOfTime
        return self

    def stop(self) -> None:
        """Let it be over now, with all its parts and all it is a part of: Ctrl-C was pressed."""
        self._stopped.append(True)

    def part(self, most: float | None) -> Deadline:
        """Return the deadline of work that may take ``most`` seconds, and no longer than this one."""
        out = Deadline(most)
        out.end = min(out.end, self.end)
        out._stopped = self._stopped
        return out

    def share(self, stage: str, size: int = 0) -> Deadline:
        """Return the deadline of a stage: its share of the whole limit (:data:`SHARES`), and what is left at most.

        What a stage may take without a limit grows with the size of what it works on.
        """
        share = SHARES[stage]
        return self.part(min(share.part * self.limit, share.most + share.each * size))

    def before(self, *stages: str) -> Deadline:
        """Return the deadline of work after which the shares of some stages are left."""
        out = self.part(None)
        out.end -= sum(SHARES[stage].part for stage in stages) * self.limit if self.limit < inf else 0.0
        return out

    def last(self) -> Deadline:
        """Return the deadline of the last stage: what is left, but ``LAST`` seconds at least, even where stopped."""
        return Deadline(None if self.end == inf else max(self.end - clock(), LAST))


NEVER = Deadline()
"""No limit at all."""
