"""No process outlives the one it works for: whatever is killed, nothing that belongs to it is left."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import kktgen as kg
from kktgen.solvers.isolation import lineage
from kktgen.solvers.isolation.group import Group

ROOT = Path(kg.__file__).parents[1]
SOON = 30.0
"""Seconds within which everything has to be gone; a fraction of one is usual."""
MARK = "KKTGEN_TEST_FAMILY"

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="families are found through /proc")

HARD = '''
import kktgen as kg


def build():
    """A market split: 5 equations over 40 binaries, some 2^20 nodes."""
    m = kg.Bilevel("split")
    x = m.var("x", 40, kind="B")
    more, less = m.var("more", 5, lb=0), m.var("less", 5, lb=0)
    for j in range(5):
        row = [(37 * i**3 + 101 * i * (j + 3) ** 2 + 13 * j**3 * (i + 7)) % 97 for i in range(1, 41)]
        m.add(sum(a * x[i] for i, a in enumerate(row)) + more[j] - less[j] == sum(row) // 2)
    m.minimize(more.sum() + less.sum())
    return m
'''
BUILDING = """
import pathlib, time


def build():
    pathlib.Path("ready").touch()
    time.sleep(100)
"""
ESTIMATE = '''
import os, pathlib, time
from dataclasses import dataclass

import kktgen as kg


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    estimate : bool
        Make a two-point estimate.
    """

    estimate: bool = True


def build(estimate=True):
    m = kg.Bilevel("plain")
    m.minimize(m.var("x", lb=1, ub=2))
    return m


def uncertain(parameters):
    return {"a": (1.0, 0.1)}


def sample(parameters, point):
    pathlib.Path("ready").touch()
    time.sleep(100)


def report(result, estimate=None):
    return ""
