"""Run the rest of the program in a child process, so that a solver that dies takes nothing else with it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

from ..solvers.isolation.lineage import tie

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report it."""


def streams() -> None:
    """Keep stdout for the answer: what a library prints itself, as SCIP does on Ctrl-C, goes to stderr.

    A stream the caller has closed swallows what is written to it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    out = sys.stdout
    if os.name != "posix" or out.fileno() != 1:
        return
    out.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = open(  # noqa: SIM115
        own, "w", encoding=out.encoding, errors=out.errors, buffering=1 if os.isatty(own) else -1
    )


def flush() -> None:
    """Write out what is left; where that is impossible, drop it without a word."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def split() -> None:
    """Go on in a child process; the parent waits, says what killed the child if something did, and exits.

    The first Ctrl-C lets the child end in its own way (every stage of kktgen.optimize stops with the best point it
    has), the second one ends it at once; both exit with 130. The end of the parent is the end of the child. Where the
    system cannot fork, nothing is split.

    A solver may have a process of its own below the child, see :mod:`kktgen.solvers.isolation`: then its death leaves
    a result. What dies here is all that else calls a library: building, bounding, searching, verifying.
    """
    if not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    with contextlib.suppress(OSError):  # both sides do it, the slower one may fail
        os.setpgid(pid, pid or os.getpid())  # a group of its own: Ctrl-C reaches the child once, through the parent
    if pid:
        os._exit(_exit_code(*_wait(pid)))
    tie(parent)


def _wait(pid: int) -> tuple[int, int]:
    """Return the child's wait status and how often Ctrl-C was pressed."""
    presses = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses == 1:
            _say("interrupted: what is at work ends with the best point so far; press Ctrl-C again to end at once")
        _pass_on(pid, signal.SIGINT if presses == 1 else signal.SIGKILL)

    def suspend(number: int, frame: FrameType | None) -> None:
        _pass_on(pid, signal.SIGTSTP)  # it may have to suspend a solver in a process of its own
        os.kill(os.getpid(), signal.SIGSTOP)
        _pass_on(pid, signal.SIGCONT)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTSTP, suspend)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: _pass_on(pid, number))
    return os.waitpid(pid, 0)[1], presses


def _pass_on(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended
        os.killpg(group, number)


def _exit_code(status: int, presses: int) -> int:
    if presses:
        return INTERRUPTED
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    if number in (signal.SIGTERM, signal.SIGHUP):
        return 128 + number
    word = signal.strsignal(number) or "unknown signal"
    hint = "out of memory?" if number == signal.SIGKILL else "a fault in its library"
    _say(f"the solver died (signal {number}: {word}, {hint}); try another --encoding or --solver")
    return 1


def _say(text: str) -> None:
    os.write(2, f"kktgen: {text}\n".encode())
