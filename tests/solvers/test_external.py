"""Solvers by the user's own command: whether it answers, crashes, hangs or writes nonsense, it ends in our words."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import limits
import numpy as np
import pytest
from file_solver_models import own_temporary_folder, small  # noqa: F401

import kktgen as kg
from kktgen.solvers import programs
from kktgen.solvers.programs.external import External


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("files:cbc {model}", "and {solution} are needed"),
        ("files:cbc {solution} -x", "one of {model}, {lp}, {mps}, {cip}"),
        ("files:cbc {lp} {mps} {solution}", "one of {model}, {lp}, {mps}, {cip}"),
        ("files:cbc {model} {solution} {speed}", "no {speed}; there are {model}, "),
        ("files:cbc '{model} {solution}", "cannot be split into words"),
        ("files:{model} {solution}", "a program, one of"),
    ],
)
def test_commands_that_cannot_be_used(command: str, message: str):
    with pytest.raises(kg.ProblemError, match=message):
        kg.solve(small(), command)


def test_isolated_programs_fail_with_a_status(tmp_path: Path):
    sol = kg.solve(small(), fake(tmp_path, "sys.exit(3)"), isolate=True)
    assert sol.status == "error"
    assert "exit code 3" in sol.raw["error"]
    with pytest.raises(kg.UnsupportedError, match="memory_limit"):
        kg.solve(small(), fake(tmp_path, "pass"), isolate=True, memory_limit=100)


# -- a program that does as it is told ---------------------------------------------------------------


def fake(folder: Path, body: str, words: str = "") -> str:
    """Return the command of a program: ``model`` and ``solution`` are its paths, ``more`` its further arguments."""
    script = folder / "fake solver.py"
    script.write_text(
        "import os, signal, sys, time\nfrom pathlib import Path\n"
        "model, solution, *more = sys.argv[1:]\n" + textwrap.dedent(body)
    )
    return f"files:{sys.executable} {shlex.quote(str(script))} {{lp}} {{solution}} {words}"


WRITE = 'Path(solution).write_text("solution status: {}\\nobjective value: 1\\nx 4\\ny 0\\nONE 1\\n")\n'


def test_it_answers(tmp_path: Path):
    command = fake(tmp_path, 'assert "Maximize" not in open(model).read()\n' + WRITE.format("optimal solution found"))
    sol = kg.solve(small(), command)
    assert (sol.status, sol.objective, sol.bound) == ("optimal", 21.0, None)
    assert sol.solver == f"{Path(sys.executable).name} (files)"
    assert sol.raw == {"status": "optimal solution found", "violation": 0.0}


def test_it_answers_without_a_status(tmp_path: Path):
    sol = kg.solve(small(), fake(tmp_path, 'Path(solution).write_text("# by hand\\nx 3\\n")'))
    assert (sol.status, sol.objective, sol.bound) == ("heuristic", 16.0, None)


def test_it_says_that_there_is_no_point(tmp_path: Path):
    body = 'Path(solution).write_text("solution status: infeasible\\nno solution available\\n")'
    assert kg.solve(small(), fake(tmp_path, body)).status == "infeasible"


def test_a_wrong_point_shows_its_violation(tmp_path: Path):
    sol = kg.solve(small(), fake(tmp_path, 'Path(solution).write_text("# by hand\\nx 9\\n")'))
    assert sol.raw["violation"] == pytest.approx(30)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('all is well'); print('out of licences'); sys.exit(7)", r"exit code 7 .*'small'.*out of licences"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"died \(signal 11: Segmentation fault\)"),
        ("print('nothing to say')", r"gave no answer.*nothing to say"),
        ("Path(solution).write_text('')", r"cannot be read: .*line 1: ''; expected one of"),
        ("Path(solution).write_bytes(bytes(range(256)) * 99)", r"cannot be read: .*line 1"),
        ("Path(solution).write_text('Model status\\nOptimal\\n\\n# Primal solution values\\nFeasible\\nObjective 1\\n# "
         "Columns 3\\nx 4\\n')", r"cannot be read: .*ends after 1 of 3 columns"),
        ("Path(solution).write_text('solution status: optimal\\nobjective value: 1\\nx four\\n')", r"'x four'"),
        ("Path(solution).write_text('# of another model\\na 1\\nb 2\\n')", r"none of its 2 names"),
        ("Path(solution).mkdir()", r"gave no answer"),
    ],
)  # fmt: skip
def test_it_fails(tmp_path: Path, body: str, message: str):
    with pytest.raises(kg.SolverError) as caught:
        kg.solve(small(), fake(tmp_path, body))
    assert re.search(message, str(caught.value), re.DOTALL)


def test_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Interrupted at the limit, killed a little later, with all it has started."""
    from kktgen.solvers.programs import running

    monkeypatch.setattr(running, "GRACE", 0.5)
    body = """
    import subprocess
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", deaf])
    Path(more[0]).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)
    """
    began = time.perf_counter()
    sol = kg.solve(small(), fake(tmp_path, body, shlex.quote(str(tmp_path / "pids"))), time_limit=1.0)
    assert 1.0 < time.perf_counter() - began < 5
    assert (sol.status, sol.z) == ("time_limit", None)
    assert "stopped from outside" in sol.raw["status"]
    for pid in (tmp_path / "pids").read_text().split():
        for _ in range(50):
            if not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes():
                break
            time.sleep(0.05)
        else:
            pytest.fail(f"process {pid} is still there")


