"""A process in a session of its own, together with all it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess


class Group:
    """A process that Ctrl-C reaches only from here."""

    _process: subprocess.Popen[bytes]

    def signal(self, number: int) -> None:
        """Send a signal to it and to what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it may have ended
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, number)
            else:
                self._process.terminate()

    def suspend(self) -> None:
        """Stop together with this process, and go on with it."""
        self.signal(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self.signal(signal.SIGCONT)
