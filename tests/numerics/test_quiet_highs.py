"""HiGHS beside other code that uses HiGHS: any number of threads, nothing printed, its own words where it fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import highspy
import numpy as np
import pytest
from problems import ALL

import kktgen as kg
from kktgen.numerics import answers, quiet_highs, warm_lp
from kktgen.numerics.programs import lp, qp
from kktgen.numerics.sparse import Csr

ROOT = Path(kg.__file__).parent.parent
CLASH = r"'threads' is set to 1 but .*scheduler has already been initialized to use 2 threads"


def foreign(threads: int | None) -> None:
    """Solve an LP as other code in this thread does."""
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    if threads is not None:
        highs.setOptionValue("threads", threads)
    highs.addVar(1.0, 2.0)
    assert highs.run() == highspy.HighsStatus.kOk


@pytest.fixture
def two_threads():
    """This thread's scheduler of HiGHS has two threads, as if other code had asked for them."""
    highspy.Highs.resetGlobalScheduler(True)
    foreign(2)
    yield
    highspy.Highs.resetGlobalScheduler(True)


def square() -> kg.Model:
    """min (x - 1.2)^2 + y,  x whole in [0, 3],  y >= 0: x = 1, 0.04."""
    m = kg.Bilevel("square")
    x, y = m.var("x", lb=0, ub=3, kind="I"), m.var("y", lb=0)
    m.minimize((x - 1.2) ** 2 + y)
    return kg.kkt(m)


def knapsack() -> kg.Model:
    m = kg.Bilevel("knapsack")
    x = m.var("x", 12, kind="B")
    w = np.arange(12) % 5 + 1.5
    m.add(w @ x <= 11.3)
    m.maximize((w + np.arange(12) % 3) @ x)
    return kg.kkt(m)


def cube(cost: float = -1.0) -> tuple[np.ndarray, ...]:
    """min cost (x + y + z)  s.t.  x + y + z <= 2,  in [0, 1]^3."""
    return np.full(3, cost), Csr(np.ones((1, 3))), np.array([-np.inf]), np.array([2.0]), np.zeros(3), np.ones(3)


def test_after_a_highs_of_two_threads_everything_is_as_before(two_threads):
    assert lp(*cube()).value == -2.0
    assert lp(*cube()[:5], -np.ones(3)).status == "infeasible"
    assert qp(Csr(np.zeros((3, 3))), *cube()).value == -2.0
    best = kg.solve(knapsack(), "highs", time_limit=20)
    assert best.status == "optimal"
    for threads in (1, 2, 3):
        assert kg.solve(knapsack(), "highs", threads=threads, time_limit=20).objective == best.objective
        assert kg.solve(square(), "highs", threads=threads, time_limit=20).objective == pytest.approx(0.04, abs=1e-6)
    assert kg.solve(knapsack(), "files:highs", time_limit=20).objective == best.objective
    problem = next(p for p in ALL if p.name == "handbook")
    for encoding in ("bigm", "auto", "sos1"):
        result = kg.optimize(problem.build(), encoding, time_limit=20)
        assert result.report.claim == "optimal", str(result.report)
        assert result.solution.objective == pytest.approx(problem.objective, rel=1e-4)
    foreign(2)


def test_other_code_may_ask_for_any_number_of_threads_on_a_thread_of_its_own():
    lp(*cube())
    kg.solve(knapsack(), "highs", time_limit=20)
    failed = []

    def work() -> None:
        try:
            foreign(2)
        except BaseException as error:
            failed.append(error)

    other = threading.Thread(target=work)
    other.start()
    other.join()
    assert not failed


def test_the_number_of_threads_of_the_scheduler_is_taken_where_it_is_another(two_threads):
    highs = quiet_highs.quiet()
    highs.addVar(1.0, 2.0)
    highs.setOptionValue("threads", 1)
    assert highs.run() == highspy.HighsStatus.kError
    assert quiet_highs.run(highs) == ""
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    assert highs.getOptionValue("threads")[1] == 2
    for name, value in (("output_flag", False), ("log_to_console", True), ("log_file", "")):
        assert highs.getOptionValue(name)[1] == value


@pytest.fixture
def failing(two_threads, monkeypatch):
    """Every linear program of the kernel fails for a reason that HiGHS states and nobody can mend."""

    def one_thread():
        highs = quiet_highs.quiet()
        highs.setOptionValue("threads", 1)
        return highs

    monkeypatch.setattr(warm_lp, "quiet", one_thread)
    monkeypatch.setattr(quiet_highs, "SCHEDULER", re.compile("(?!)"))


def test_a_failed_linear_program_answers_in_the_words_of_highs(failing):
    answer = lp(*cube())
    assert answer.status == "error" and answer.x is None and np.isnan(answer.value)
    assert re.search(CLASH, answer.words)
    assert re.search(rf"^'error' \(HiGHS: ERROR: .*{CLASH}", answer.ending)
    with answers.failures() as outer, answers.failures() as inner:
        lp(*cube())
    lp(*cube())
    assert inner == outer == [answer.words]


