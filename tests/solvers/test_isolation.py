"""A solver in a process of its own: however it ends, there is an answer, with the best point it had."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from installed_solvers import knapsack, needs, taking

import kktgen as kg
from kktgen.solvers import solve, solver_modules
from kktgen.solvers.driving import watch
from kktgen.solvers.driving.checks import interrupted, violation
from kktgen.solvers.driving.watch import Watch
from kktgen.solvers.isolation import parent, process

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no process groups")
HOME = importlib.import_module("kktgen.solvers")  # kktgen.solvers is a function of the same name
LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited on Linux only")

FAKE = '''
"""A solver that tells one point, and then does what it is asked to."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

from kktgen import errors
from kktgen.solvers import scip
from kktgen.solvers.driving.checks import answer

TITLE, INSTALL, TOL = "Fake", "nothing", 1e-6
FEATURES = scip.FEATURES


def available():
    return True


def version():
    return "1.0"


def solve(model, *, time_limit, gap, threads, verbose, start, progress, do, tell=True, file=None):
    begun = time.perf_counter()

    def pause(after=lambda: None):
        if file:
            pathlib.Path(file + ".part").write_text(str(os.getpid()))
            os.replace(file + ".part", file)
        end = time.perf_counter() + 60
        while time.perf_counter() < end:
            time.sleep(0.05)

    def ignore_interrupts():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        pause()

    def end_well():
        try:
            pause()
        except KeyboardInterrupt:
            return answer(model, "time_limit", point, 9.0, begun, "Fake 1.0", 7, {"status": "userinterrupt"})

    def eat():
        held = []
        while True:
            held.append(np.ones(1_000_000))

    def give_up():
        print("terminate called after throwing an instance of 'std::bad_alloc'", file=sys.stderr)
        os.abort()

    def fail():
        raise RuntimeError("the factorisation is singular")

    def refuse():
        raise errors.ProblemError("Fake has no option 'colour'")

    def with_a_helper():
        helper = subprocess.Popen(["sleep", "60"])
        pathlib.Path(file).write_text(str(helper.pid))
        os.abort()

    def solve_and_die():
        found = scip.solve(model, time_limit=time_limit, start=start)
        progress.found(True, lambda: found.z)
        os.abort()

    point = np.array([1.0, 2.0])
    print("Fake begins", flush=True)
    if tell:
        progress.found(True, lambda: point)
        progress.tell(5, model.objective.value(point), -9.0)
    print("threads", threads, "gap", gap, "starts", len(start))
    print("the last line", flush=True)
    if do == "echo":
        for k in range(100):
            print("line", k, flush=True)
        os._exit(0)
    done = {
        "abort": os.abort,
        "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "exit": lambda: os._exit(3),
        "ignore": ignore_interrupts,
        "end_well": end_well,
        "eat": eat,
        "give_up": give_up,
        "fail": fail,
        "refuse": refuse,
        "with_a_helper": with_a_helper,
        "solve_and_die": solve_and_die,
        "error": lambda: answer(model, "error", None, None, begun, "Fake 1.0", 0, {"status": "kSolveError"}),
    }.get(do, lambda: None)()
    return done or answer(model, "optimal", point, -5.0, begun, "Fake 1.0", 1, {"status": "fine"})
