"""CPLEX's interactive program ``cplex``: everything an encoded model may hold but nonconvex quadratic rows.

Reference: IBM ILOG CPLEX 22.2, Using Interactive Optimizer commands from your operating system,
https://www.ibm.com/docs/en/icos/22.2.0
"""

from __future__ import annotations

from ...model.model import FEATURES as ALL
from .task import Reply, Task, last, number

TITLE = "CPLEX"
PROGRAMS = ("cplex",)
VERSION = ("-c", "quit"), r"Interactive Optimizer (\S+)"
INSTALL = "https://www.ibm.com/products/ilog-cplex-optimization-studio"
FORM = "mps"
FEATURES = frozenset(ALL) - {"pairs", "qrow_nonconvex"}
TOL = 1e-6
START = "cplex"
START_SUFFIX = ".mst"
REFUSED = r"^(?:Command|Parameter|Invalid|No such).*(?:not recognized|does not exist|ambiguous|invalid).*"
ABSOLUTE_GAP = 1e-6
"""Difference of value and bound at which a mixed-integer optimum is called optimal (``mip tolerances absmipgap``)."""
WORDS = (
    (r"- (?:Integer )?[Ii]nfeasible or unbounded", "infeasible_or_unbounded"),
    (r"- (?:Integer )?[Uu]nbounded or infeasible", "infeasible_or_unbounded"),
    (r"- (?:Integer )?[Ii]nfeasible", "infeasible"),
    (r"- (?:Integer )?[Uu]nbounded", "unbounded"),
    (r"- (?:Time|Node|Memory|Deterministic time) limit exceeded|- Aborted", "time_limit"),
)
"""What its log says where there is no point -> ours."""


def command(task: Task) -> list[str]:
    """Return the command. Of a nonconvex objective the global optimum is asked for, which is no default."""
    lines = [f"set threads {task.threads}"]
    if "qobj_nonconvex" in task.content.features:
        lines.append("set optimalitytarget 3")
    if task.time_limit is not None:
        lines.append(f"set timelimit {task.time_limit:.3f}")
    if task.gap is not None:
        lines.append(f"set mip tolerances mipgap {task.gap!r}")
    lines += [f"set {name} {value}" for name, value in task.options.items()]
    lines += [f"read {task.model.name}", *([f"read {task.start.name}"] if task.start else []), "optimize"]
    return [*task.program, "-c", *lines, f"write {task.solution.name}", "quit"]


def outcome(task: Task, log: str) -> Reply:
    """Return what it found."""
    stated, z = task.read()
    if z is None and stated.status is None:
        for pattern, ours in WORDS:
            if last(f"({pattern})", log) is not None:
                return Reply(ours, ours)
        return Reply(None, "")
    bound = number(last(r"^Current MIP best bound = +(\S+)", log))
    if bound is None and z is not None and stated.word in ("optimal", "integer optimal solution"):
        bound = task.content.objective.value(z) - (ABSOLUTE_GAP if stated.word.startswith("integer") else 0.0)
    return Reply(stated.status, stated.word, z, bound)