def test_it_overruns_with_a_point(tmp_path: Path):
    """A point that is on disk when the program is stopped is kept; half a file is none."""
    sol = kg.solve(small(), fake(tmp_path, WRITE.format("unknown") + "time.sleep(60)"), time_limit=0.7)
    assert (sol.status, sol.objective) == ("time_limit", 21.0)
    half = 'Path(solution).write_text("solution status: unknown\\nobjective value: 1\\nx 4\\ny")\ntime.sleep(60)'
    sol = kg.solve(small(), fake(tmp_path, half), time_limit=0.7)
    assert (sol.status, sol.objective) == ("time_limit", None)


def test_words_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What has no value is left out, with the option before it."""
    monkeypatch.setattr(limits, "LIMIT", None)
    words = "--gap={gap} -t {time_limit} -s {start} x{threads}y --end"
    body = "Path(solution).write_text('# ' + ' '.join(more) + '\\nx 1\\n'); print(' '.join(more))\n"
    command = fake(tmp_path, body + "sys.exit(1)", words)
    with pytest.raises(kg.SolverError, match=r"lines:\n  x1y --end$"):
        kg.solve(small(), command)
    with pytest.raises(kg.SolverError, match=r"--gap=0\.25 -t \d\d\.\d+ -s \S*start\.sol x2y --end$"):
        kg.solve(small(), command, gap=0.25, time_limit=60, threads=2, start=np.array([1.0, np.nan]))
    with pytest.raises(kg.ProblemError, match="options stand in the command itself"):
        kg.solve(small(), command, speed=3)


def test_the_start_it_gets(tmp_path: Path):
    body = "Path(solution).write_text(Path(more[0]).read_text())"
    for name in ("start", "mst"):
        sol = kg.solve(small(), fake(tmp_path, body, f"{{{name}}}"), start=np.array([2.0, 1.0]))
        assert sol.z.tolist() == [2.0, 1.0]


def test_an_error_of_progress_stops_it_and_comes_out(tmp_path: Path):
    def progress(info):
        assert info["incumbent"] is None
        raise KeyError("my own mistake")

    began = time.perf_counter()
    with pytest.raises(KeyError, match="my own mistake"):
        kg.solve(small(), fake(tmp_path, "time.sleep(60)"), progress=progress)
    assert time.perf_counter() - began < 5


def test_a_log_without_end_costs_no_memory(tmp_path: Path):
    sol = kg.solve(small(), fake(tmp_path, "while True: print('x' * 1000)"), time_limit=0.7)
    assert sol.status == "time_limit"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where a program can be tied to its caller")
def test_a_program_dies_with_its_caller(tmp_path: Path):
    command = fake(tmp_path, "Path(more[0]).write_text(str(os.getpid())); time.sleep(60)", str(tmp_path / "pid"))
    source = f"import kktgen as kg, file_solver_models as t; kg.solve(t.small(), {command!r})"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    child = subprocess.Popen([sys.executable, "-c", source], env=env)
    for _ in range(200):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.05)
    child.kill()
    child.wait(timeout=60)
    place = Path(f"/proc/{(tmp_path / 'pid').read_text()}/cmdline")
    for _ in range(100):
        if not place.exists() or not place.read_bytes():
            return
        time.sleep(0.05)
    pytest.fail("it is still there")


# -- programs that are not here, by what they would write -------------------------------------------


class _Elsewhere(External):
    """An external solver whose program is a script of ours."""

    def __init__(self, record, program: tuple[str, ...]) -> None:
        super().__init__(record)
        self._program = program

    def program(self):
        return self._program

    def version(self):
        return "0 (files)"


@pytest.mark.parametrize("name", ["gurobi", "cplex"])
@pytest.mark.parametrize("ends", ["optimal", "infeasible", "time", "silent"])
def test_programs_of_others(name: str, ends: str, tmp_path: Path):
    """Their commands, and how their files and logs are read."""
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(OTHERS[name]).replace("ENDS", ends))
    record = programs.externals()[f"files:{name}"].record
    solver = _Elsewhere(record, (sys.executable, str(script)))
    model = small()
    arguments = {"time_limit": 50.0, "gap": 0.01, "threads": 2, "start": [np.array([1.0, 0.0])]}
    if ends == "silent":
        with pytest.raises(kg.SolverError, match="gave no answer"):
            solver.solve(model, **arguments)
        return
    sol = solver.solve(model, **arguments)
    nothing = {"infeasible": "infeasible", "time": "time_limit"}
    expected = ("optimal", 21.0, 21.5) if ends == "optimal" else (nothing[ends], None, None)
    assert (sol.status, sol.objective, sol.bound) == expected


OTHERS = {
    "gurobi": """
    import json, sys
    *settings, model = sys.argv[1:]
    settings = dict(one.split("=", 1) for one in settings)
    assert "NAME" in open(model).read()
    assert open(settings["InputFile"]).read() == "# MIP start\\nx 1.0\\ny 0.0\\nONE 1\\n"
    assert settings["Threads"] == "2" and settings["MIPGap"] == "0.01" and 40 < float(settings["TimeLimit"]) <= 50
    if "ENDS" == "optimal":
        columns = [{"VarName": "x", "X": 4}, {"VarName": "y", "X": 0}, {"VarName": "ONE", "X": 1}]
        whole = {"SolutionInfo": {"Status": 2, "ObjVal": -21, "ObjBound": -21.5}, "Vars": columns}
        json.dump(whole, open(settings["ResultFile"], "w"))
    print({"optimal": "Optimal solution found", "infeasible": "Model is infeasible", "time": "Time limit reached",
           "silent": "No Gurobi license found"}["ENDS"])
    """,
    "cplex": """
    import sys
    assert sys.argv[1] == "-c"
    lines = sys.argv[2:]
    assert lines[0] == "set threads 2" and lines[1].startswith("set timelimit 4") and lines[-1] == "quit"
    assert lines[2:6] == ["set mip tolerances mipgap 0.01", "read model.mps", "read start.mst", "optimize"]
    assert '<variable name="x" index="0" value="1.0"/>' in open("start.mst").read()
    if "ENDS" == "optimal":
        print("MIP - Integer optimal, tolerance (0.01/1e-06):  Objective = -2.1000000000e+01")
        print("Current MIP best bound = -2.1500000000e+01 (gap = 0.5, 2.38%)")
        assert lines[6] == "write solution.sol"
        open("solution.sol", "w").write('<?xml version = "1.0"?><CPLEXSolution version="1.2"><header '
            'solutionStatusValue="102" solutionStatusString="integer optimal, tolerance"/><variables>'
            '<variable name="x" index="0" value="4"/><variable name="y" index="1" value="0"/></variables>'
            '</CPLEXSolution>')
    print({"optimal": "", "infeasible": "MIP - Integer infeasible.", "time": "MIP - Time limit exceeded, no integer "
           "solution.", "silent": "No problem exists."}["ENDS"])
    """,
}


def test_ctrl_c_while_a_version_is_asked_for_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    external = importlib.import_module("kktgen.solvers.programs.external")

    monkeypatch.setattr(external, "run", lambda *arguments: external.Ended(-2, "interrupt", ""))
    with pytest.raises(KeyboardInterrupt):
        external.answered_version(("nobody", "--version"), r"(\d+)")
