"""No process outlives the one it works for, however that one ends.

* :func:`tie` is for a process that has just been forked: the system ends it with its parent where it can do that.
* :func:`die_with_parent` is for the workers of a pool: a thread looks after the parent.
* A program that knows nothing of this runs below a guard, which is this file run as a script. The guard is the parent
  of the program and of all that the program leaves behind; it passes signals on, and ends every process below it as
  soon as the program has ended, as it is told to, or as its own parent has gone. It looks at its parent's process id
  and not at a pipe, whose other end any process that was forked meanwhile may hold.

The guard is started as ``lineage.py REPORT PARENT COMMAND ...``: a file descriptor to report to, the process id of its
parent, and the program with its arguments. It reports ``started`` or ``failed ERRNO``, then ``ended CODE``. SIGINT goes
to the program and its process group, SIGTSTP stops and SIGCONT continues all processes, SIGTERM ends them. As a script
this file sees the standard library alone, and as little of that as will do: it starts within some 20 ms.
"""

# ruff: noqa: SIM105 - contextlib takes longer to import than all else

from __future__ import annotations

import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK = 0.2
"""Seconds between two looks at the parent."""
PATIENCE = 5.0
"""Seconds in which killed processes are to be gone; what belongs to another user may stay."""
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
DEATH_SIGNAL, SUBREAPER = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


def prctl(option: int, value: int) -> bool:
    """Set an attribute of this process; return whether this system has it."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def tie(parent: int) -> None:
    """End this process together with its parent, even where it never returns to Python.

    Parameters
    ----------
    parent : int
        Process id of the parent, taken before the fork.

    Notes
    -----
    Linux sends its signal as the *thread* ends that forked this process: for forks by threads that end earlier than
    their process take :func:`die_with_parent`.
    """
    if not prctl(DEATH_SIGNAL, int(KILL)):
        _look_after(parent)
    if os.getppid() != parent:  # it had died before
        os._exit(1)


def die_with_parent() -> None:
    """End this process as soon as the one that started it has ended: the ``initializer`` of a pool of processes.

    Workers of a ``ProcessPoolExecutor`` whose owner is killed wait for work forever. The pools that kktgen makes are
    made with this function, and so may be yours. Other processes than those of :mod:`multiprocessing` are left alone.

    Returns
    -------
    None

    Examples
    --------
    >>> from concurrent.futures import ProcessPoolExecutor
    >>> import kktgen as kg
    >>> with ProcessPoolExecutor(2, initializer=kg.die_with_parent) as pool:
    ...     pass                                   # for instance kg.optimize(m, executor=pool)
    """
    import multiprocessing

    owner = multiprocessing.parent_process()
    if owner is not None and hasattr(os, "getppid"):
        _look_after(os.getppid(), owner)


def _look_after(parent: int, owner: object = None) -> None:
    """Have a thread end this process once its parent, or the owner of its pool, is gone."""
    import threading

    def look() -> None:
        while os.getppid() == parent and (owner is None or owner.is_alive()):  # type: ignore[attr-defined]
            time.sleep(LOOK)
        os.kill(os.getpid(), KILL)

    threading.Thread(target=look, daemon=True).start()


class _Guard:
    """A process whose children are a program and what that has started, directly or not.

    Parameters
    ----------
    report : int
        File descriptor that the owner reads.
    parent : int
        Process id of the owner.
    """

    def __init__(self, report: int, parent: int) -> None:
        self._report, self._parent = report, parent
        os.set_inheritable(report, False)
        self._heard: list[int] = []
        self._wake, end = os.pipe()
        os.set_blocking(end, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTSTP, signal.SIGCONT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self._heard.append(number))
        prctl(SUBREAPER, 1)

    def run(self, command: list[str]) -> None:
        """Start the program and see it to its end."""
        pid, error = _started(command)
        if error:
            self._say(f"failed {error}")
            return
        self._say("started")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        code = self._attend(pid)
        found = _ended_all(pid)
        code = found if code is None else code
        self._say(f"ended {-int(KILL) if code is None else code}")

    def _attend(self, pid: int) -> int | None:
        """Wait; return the program's exit code, None where it has not ended and has to be killed."""
        while os.getppid() == self._parent:
            select.select([self._wake], [], [], LOOK)
            try:
                os.read(self._wake, 4096)
            except BlockingIOError:
                pass
            while self._heard:
                number = self._heard.pop(0)
                if number in (signal.SIGTERM, signal.SIGHUP):
                    return None
                if number == signal.SIGINT:
                    send(number, -pid)
                elif number != signal.SIGCHLD:
                    for one in members(os.getpid()):
                        send(signal.SIGSTOP if number == signal.SIGTSTP else signal.SIGCONT, one)
            code = dict(_reaped()).get(pid)
            if code is not None:
                return code
        return None

    def _say(self, text: str) -> None:
        try:
            os.write(self._report, f"{text}\n".encode())
        except OSError:  # nobody listens any longer
            pass


def _started(command: list[str]) -> tuple[int, int]:
    """Start a program in a process group of its own; return its process id, and the number of the error or 0."""
    me = os.getpid()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # may be ignored, which programs inherit
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)
            prctl(DEATH_SIGNAL, int(KILL))
            if os.getppid() == me:
                os.execvp(command[0], command)
        except OSError as error:
            os.write(tell, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(tell)
    errno = int(os.read(told, 16) or 0)
    os.close(told)
    return pid, errno


def _ended_all(pid: int) -> int | None:
    """Kill all members until there are none; return the exit code of the process asked for, if it is found."""
    code: int | None = None
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        left = list(members(os.getpid()))
        for one in left:
            send(KILL, one)
        code = dict(_reaped()).get(pid, code)
        if not left:
            break
        time.sleep(0.005)
    return code


def _reaped() -> Iterator[tuple[int, int]]:
    """Bury the dead children of this process; yield their process ids and exit codes."""
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found[0], os.waitstatus_to_exitcode(found[1])
    except ChildProcessError:  # there are none
        pass


def send(number: int, pid: int) -> None:
    """Send a signal to a process, or with the sign turned to a group."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def members(root: int) -> Iterator[int]:
    """Yield all living processes below one, and the others of the session it leads."""
    parents = dict(_processes())
    below = {root}
    while new := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= new
    for pid in parents:
        try:
            if pid != root and (pid in below or os.getsid(pid) == root):
                yield pid
        except OSError:  # it has ended meanwhile
            pass


def _processes() -> Iterator[tuple[int, int]]:
    """Yield all living processes of the machine with their parents."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        names = []
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            yield int(name), int(parent)
    if not names:
        yield from _listed()


def _listed() -> Iterator[tuple[int, int]]:
    """Yield them where there is no /proc."""
    import subprocess

    command = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat="]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ps:
            for pid, parent, state in map(str.split, ps.stdout or ()):
                if state[0] != "Z" and int(pid) != ps.pid:
                    yield int(pid), int(parent)
    except OSError:
        pass


if __name__ == "__main__":
    _Guard(int(sys.argv[1]), int(sys.argv[2])).run(sys.argv[3:])
    os._exit(0)
