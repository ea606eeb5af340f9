"""Seconds left of a time limit."""

from __future__ import annotations

import time


class OutOfTime(Exception):
    """The time limit is used up."""


class Clock:
    """A time limit for several stages.

    Parameters
    ----------
    limit : float or None
        Seconds; None for no limit.
    """

    def __init__(self, limit: float | None) -> None:
        self._begun = time.monotonic()
        self._limit = limit

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def left(self, most: float | None = None) -> float | None:
        """Return the seconds left, at most ``most``; None without any limit.

        Raises
        ------
        OutOfTime
            Nothing is left.
        """
        if self._limit is None:
            return most
        left = self._limit - self.spent
        if left <= 0:
            raise OutOfTime
        return left if most is None else min(left, most)

    def rest(self, most: float) -> Clock:
        """Return a clock of its own for a stage that may take ``most`` seconds, an empty one where none are left."""
        return Clock(most if self._limit is None else max(min(most, self._limit - self.spent), 0.0))

    def part(self, most: float) -> Clock:
        """Return a clock of its own for a stage that may take ``most`` seconds."""
        return Clock(self.left(most))
