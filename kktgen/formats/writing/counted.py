"""Progress of a file that is being written: lines and bytes, told now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import IO, Any

EVERY = 0.25
"""Seconds between two reports."""


class Counted:
    """A binary file that tells how far its writing is.

    Parameters
    ----------
    file : binary file
    progress : callable
        Told ``{"text": "day.mps 43 %, 84 MB", "fraction": 0.43}``, at most four times a second.
    name : str
        Of the file.
    total : int
        How many lines are expected, roughly.
    """

    def __init__(self, file: IO[bytes], progress: Callable[[Mapping[str, Any]], None], name: str, total: int) -> None:
        self._file, self._progress, self._name, self._total = file, progress, name, max(1, total)
        self._bytes, self._lines, self._next = 0, 0, time.monotonic() + EVERY

    def write(self, data: bytes) -> int:
        """Write bytes, and tell of it when it is time."""
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._tell(min(0.99, self._lines / self._total))
        return self._file.write(data)

    def done(self) -> None:
        """Tell of the whole file."""
        self._tell(1.0)

    def _tell(self, fraction: float) -> None:
        text = f"{self._name} {100 * fraction:.0f} %, {self._bytes / 1e6:.0f} MB"
        self._progress({"text": text, "fraction": fraction})