'''
MANY = r"""
import os, signal, subprocess, sys, time

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
wait = [sys.executable, "-S", "-c", "import time; time.sleep(100)"]
subprocess.Popen(wait)
subprocess.Popen(wait, preexec_fn=lambda: os.setpgid(0, 0))
subprocess.Popen(wait, start_new_session=True)
if os.fork() == 0:  # a daemon: twice forked, its parent gone
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen(wait)
        time.sleep(100)
    os._exit(0)
os.wait()
time.sleep(0.3)
open("ready", "w").close()
"""


class Family:
    """All processes that carry a mark in their environment, wherever they are."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.environment = {**os.environ, MARK: self.mark, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}

    def pids(self) -> list[int]:
        """Return the ids of the living ones."""
        wanted, found = f"{MARK}={self.mark}".encode(), []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    found.append(int(place.name))
            except OSError:
                continue
        return found

    def words(self) -> list[str]:
        """Return what they are, for messages."""
        out = []
        for pid in self.pids():
            try:
                out.append(f"{pid}: {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode()}"[:160])
            except OSError:
                continue
        return out

    def gone(self) -> bool:
        """Return whether none is left soon."""
        return until(lambda: not self.pids(), SOON)

    def guards(self) -> list[int]:
        """Return the ids of the guards."""
        return [pid for pid in self.pids() if b"lineage.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def at_work(self) -> bool:
        """Return whether a process below a guard has computed longer than it takes to start and import."""
        guards = self.guards()
        return any(_parent(pid) in guards and _seconds(pid) > 1.5 for pid in self.pids())


def _seconds(pid: int) -> float:
    """Return the CPU time of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def until(true, seconds: float) -> bool:
    """Wait until something is true; return whether it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())


@pytest.fixture
def family() -> Iterator[Family]:
    """Give a family, and end what is left of it."""
    one = Family()
    yield one
    for pid in one.pids():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def start(family: Family, folder: Path, source: str, *more: str) -> subprocess.Popen[str]:
    """Start ``kktgen solve`` of a model of one's own."""
    (folder / "mine.py").write_text(source, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "kktgen", "solve", "mine.py", *more], cwd=folder, env=family.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def stubborn(folder: Path) -> str:
    """Return a solver of the user's own: a shell script that starts a program that starts more, all of them deaf."""
    (folder / "stubborn.py").write_text(f"{MANY}time.sleep(100)\n", encoding="utf-8")
    python = shlex.quote(sys.executable)
    (folder / "run.sh").write_text(f"#!/bin/sh\n{python} stubborn.py &\nsleep 100\nwait\n", encoding="utf-8")
    (folder / "run.sh").chmod(0o755)
    return f"files:{folder}/run.sh {{mps}} {{solution}}"


WAYS = {
    "isolated": (HARD, ["--solver", "scip"], 4),
    "another-solver": (HARD, ["--solver", "highs"], 4),
    "stand-in": (HARD, ["--solver", "files:scip"], 4),
    "own-command": (HARD, ["--solver", "OWN"], 9),
    "building": (BUILDING, [], 2),
    "pool": (ESTIMATE, ["--set", "estimate=true"], 5),
}
"""Model, options, and how many processes there are at least while it works."""


def at_work(family: Family, folder: Path, way: str) -> subprocess.Popen[str]:
    """Start a command in one of the ways, and wait until it is at work with all its processes."""
    source, options, least = WAYS[way]
    top = start(family, folder, source, *[stubborn(folder) if one == "OWN" else one for one in options])

    def ready() -> bool:
        if source == HARD and "OWN" not in options:
            return family.at_work() and len(family.pids()) >= least
        return (folder / "ready").exists() and len(family.pids()) >= least

    assert until(lambda: ready() or top.poll() is not None, 90), family.words()
    assert top.poll() is None, top.communicate()
    return top


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=[pytest.mark.slow] if way in ("another-solver", "pool") else []) for way in WAYS]
)
def test_nothing_outlives_the_command(family, tmp_path, way):
    top = at_work(family, tmp_path, way)
    top.kill()
    assert family.gone(), family.words()


@pytest.mark.parametrize("victim", ["forked half", "both halves", pytest.param("guard", marks=pytest.mark.slow)])
def test_nothing_is_left_whoever_is_killed(family, tmp_path, victim):
    top = at_work(family, tmp_path, "own-command")
    (guard,) = family.guards()
    half = next(pid for pid in family.pids() if _parent(pid) == top.pid)
    reached = family.pids()
    if victim == "guard":  # who has left its session is out of reach without it
        reached = [pid for pid in reached if os.getsid(pid) in (guard, os.getsid(top.pid))]
    for pid in {"forked half": [half], "both halves": [half, top.pid], "guard": [guard]}[victim]:
        os.kill(pid, signal.SIGKILL)
    _, errors = top.communicate(timeout=60)
    assert victim != "guard" or "died (signal 9" in errors
    assert until(lambda: not set(reached) & set(family.pids()), SOON), family.words()


@pytest.mark.parametrize(
    ("way", "numbers", "code"),
    [
        ("isolated", [signal.SIGINT], 130),
        pytest.param("stand-in", [signal.SIGINT], 130, marks=pytest.mark.slow),
        ("own-command", [signal.SIGINT, signal.SIGINT], 130),
        ("own-command", [signal.SIGTERM], 143),
        pytest.param("isolated", [signal.SIGHUP], 129, marks=pytest.mark.slow),
        pytest.param("isolated", [signal.SIGTERM], 143, marks=pytest.mark.slow),
        pytest.param("pool", [signal.SIGTERM], 143, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_left_by_softer_ends(family, tmp_path, way, numbers, code):
    top = at_work(family, tmp_path, way)
    for number in numbers:
        os.kill(top.pid, number)
        time.sleep(0.3)
    out, _ = top.communicate(timeout=60)
    assert top.returncode == code
    if way != "own-command" and code == 130:
        assert "claim      bilevel-feasible" in out  # the best point is kept
    assert family.gone(), family.words()


def _states(pids: list[int]) -> set[str]:
    """Return the states of processes, T for a stopped one."""
    return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids}


@pytest.mark.parametrize("way", ["isolated", "own-command"])
def test_a_suspended_family_goes_on_or_ends_with_its_parent(family, tmp_path, way):
    top = at_work(family, tmp_path, way)
    guards = family.guards()
    rest = [pid for pid in family.pids() if pid not in guards]
    os.kill(top.pid, signal.SIGTSTP)
    assert until(lambda: _states(rest) == {"T"}, SOON)
    os.kill(top.pid, signal.SIGCONT)
    assert until(lambda: "T" not in _states(rest), SOON)
    os.kill(top.pid, signal.SIGTSTP)
    assert until(lambda: _states(rest) == {"T"}, SOON)
    top.kill()
    assert family.gone(), family.words()


@pytest.mark.slow
def test_however_early_the_command_is_killed(family, tmp_path):
    (tmp_path / "mine.py").write_text(HARD, encoding="utf-8")
    for k in range(8):
        top = start(family, tmp_path, HARD)
        until(lambda least=1 + k // 2: len(family.pids()) >= least, 30)
        time.sleep(0.05 * (k % 2))
        top.kill()
        top.communicate()
        assert family.gone(), family.words()


# -- as a library -----------------------------------------------------------------------------------

OWNER = """
import os, sys, threading, time
import mine
import kktgen as kg

model = kg.encode(kg.kkt(mine.build()), "sos1")
work = threading.Thread(target=lambda: kg.solve(model, {solver!r}, isolate={isolate}), daemon=True)
work.start()
time.sleep(1.0)
if os.fork() == 0:  # holds whatever pipes there are
    time.sleep(100)
time.sleep(100)
"""


@pytest.mark.parametrize("solver", ["scip", "own"])
def test_nothing_outlives_a_program_that_solves(family, tmp_path, solver):
    """In a thread, and while a forked process holds copies of all file descriptors."""
    (tmp_path / "mine.py").write_text(HARD, encoding="utf-8")
    name = stubborn(tmp_path) if solver == "own" else solver
    source = OWNER.format(solver=name, isolate=solver == "scip")
    owner = subprocess.Popen([sys.executable, "-c", source], cwd=tmp_path, env=family.environment)

    def forked() -> list[int]:
        return [pid for pid in family.pids() if _parent(pid) == owner.pid and os.getsid(pid) == os.getsid(owner.pid)]

    assert until(lambda: forked() and (solver == "scip" or (tmp_path / "ready").exists()), 60), family.words()
    (other,) = forked()
    assert until(lambda: len(family.pids()) >= 4, 10)
    owner.kill()
    owner.wait()
    assert until(lambda: family.pids() == [other], SOON), family.words()


@pytest.mark.parametrize(
    ("lacks", "way"),
    [("prctl", "isolated"), ("/proc", "own-command"), pytest.param("/proc", "isolated", marks=pytest.mark.slow),
     pytest.param("prctl", "own-command", marks=pytest.mark.slow)],
)  # fmt: skip
def test_systems_that_know_less(family, tmp_path, way, lacks):
    """Without the calls of Linux a guard finds its session and all below; a forked half looks after itself."""
    source = Path(lineage.__file__).read_text(encoding="utf-8")
    poor = source.replace('sys.platform != "linux"', "True")
    if lacks == "/proc":
        poor = poor.replace('os.listdir("/proc")', 'os.listdir("/nowhere")')
    assert poor != source
    (tmp_path / "poor.py").write_text(poor, encoding="utf-8")
    begin = (
        "import sys; sys.path.insert(0, '.'); import poor; "
        "from kktgen.cli import child_process; child_process.tie = poor.tie; "
        "from kktgen.solvers.isolation import lineage; lineage.__file__ = poor.__file__; "
        "from kktgen.cli import main; main()"
    )
    text, options, least = WAYS[way]
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    words = [stubborn(tmp_path) if one == "OWN" else one for one in options]
    top = subprocess.Popen(
        [sys.executable, "-c", begin, "solve", "mine.py", *words], cwd=tmp_path, env=family.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert until(lambda: len(family.pids()) >= least and (way == "isolated" or (tmp_path / "ready").exists()), 60)
    daemons = [pid for pid in family.pids() if _daemon(pid)]
    top.kill()
    top.wait()
    assert until(lambda: set(family.pids()) <= set(daemons), SOON), family.words()


def _daemon(pid: int) -> bool:
    """Return whether a process has left its session and its parent by itself."""
    return _parent(os.getsid(pid)) in (0, 1) and _parent(pid) != 0


POOL = """
import os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import kktgen as kg

if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, mp_context=get_context(sys.argv[1]), initializer=kg.die_with_parent)
    first = []
    asks = threading.Thread(target=lambda: first.extend(pool.submit(time.sleep, 0.5) for _ in range(2)))
    asks.start()
    asks.join()  # the thread that started the workers ends before them
    for future in first:
        future.result()
    time.sleep(0.5)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 100)
    time.sleep(100)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_workers_of_a_pool_die_with_its_owner_and_not_with_its_thread(family, tmp_path, method):
    (tmp_path / "pool.py").write_text(POOL, encoding="utf-8")
    owner = subprocess.Popen(
        [sys.executable, "pool.py", method], cwd=tmp_path, env=family.environment, stdout=subprocess.PIPE, text=True
    )
    assert int(owner.stdout.readline()) in family.pids()
    owner.kill()
    owner.communicate()
    assert family.gone(), family.words()


def test_a_process_of_ones_own_is_left_alone():
    assert lineage.die_with_parent() is None
    assert "look" not in " ".join(thread.name for thread in __import__("threading").enumerate())


# -- programs that end --------------------------------------------------------------------------------


def test_what_a_program_leaves_behind_ends_with_it(family, tmp_path, monkeypatch):
    monkeypatch.setenv(MARK, family.mark)
    monkeypatch.chdir(tmp_path)
    answer = "open(sys.argv[1], 'w').write('# mine\\nx 1\\n')\n"
    (tmp_path / "leaves.py").write_text(MANY + answer, encoding="utf-8")
    m = kg.Bilevel("plain")
    x = m.var("x", lb=0, ub=2)
    m.minimize(-x)
    python = shlex.quote(sys.executable)
    solution = kg.solve(kg.encode(kg.kkt(m)), f"files:{python} leaves.py {{solution}} {{mps}}")
    assert (solution[x], (tmp_path / "ready").exists()) == (1.0, True)
    assert family.pids() == []


@pytest.mark.parametrize(
    ("name", "content", "mode", "said"),
    [
        ("nowhere", None, 0, "No such file or directory"),
        ("locked", "#!/bin/sh\n", 0o644, "Permission denied"),
        ("nonsense", "nothing to run\n", 0o755, "Exec format error"),
    ],
)
def test_a_program_that_cannot_be_started_says_why(tmp_path, name, content, mode, said):
    program = tmp_path / name
    if content is not None:
        program.write_text(content, encoding="utf-8")
        program.chmod(mode)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=said):
        Group([str(program)], stdout=subprocess.PIPE)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("does", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -SEGV $$", -11), ("kill -9 $$", -9)])
def test_exit_codes_and_words_come_through(does, code):
    group = Group(["/bin/sh", "-c", f"echo said; cat; {does}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = group.process.communicate(b"heard\n", timeout=20)
    assert (out, group.kill()) == (b"said\nheard\n", code)
