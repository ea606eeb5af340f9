"""GLPK's program: mixed-integer LPs.

It cannot be given a point to begin with, and Ctrl-C ends it without an answer. Its time limit is in whole seconds.

Reference: Makhorin, GNU Linear Programming Kit, Reference Manual for GLPK 5.0, 2020.
"""

from __future__ import annotations

from .external import whole_seconds
from .task import Reply, Task, last, number

TITLE = "GLPK"
PROGRAMS = ("glpsol",)
VERSION = ("--version",), r"^GLPSOL.* (\S+)$"
INSTALL = "apt install glpk-utils"
FORM = "mps"
FEATURES = frozenset({"int"})
TOL = 1e-7
START = None
REFUSED = r"^Invalid option.*|^.*(?:argument|value).*specified.*"
WORDS = (
    ("NO PRIMAL FEASIBLE SOLUTION", "infeasible"),
    ("NO INTEGER FEASIBLE SOLUTION", "infeasible"),
    ("UNBOUNDED PRIMAL SOLUTION", "unbounded"),
    ("NO DUAL FEASIBLE SOLUTION", "infeasible_or_unbounded"),
    ("TIME LIMIT EXCEEDED", "time_limit"),
    ("MIP GAP TOLERANCE REACHED", "optimal"),
)
"""What its log says -> ours, where its solution file does not say it all."""


def command(task: Task) -> list[str]:
    """Return the command."""
    words = [*task.program, "--freemps", str(task.model), "--write", str(task.solution)]
    if task.time_limit is not None:
        words += ["--tmlim", str(whole_seconds(task.time_limit))]
    if task.gap is not None:
        words += ["--mipgap", repr(task.gap)]
    return [*words, *task.flags("--")]


def outcome(task: Task, log: str) -> Reply:
    """Return what it found."""
    stated, z = task.read()
    word, status = next(((words, ours) for words, ours in WORDS if words in log), (stated.word, stated.status))
    if z is None:
        return Reply(status if status != "optimal" else None, word)
    status = status if status in ("optimal", "time_limit") else "time_limit"
    bound = None
    if "int" in task.content.features:
        bound = number(last(r"^\+ *\d+: .*>= +(-?\d\S*) ", log))
    if stated.status == "optimal":
        bound = task.content.objective.value(z)
    return Reply(status, word.lower(), z, bound)
