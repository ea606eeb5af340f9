"""Gurobi's program ``gurobi_cl``: everything an encoded model may hold.

Its JSON solution file says status, objective and bound, the log says them where there is no point to write.

Reference: Gurobi Optimizer Reference Manual, command-line tool,
https://docs.gurobi.com/projects/optimizer/en/current/reference/misc/commandline.html
"""

from __future__ import annotations

import orjson

from ...model.model import FEATURES as ALL
from .task import Reply, Task, last, number

TITLE = "Gurobi"
PROGRAMS = ("gurobi_cl",)
VERSION = ("--version",), r"version (\d[\d.]*)"
INSTALL = "https://www.gurobi.com/downloads"
FORM = "mps"
SOLUTION = ".json"
FEATURES = frozenset(ALL) - {"pairs"}
TOL = 1e-6
START = "gurobi"
START_SUFFIX = ".mst"
REFUSED = r"^.*[Uu]nknown parameter.*|^.*[Uu]nable to set parameter.*|^.*[Ii]llegal value.*"
WORDS = (
    (r"^Infeasible or unbounded model|^Model is infeasible or unbounded", "infeasible_or_unbounded"),
    (r"^Model is infeasible|^Infeasible model", "infeasible"),
    (r"^Model is unbounded|^Unbounded model", "unbounded"),
    (
        r"^(?:Time|Node|Iteration|Solution|Work|Memory) limit reached|^Solve interrupted|^Interrupt request",
        "time_limit",
    ),
)
"""What its log says where there is no point -> ours."""


def command(task: Task) -> list[str]:
    """Return the command. Integers are integer within 1e-6, as everywhere in kktgen."""
    settings = {"Threads": task.threads, "IntFeasTol": 1e-6, "JSONSolDetail": 1, "ResultFile": task.solution}
    if not task.content.features.isdisjoint({"qobj_nonconvex", "qrow_nonconvex"}):
        settings["NonConvex"] = 2
    if task.time_limit is not None:
        settings["TimeLimit"] = task.time_limit
    if task.gap is not None:
        settings["MIPGap"] = task.gap
    if task.start is not None:
        settings["InputFile"] = task.start
    settings |= dict(task.options)
    return [*task.program, *(f"{name}={value}" for name, value in settings.items()), str(task.model)]


def outcome(task: Task, log: str) -> Reply:
    """Return what it found."""
    stated, z = task.read()
    if stated.status is None and z is None:
        for pattern, ours in WORDS:
            if last(f"({pattern})", log) is not None:
                return Reply(ours, ours)
        return Reply(None, "")
    about = orjson.loads(task.solution.read_bytes())["SolutionInfo"]
    bound = number(str(about.get("ObjBound")))
    if bound is None and stated.status == "optimal":
        bound = number(str(about.get("ObjVal")))
    return Reply(stated.status, stated.word, z, bound)
