"""An external program at work: its log, its time limit held from outside, the Ctrl-C of its caller passed on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import SolverError
from ..driving.watch import Watch
from ..isolation.group import Group
from ..isolation.process import GRACE, TICK, Interrupts

LATE = 0.5
"""Seconds a program has to end after it was interrupted for the time."""
PATIENCE = 15.0
"""Seconds a program has to end after the first Ctrl-C."""
LINES = 20_000
"""Lines of a log that are kept, the last ones."""


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Parameters
    ----------
    code : int
        Its exit code, minus the number of the signal that killed it.
    stopped : str
        Why it was stopped: ``"time"``, ``"interrupt"``, ``"progress"``; empty where it ended by itself.
    log : str
        What it printed.
    """

    code: int
    stopped: str
    log: str

    def tail(self, lines: int = 8) -> str:
        """Return the last lines of the log that are not empty."""
        kept = [line.rstrip() for line in self.log.splitlines() if line.strip()]
        return "\n  ".join(["", *(line[:200] for line in kept[-lines:])]) if kept else " (nothing)"

    def how(self) -> str:
        """Return in words how it ended."""
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        return f"died (signal {-self.code}: {signal.strsignal(-self.code) or 'unknown'})"


def run(
    command: Sequence[str], folder: Path | None, seconds: float | None, margin: float, verbose: bool, watch: Watch
) -> Ended:
    """Run a program to its end, or end it.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; no shell reads them.
    folder : Path or None
        Where it runs; None for the current folder.
    seconds, margin : float
        It is interrupted so many seconds after its time limit, and killed where it does not end then.
    verbose : bool
        Show its log.
    watch : Watch
        Told of the time, nothing else is known.

    Raises
    ------
    SolverError
        It cannot be started.
    """
    with _Running(command, folder, verbose) as program, Interrupts(program) as interrupts:
        stopped = _attend(program, None if seconds is None else time.monotonic() + seconds + margin, watch, interrupts)
        code = program.end()
    return Ended(code, stopped, program.log)


def _attend(program: _Running, end: float | None, watch: Watch, interrupts: Interrupts) -> str:
    """Wait until the program has ended or is to be killed; return why it was stopped."""
    stopped, passed_on = "", 0
    while not program.ended():
        now = time.monotonic()
        if watch.due() and not watch.tell(0, np.inf, -np.inf):
            return "progress"
        if interrupts.count > passed_on:
            passed_on, stopped = interrupts.count, "interrupt"
            if passed_on > 1:
                return stopped
            program.signal(signal.SIGINT)
            end = now + PATIENCE
        if end is not None and now > end:
            if stopped:
                return stopped
            stopped, end = "time", now + LATE
            program.signal(signal.SIGINT)
    return stopped


class _Running(Group):
    """A program whose log is read as it comes."""

    def __init__(self, command: Sequence[str], folder: Path | None, verbose: bool) -> None:
        self._verbose = verbose
        self._lines: deque[str] = deque(maxlen=LINES)
        try:
            super().__init__(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise SolverError(f"{command[0]!r} cannot be started: {error}") from error
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> _Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def log(self) -> str:
        """What it printed."""
        return "".join(self._lines)

    def ended(self) -> bool:
        """Return whether it has ended, after a short wait."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(TICK)
        return self.process.returncode is not None

    def end(self) -> int:
        """See that nothing is left of it and of what it has started; return its exit code."""
        code = self.kill()
        self._reader.join(GRACE)
        return code

    def _read(self) -> None:
        with self.process.stdout as pipe:  # type: ignore[union-attr]
            for line in pipe:
                text = line.decode("utf-8", "replace")
                self._lines.append(text)
                if self._verbose:
                    sys.stdout.write(text)
                    sys.stdout.flush()
