"""Progress of a solve, told to the user now and then; and the best points so far, for whoever keeps them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...progress import Told

COST = 0.05
"""Share of the time that keeping points may take."""


class Watch:
    """Calls the user's ``progress`` at most every ``every`` seconds, whichever thread the solver works in.

    Parameters
    ----------
    progress : callable or None
        Takes seconds, nodes, incumbent, bound and gap, see :class:`kktgen.Progress`.
    sense : int
        Sense of the model: solvers report the minimised objective, the user sees his own.
    every : float
        Seconds between two calls.
    keep : callable, optional
        Takes the best point so far (n,), as often as that costs no more than a share ``COST`` of the time.

    Notes
    -----
    An exception of ``progress`` must not travel through a solver written in C: it is kept, :meth:`tell` asks the
    solver to stop, and :meth:`close` raises it in the caller's thread.
    """

    def __init__(
        self, progress: Told | None, sense: int = 1, every: float = 0.25,
        keep: Callable[[np.ndarray], Any] | None = None,
    ) -> None:  # fmt: skip
        self.progress = progress
        self.keep = keep
        self.sense = sense
        self.every = every
        self.error: BaseException | None = None
        self._start = time.perf_counter()
        self._next = self._free = 0.0
        self._owed = False

    @property
    def active(self) -> bool:
        """Whether anybody listens."""
        return self.progress is not None

    def due(self) -> bool:
        """Return whether it is time to tell something."""
        return self.active and self.error is None and time.perf_counter() >= self._next

    def tell(self, nodes: int, incumbent: float, bound: float) -> bool:
        """Pass on the state of the search (minimised values, infinite ones mean none); False asks to stop."""
        self._next = time.perf_counter() + self.every
        best, proved = finite(incumbent), finite(bound)
        gap = None if best is None or proved is None else abs(best - proved) / max(1.0, abs(best))
        info = {
            "seconds": time.perf_counter() - self._start,
            "nodes": nodes,
            "incumbent": None if best is None else self.sense * best,
            "bound": None if proved is None else self.sense * proved,
            "gap": gap,
        }
        try:
            if self.progress is not None:
                self.progress(info)
        except BaseException as error:
            self.error = error
        return self.error is None

    def found(self, new: bool, point: Callable[[], np.ndarray]) -> None:
        """Have the best point kept, now or when there is time; ``new`` says that it is another one than before."""
        if self.keep is None:
            return
        self._owed |= new
        begun = time.perf_counter()
        if not self._owed or begun < self._free:
            return
        self._owed = False
        try:
            self.keep(point())
        except BaseException as error:
            self.error = error
        now = time.perf_counter()
        self._free = now + (now - begun) / COST

    def close(self) -> None:
        """Raise what ``progress`` raised."""
        if self.error is not None:
            raise self.error


def finite(value: float) -> float | None:
    """Return the number, or None when it stands for infinity or nothing."""
    return float(value) if np.isfinite(value) and abs(value) < 1e20 else None
