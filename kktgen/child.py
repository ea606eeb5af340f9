"""Run the rest of the program in a child process, so that a solver that dies takes nothing else with it."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report it."""


def split() -> None:
    """Go on in a child process; the parent waits, says what killed the child if something did, and exits.

    The first Ctrl-C lets the child end in its own way (SCIP stops with the best point it has), the second one
    ends it at once; both exit with 130. Where the system cannot fork, nothing is split.
    """
    if not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, _interrupt_once)
        return
    os._exit(_exit_code(*_wait(pid)))


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal and the parent may both send it
    raise KeyboardInterrupt


def _wait(pid: int) -> tuple[int, int]:
    """Return the child's wait status and how often Ctrl-C was pressed."""
    presses = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            _say("interrupted: ending with the best point so far; press Ctrl-C again to end at once")
        os.kill(pid, signal.SIGINT if presses == 1 else signal.SIGKILL)

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(pid, signal.SIGTERM))
    return os.waitpid(pid, 0)[1], presses


def _exit_code(status: int, presses: int) -> int:
    if presses:
        return INTERRUPTED
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    if number == signal.SIGTERM:
        return 128 + number
    word = signal.strsignal(number) or "unknown signal"
    hint = "out of memory?" if number == signal.SIGKILL else "a fault in its library"
    _say(f"the solver died (signal {number}: {word}, {hint}); try another --encoding or --solver")
    return 1


def _say(text: str) -> None:
    os.write(2, f"kktgen: {text}\n".encode())