def test_what_rests_on_failed_programs_says_so(failing):
    m = kg.Bilevel("market")
    offer = m.var("offer", lb=0, ub=60)
    market = m.follower("market")
    g = market.var("g", 2, lb=0, ub=[60, 80])
    balance = market.add(g.sum() == 100, name="balance")
    market.minimize(offer @ g[0] + 20 * g[1])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    model = kg.bound(kg.kkt(m))
    assert re.search(
        rf"bounds: \d+ linear programs failed and proved nothing: HiGHS: ERROR: .*{CLASH}", str(model.notes)
    )
    with pytest.raises(kg.BoundError, match=rf"none can be proved.*linear programs failed.*{CLASH}"):
        kg.encode(model, "bigm")
    point = np.zeros(model.n)
    assert re.search(rf"not re-solved: the solver stopped with 'error' .*{CLASH}", str(kg.verify(m, point)))


def test_a_failed_solve_says_why_in_the_words_of_highs(monkeypatch):
    from kktgen.solvers import highs as module

    class Failing(highspy.Highs):
        def run(self):
            self.setOptionValue("threads", 7)
            super().run()
            self.setOptionValue("threads", 1)
            return super().run()

    monkeypatch.setattr(module, "quiet", lambda: _silenced(Failing()))
    for model in (knapsack(), square()):
        with pytest.raises(kg.SolverError, match=r"HiGHS failed: ERROR: .*'threads' is set to 1 but .* 7 threads"):
            kg.solve(model, "highs", time_limit=20)


def _silenced(highs: highspy.Highs) -> highspy.Highs:
    highs.setOptionValue("output_flag", False)
    return highs


def test_refused_data_are_refused_in_the_words_of_highs():
    A = Csr(np.array([[1e16, 1.0, 1.0]]))
    with pytest.raises(kg.SolverError, match=r"HiGHS refused a linear program.*\(HiGHS: .*1e\+1[56]"):
        lp(cube()[0], A, *cube()[2:])
    m = kg.Bilevel("large")
    x, y = m.var("x", 2, lb=0, ub=1), m.var("y", lb=0, ub=1)
    m.add(1e40 * x[0] + x[1] <= 1, 1e40 * x[1] + y <= 1, 1e40 * y + x[0] <= 1)  # in no units within 1e15
    m.minimize(-x.sum())
    with pytest.raises(kg.SolverError, match=r"HiGHS refused model 'large'.*\(HiGHS: .*1e\+1[56]"):
        kg.solve(m, "highs", time_limit=20)


SILENT = """
import numpy as np
import kktgen as kg
m = kg.Bilevel("m")
x = m.var("x", lb=0, ub=8)
f = m.follower("f")
y = f.var("y", lb=0, ub=9)
m.minimize(x + 3 * y)
f.minimize(-y)
f.add(x + y <= 8, 2 * y <= 7 * x)
assert kg.optimize(m, time_limit=20).report.claim == "optimal"
s = kg.Bilevel("s")
x, y = s.var("x", kind="B"), s.var("y", lb=0)
s.add(x + y >= 0.7, y <= 0.4 + x)
s.minimize(0.5 * x + 2 * y)
for solver in ("highs", "files:highs", "scip"):
    assert abs(kg.solve(s, solver, time_limit=20).objective - 0.5) < 1e-6
assert kg.solvers()["highs"].version
"""


def test_nothing_is_printed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SILENT], capture_output=True, text=True, cwd=tmp_path, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the stream")
def test_without_a_stdout_highs_is_made_all_the_same(tmp_path):
    code = "import kktgen.numerics.quiet_highs as q; h = q.quiet(); assert q.run(h) == ''"
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -c "{code}" >&-'], capture_output=True, text=True, cwd=tmp_path,
        timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_what_others_print_while_highs_greets_is_passed_on(monkeypatch, capfd):
    real = highspy.Highs

    def greeting():
        os.write(1, b"Running HiGHS 99.0: Copyright\nIncludes third-party software components, see X\n")
        os.write(1, b"another thread\n")
        return real()

    monkeypatch.setattr(highspy, "Highs", greeting)
    quiet_highs.first_of_process()
    assert capfd.readouterr().out == "another thread\n"


def test_the_log_is_shown_and_kept_where_it_is_asked_for(tmp_path, capfd):
    assert kg.solve(knapsack(), "highs", verbose=True, time_limit=20).status == "optimal"
    assert "Solving report" in capfd.readouterr().out
    log = tmp_path / "mine.log"
    assert kg.solve(knapsack(), "highs", time_limit=20, log_file=str(log), output_flag=True).status == "optimal"
    assert "Solving report" in log.read_text() and "Solving report" in capfd.readouterr().out
