"""A program in a session of its own, together with all it starts: nothing of it outlives its caller."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from . import lineage


class Group:
    """A program that Ctrl-C reaches only from here, below a guard (:mod:`.lineage`) where the system has groups.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; no shell reads them.
    **options
        Streams and folder, as of :class:`subprocess.Popen`.

    Raises
    ------
    OSError
        It cannot be started.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self.process: subprocess.Popen[bytes]
        self._report: BufferedReader | None = None
        # the executable of a frozen application is no Python that could run a guard
        if os.name != "posix" or not sys.executable or getattr(sys, "frozen", False):
            self.process = subprocess.Popen(list(command), start_new_session=True, **options)
            return
        read, write = os.pipe()
        self._report = os.fdopen(read, "rb")
        guard = [sys.executable, "-P", "-S", str(Path(lineage.__file__)), str(write), str(os.getpid())]
        try:
            self.process = subprocess.Popen([*guard, *command], start_new_session=True, pass_fds=(write,), **options)
        except BaseException:
            self._report.close()
            raise
        finally:
            os.close(write)
        try:
            word, *number = self._report.readline().decode().split() or [""]
        except BaseException:
            self.kill()
            raise
        if word != "started":
            code = self.kill()
            for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()
            why = os.strerror(int(number[0])) if number else f"its guard ended with exit code {code}"
            raise OSError(int(number[0]) if number else 0, why, command[0])

    def signal(self, number: int) -> None:
        """Send a signal to it and to what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it may have ended
            if self._report is not None:
                self.process.send_signal(number)
            elif hasattr(os, "killpg"):
                os.killpg(self.process.pid, number)
            else:
                self.process.terminate()

    def suspend(self) -> None:
        """Stop together with this process, and go on with it."""
        self.signal(signal.SIGSTOP if self._report is None else signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self.signal(signal.SIGCONT)

    def kill(self) -> int:
        """End it and all it has started, if it has not ended; return its exit code, minus the number of a signal."""
        if self._report is None:
            self.signal(lineage.KILL)
            return self.process.wait()
        self.signal(signal.SIGTERM)
        try:
            code = self.process.wait(2 * lineage.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()  # the guard takes the program with it
            code = self.process.wait()
        with self._report as report:
            word, *number = report.readline().decode().split() or [""]
        self._report = None
        if word == "ended":
            return int(number[0])
        for pid in lineage.members(self.process.pid):  # the guard was killed, and what it guarded may be left
            lineage.send(lineage.KILL, pid)
        return code