'''


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Put the fake solver where parent and child find it; return its folder."""
    (tmp_path / "fake_solver.py").write_text(FAKE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fake_solver", raising=False)
    module = importlib.import_module("fake_solver")
    known = {**solver_modules(), "fake": module}
    monkeypatch.setattr(HOME, "solver_modules", lambda: known)
    yield tmp_path
    sys.modules.pop("fake_solver", None)


@pytest.fixture
def impatient(monkeypatch):
    """Have the parent wait a second where it waits five."""
    monkeypatch.setattr(process, "GRACE", 1.0)


@pytest.fixture
def pids(monkeypatch):
    """Collect the ids of the processes that solvers run in."""
    found, popen = [], subprocess.Popen

    def record(*arguments, **options):
        started = popen(*arguments, **options)
        found.append(started.pid)
        return started

    monkeypatch.setattr(process.subprocess, "Popen", record)
    return found


def boxed():
    """max x + 2 y with x, y in [0, 3]; the fake's point (1, 2) has the value 5."""
    m = kg.Bilevel("boxed")
    x, y = m.var("x", lb=0, ub=3), m.var("y", lb=0, ub=3)
    m.maximize(x + 2 * y)
    return m


def run(do, **options):
    return solve(boxed(), "fake", isolate=True, do=do, **options)


def keeps_the_point(solution, bound=9.0):
    """Check the point and the bound that the fake told before its end."""
    assert solution.z == pytest.approx([1.0, 2.0])
    assert (solution.objective, solution.bound, solution.nodes) == (5.0, bound, 5)
    assert solution.raw["violation"] == 0.0
    assert solution.solver == "Fake 1.0"


def open_files():
    """Return how many files this process has open, 0 where the system does not say."""
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


def gone(pid, seconds=5.0):
    """Return whether a process ends within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # dead, and not yet buried by whoever is responsible
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


# -- ends --------------------------------------------------------------------------------------


def test_an_answer_is_that_of_the_solver(fake):
    model = kg.kkt(boxed())
    direct = solve(model, "fake", do="answer")
    found = solve(model, "fake", isolate=True, do="answer")
    assert (found.status, found.objective, found.bound, found.nodes) == ("optimal", 5.0, 5.0, 1)
    assert found.raw == direct.raw == {"status": "fine", "violation": 0.0}
    assert (found.z == direct.z).all()
    assert found.model is model


@pytest.mark.parametrize(
    ("do", "words"),
    [
        ("abort", f"signal {int(signal.SIGABRT)}"),
        pytest.param("segv", f"signal {int(signal.SIGSEGV)}", marks=pytest.mark.slow),
        ("killed", "out of memory?"),
        ("exit", "exit code 3"),
        ("fail", "Fake 1.0 failed: the factorisation is singular"),
        ("give_up", "Fake 1.0 ran out of memory"),
        ("error", "kSolveError"),
    ],
)
def test_a_solver_that_dies_leaves_its_point_and_log(fake, do, words):
    found = run(do)
    assert found.status == "error"
    assert words in found.raw["error"]
    assert "the last line" in found.raw["log"].splitlines()
    keeps_the_point(found)


def test_a_solver_that_dies_without_a_point_is_a_status(fake):
    found = run("abort", tell=False)
    assert (found.status, found.z, found.objective, found.bound) == ("error", None, None, None)
    assert "died" in found.raw["error"]


def test_the_log_keeps_its_end(fake):
    lines = run("echo").raw["log"].splitlines()
    assert lines == [f"line {k}" for k in range(100 - process.LINES, 100)]


@LINUX
def test_memory_beyond_the_limit_is_a_status(fake):
    found = run("eat", memory_limit=200)
    assert found.status == "error"
    assert found.raw["error"] == "Fake 1.0 ran out of memory (memory_limit is 200 MB)"
    keeps_the_point(found)


def test_a_wrong_question_is_an_error_as_ever(fake):
    with pytest.raises(kg.ProblemError, match="no option 'colour'"):
        run("refuse")
    with pytest.raises(kg.ProblemError, match="has no option 'limits/colour'"):
        solve(boxed(), "scip", isolate=True, **{"limits/colour": 1})


def test_a_solver_that_ignores_its_limit_and_interrupts_is_killed(fake, impatient):
    begun = time.perf_counter()
    found = run("ignore", time_limit=3.0)
    assert 3.5 <= time.perf_counter() - begun < 20.0
    assert found.status == "time_limit"
    assert "did not end at its time limit of 3 s" in found.raw["error"]
    assert "the last line" in found.raw["log"]
    assert not interrupted(found)
    keeps_the_point(found)


@pytest.mark.slow
def test_a_solver_that_only_ignores_its_limit_may_answer(fake, impatient, monkeypatch):
    monkeypatch.setattr(parent, "GRACE", 20.0)
    found = run("end_well", time_limit=3.0)
    assert (found.status, found.bound, found.nodes) == ("time_limit", -9.0, 7)
    assert "error" not in found.raw


def test_what_a_dead_solver_has_started_dies_too(fake):
    file = fake / "pid"
    begun = time.perf_counter()
    assert run("with_a_helper", file=str(file)).status == "error"
    assert gone(int(file.read_text()))
    assert time.perf_counter() - begun < 20


def test_nothing_is_left_behind(fake, pids, tmp_path, monkeypatch):
    spent = tmp_path / "temporary"
    spent.mkdir()
    monkeypatch.setenv("TMPDIR", str(spent))
    run("abort")  # loads what is loaded once
    before = threading.active_count(), open_files()
    for do in ("answer", "abort", "fail"):
        run(do)
    assert (threading.active_count(), open_files()) == before
    assert not list(spent.iterdir())
    assert len(pids) == 4
    for pid in pids:
        with pytest.raises(ProcessLookupError):  # a zombie would still take the signal
            os.kill(pid, 0)


# -- progress, arguments, log --------------------------------------------------------------------


def test_progress_comes_through_in_the_users_sense(fake):
    told = []
    run("answer", progress=told.append)
    assert [(info["nodes"], info["incumbent"], info["bound"]) for info in told] == [(5, 5.0, 9.0)]


def test_an_error_of_progress_ends_the_child_and_comes_out(fake, pids):
    def stop(info):
        raise LookupError("enough")

    begun = time.perf_counter()
    with pytest.raises(LookupError, match="enough"):
        run("ignore", progress=stop)
    assert time.perf_counter() - begun < 20
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_arguments_reach_the_solver_and_the_log_is_shown_when_asked_for(fake, capsys):
    run("answer", threads=2, gap=0.125, start=np.array([1.0, 1.0]))
    assert capsys.readouterr().out == ""
    run("answer", threads=2, gap=0.125, start=np.array([1.0, 1.0]), verbose=True)
    assert "threads 2 gap 0.125 starts 1\nthe last line\n" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"memory_limit": 100}, {"isolate": True, "memory_limit": -1}])
def test_memory_limits_that_mean_nothing_are_refused(options):
    with pytest.raises(kg.ProblemError, match="memory_limit"):
        solve(boxed(), **options)
    with pytest.raises(kg.ProblemError, match="memory_limit"):
        kg.optimize(boxed(), **options)


# -- Ctrl-C and the end of the parent --------------------------------------------------------------

SCRIPT = """
import importlib
import sys

import kktgen as kg

solvers = importlib.import_module("kktgen.solvers")
known = {**solvers.solver_modules(), "fake": importlib.import_module("fake_solver")}
solvers.solver_modules = lambda: known
m = kg.Bilevel("boxed")
x, y = m.var("x", lb=0, ub=3), m.var("y", lb=0, ub=3)
m.maximize(x + 2 * y)
found = kg.solve(m, "fake", isolate=True, do=sys.argv[1], file=sys.argv[2])
print(found.status, found.objective, found.raw["status"], found.raw.get("error"))
"""


def script(folder, do):
    """Start a program that waits for a solver; return it and the solver's process id."""
    file = folder / "pid"
    path = os.pathsep.join([str(folder), str(Path(kg.__file__).parent.parent)])
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), do, str(file)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip
    for _ in range(600):
        if file.exists():
            break
        time.sleep(0.05)
    return program, int(file.read_text())


def test_ctrl_c_lets_the_solver_end_with_its_best_point(fake):
    program, solver = script(fake, "end_well")
    os.killpg(program.pid, signal.SIGINT)
    out, _ = program.communicate(timeout=20)
    assert out.split() == ["time_limit", "5.0", "userinterrupt", "None"]
    assert gone(solver)


def test_ctrl_c_a_second_time_ends_a_deaf_solver_and_keeps_the_point(fake):
    program, solver = script(fake, "ignore")
    os.killpg(program.pid, signal.SIGINT)
    time.sleep(0.5)
    assert program.poll() is None
    os.killpg(program.pid, signal.SIGINT)
    out, _ = program.communicate(timeout=20)
    assert out == "time_limit 5.0 Interrupted by user Fake 1.0 was stopped by Ctrl-C\n"
    assert gone(solver)


def test_the_solver_dies_with_its_parent(fake):
    program, solver = script(fake, "ignore")
    assert not gone(solver, 0.2)
    program.kill()
    program.communicate(timeout=20)
    assert gone(solver)


def test_interrupts_go_back_to_whoever_had_them(fake):
    before = signal.getsignal(signal.SIGINT)
    run("abort")
    assert signal.getsignal(signal.SIGINT) is before


def test_isolated_solves_run_in_other_threads(fake):
    found = []
    threads = [threading.Thread(target=lambda: found.append(run("abort"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [solution.status for solution in found] == ["error", "error"]


# -- the solvers there are -------------------------------------------------------------------------


@taking("int")
def test_isolated_or_not_the_answer_is_the_same(solver):
    m, _ = knapsack(30, 4, 7)
    direct, found = solve(m, solver), solve(m, solver, isolate=True)
    assert (found.status, found.objective) == (direct.status, direct.objective)
    assert found.bound == pytest.approx(direct.bound, rel=1e-9)
    assert (found.nodes, found.solver) == (direct.nodes, direct.solver)
    assert (found.z == direct.z).all()


@pytest.mark.parametrize("solver", ["scip", "highs"])
@pytest.mark.parametrize("quadratic", [False, True])
def test_better_and_better_points_are_kept(solver, quadratic):
    needs(solver)
    m, x = knapsack(25, 6, 1)
    if quadratic:
        m.maximize(np.arange(1.0, 26.0) @ x - 0.2 * (x - 0.3) @ (x - 0.3) - 0.05 * x.sum() * x.sum())
    model, kept = kg.kkt(m), []
    best = solver_modules()[solver].solve(
        model, start=[np.zeros(25)], progress=Watch(None, keep=lambda z: kept.append(z.copy()))
    )
    values = [model.value(z) for z in kept]
    assert len(values) > 1
    assert all(a < b for a, b in zip(values, values[1:], strict=False))
    assert all(violation(model, z) <= 1e-6 for z in kept)
    assert values[-1] <= best.objective + 1e-9


def test_keeping_points_costs_a_twentieth_of_the_time(monkeypatch):
    now, kept = 0, []

    def keep(z):
        nonlocal now
        now += 20
        kept.append((now, int(z[0])))

    monkeypatch.setattr(watch, "time", SimpleNamespace(perf_counter=lambda: now))
    watcher = Watch(None, keep=keep)
    for k in range(1000):  # a new point every second, until 500
        watcher.found(k < 500, lambda k=k: np.array([min(k, 499.0)]))
        now += 1
    assert [number for _, number in kept] == [0, 400, 499]  # the last one as soon as there was time
    assert [at for at, _ in kept] == [20, 440, 860]


# -- the whole recipe --------------------------------------------------------------------------------


def leader():
    """min x + 3 y,  y in argmin { -y : x + y <= 8, x + 4 y >= 8, x + 2 y <= 13, 2 y <= 7 x }: 6.1333 at 8/15."""
    m = kg.Bilevel("tiny")
    x = m.var("x", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    lower.minimize(-y)
    lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    return m


def test_optimize_keeps_what_a_dying_solver_had_found(fake):
    result = kg.optimize(leader(), solver="fake", start=False, isolate=True, do="solve_and_die", tell=False)
    assert result.solution.status == "error"
    assert result.solution.objective == pytest.approx(92 / 15, abs=1e-6)
    assert result.report.ok
    by_relaxation = "convex relaxation" in str(result.report)  # a bound that needs no solver
    assert result.report.claim == ("optimal" if by_relaxation else "bilevel-feasible")
    assert by_relaxation or any("proved nothing" in reason for reason in result.report.reasons)
    assert "died" in result.solution.raw["error"]


def test_optimize_falls_back_to_the_start_point_and_without_one_to_a_status(fake):
    result = kg.optimize(leader(), solver="fake", isolate=True, do="abort", tell=False)
    by_relaxation = "convex relaxation" in str(result.report)  # a bound that needs no solver
    claim = "optimal" if by_relaxation else "bilevel-feasible"
    assert (result.solution.status, result.report.claim) == ("error", claim)
    result = kg.optimize(leader(), solver="fake", start=False, isolate=True, do="abort", tell=False)
    assert (result.solution.status, result.solution.z, result.report.claim) == ("error", None, "unverified")


@LINUX
def test_optimize_isolated_claims_what_it_claims_otherwise():
    result = kg.optimize(leader(), isolate=True, memory_limit=2000)
    assert result.solution.objective == pytest.approx(92 / 15, abs=1e-6)
    assert result.report.claim == "optimal"
