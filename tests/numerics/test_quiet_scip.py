"""What SCIP prints as errors is kept for the answer, and goes to stderr only where nobody listens."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import kktgen as kg
from kktgen.numerics import quiet_scip
from kktgen.solvers import scip

pytest.importorskip("pyscipopt")
LIBRARY = quiet_scip.scip_library()
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="this build of PySCIPOpt does not show SCIP's functions")


def say(line: str) -> None:
    """Have SCIP itself print an error, without Python's lock as in a solve."""
    LIBRARY.SCIPmessagePrintErrorHeader(b"lpi_any.c", 42)
    LIBRARY.SCIPmessagePrintError(line.encode() + b"\n")


def knapsack() -> kg.Bilevel:
    """Some 0-1 choices that take SCIP a few nodes' worth of callbacks."""
    m = kg.Bilevel("sack")
    x = m.var("x", 12, kind="B")
    weight = [(37 * k * k + 11 * k) % 53 + 7 for k in range(12)]
    m.add(sum(w * x[k] for k, w in enumerate(weight)) <= sum(weight) // 3)
    m.maximize(sum((w + k % 5) * x[k] for k, w in enumerate(weight)))
    return m


def test_a_refused_option_says_why_and_prints_nothing(capfd):
    with pytest.raises(kg.ProblemError, match=r"refuses -7 for its option 'lp/solvefreq': Invalid value .*in range"):
        kg.solve(knapsack(), "scip", **{"lp/solvefreq": -7})
    assert "ERROR" not in capfd.readouterr().err


def test_errors_of_a_solve_stand_in_the_answer(capfd):
    found = kg.solve(knapsack(), "scip", progress=lambda info: say("unresolved numerical troubles"), time_limit=20)
    assert found.status == "optimal"
    assert "[lpi_any.c:42] ERROR: unresolved numerical troubles" in found.raw["log"].splitlines()
    assert "ERROR" not in capfd.readouterr().err
    assert "log" not in kg.solve(knapsack(), "scip", time_limit=20).raw


def test_verbose_prints_them(capfd):
    kg.solve(knapsack(), "scip", progress=lambda info: say("for all to see"), verbose=True, time_limit=20)
    assert "[lpi_any.c:42] ERROR: for all to see\n" in capfd.readouterr().err


def test_a_solve_that_fails_says_what_scip_said(monkeypatch, capfd):
    def failing(*arguments):
        say("the basis is singular")
        raise Exception("SCIP: error in LP solver!")

    monkeypatch.setattr(scip, "attempt", failing)
    with pytest.raises(kg.SolverError, match=r"'sack': SCIP: error in LP solver! \(the basis is singular\)"):
        kg.solve(knapsack(), "scip")
    assert "singular" not in capfd.readouterr().err


def test_each_thread_hears_its_own(capfd):
    ready, go = threading.Barrier(3), threading.Event()
    texts = {}

    def listen(name: str) -> None:
        with quiet_scip.heard() as said:
            ready.wait(20)
            say(name)
            go.wait(20)
        texts[name] = said.text

    threads = [threading.Thread(target=listen, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    ready.wait(20)
    say("three")  # nobody listens here
    go.set()
    for thread in threads:
        thread.join(20)
    say("four")  # nor anywhere
    assert texts == {name: f"[lpi_any.c:42] ERROR: {name}" for name in ("one", "two")}
    assert capfd.readouterr().err == "[lpi_any.c:42] ERROR: three\n[lpi_any.c:42] ERROR: four\n"


def test_a_solve_within_a_solve_hears_its_own(capfd):
    with quiet_scip.heard() as outer:
        say("before")
        with quiet_scip.heard() as inner:
            say("inside")
        say("after")
    assert [text.count("ERROR") for text in (outer.text, inner.text)] == [2, 1]
    assert (outer.cause, inner.cause) == ("before", "inside")
    assert capfd.readouterr().err == ""


def test_reading_a_broken_file_leaves_no_trap_behind(tmp_path: Path, capfd):
    """The function that PySCIPOpt sets for errors must not be called while a solve has given up Python's lock."""
    from kktgen.formats.targets.foreign import scip_model

    path = tmp_path / "broken.lp"
    path.write_text("Minimize\n obj: x\nSubject To\n c1: x >= <= 3\nEnd\n", encoding="utf-8")
    with pytest.raises(kg.FormatError, match=r"broken\.lp cannot be read by SCIP: .*line"):
        scip_model(path)
    assert capfd.readouterr().err == ""
    say("printed by SCIP, without the lock")
    assert capfd.readouterr().err == "[lpi_any.c:42] ERROR: printed by SCIP, without the lock\n"


def test_a_flood_of_errors_costs_no_memory():
    with quiet_scip.heard() as said:
        for k in range(3 * quiet_scip.PIECES):
            say(f"number {k}")
    assert said.text.endswith(f"number {3 * quiet_scip.PIECES - 1}")
    assert len(said.text) < 100 * quiet_scip.PIECES
