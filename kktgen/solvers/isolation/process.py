"""A child process that solves, and the Ctrl-C of its parent while it does."""

from __future__ import annotations

import contextlib
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from ...errors import SolverError
from .child import SolveRequest
from .group import Group

GRACE = 5.0
"""Seconds an interrupted solver has to answer before it is killed."""
TICK = 0.1
"""Seconds between two looks at the clock."""
LINES = 30
"""Lines of the solver's log that are kept."""
CODE = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from kktgen.solvers.isolation import child; child.main()"
)
"""What the child runs: it imports from where the parent does."""


class Child(Group):
    """A process that solves: a Python of its own, in a session of its own, so that Ctrl-C comes to it only from here.

    Parameters
    ----------
    verbose : bool
        Show its log.

    Attributes
    ----------
    code : int or None
        Its exit code, minus the number of the signal that killed it.
    """

    def __init__(self, verbose: bool) -> None:
        pipe = subprocess.PIPE
        self.code: int | None = None
        self._verbose = verbose
        self._silent = False
        self._lines: deque[str] = deque(maxlen=LINES)
        self._inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        try:
            super().__init__([sys.executable, "-c", CODE], stdin=pipe, stdout=pipe, stderr=pipe)
        except (OSError, ValueError, TypeError) as error:
            raise SolverError(f"isolate: no process can be started from {sys.executable!r}: {error}") from error
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read_messages, self._read_log)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    @property
    def log(self) -> str:
        """The last lines it printed."""
        return "\n".join(self._lines)

    def give(self, job: SolveRequest) -> None:
        """Send the job."""
        assert self.process.stdin is not None
        try:
            pickle.dump(sys.path, self.process.stdin)
            pickle.dump(job, self.process.stdin, protocol=5)
            self.process.stdin.flush()
        except BrokenPipeError:  # it has died, which its silence says as well
            pass

    def hear(self) -> tuple[Any, ...]:
        """Return the next message, ``("",)`` when there is none for a while, ``("end",)`` after the last one."""
        try:
            return self._inbox.get(timeout=TICK)
        except queue.Empty:
            return ("",)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.signal(signal.SIGINT)

    def end(self) -> None:
        """See that nothing is left of it, and take note of how it ended."""
        if self.code is not None:
            return
        if self._silent:  # it is about to die by itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        self.code = self.kill()
        for thread in self._threads:
            thread.join(GRACE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):  # what it was to read and did not
                pipe.close()  # type: ignore[union-attr]

    def _read_messages(self) -> None:
        with contextlib.suppress(Exception):  # the end, or a message cut short by it
            while True:
                self._inbox.put(pickle.load(self.process.stdout))  # type: ignore[arg-type]
        self._silent = True
        self._inbox.put(("end",))

    def _read_log(self) -> None:
        for line in self.process.stderr or ():
            text = line.decode(errors="replace")
            self._lines.append(text.rstrip("\n"))
            if self._verbose:
                sys.stdout.write(text)
                sys.stdout.flush()


class Interrupts:
    """Counts Ctrl-C while a child works, in the main thread; where it is ignored, or this is another thread, nothing.

    Parameters
    ----------
    child : Group
        Suspended (Ctrl-Z) together with this process.
    """

    def __init__(self, child: Group) -> None:
        self.count = 0
        self._calls: dict[int, Callable[[int, FrameType | None], None]] = {signal.SIGINT: self._interrupt}
        if hasattr(signal, "SIGTSTP"):
            self._calls[signal.SIGTSTP] = lambda number, frame: child.suspend()
        self._before: dict[int, Any] = {}

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in self._calls}
            self._before = {number: call for number, call in before.items() if call not in (None, signal.SIG_IGN)}
        for number in self._before:
            signal.signal(number, self._calls[number])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, call in self._before.items():
            signal.signal(number, call)
