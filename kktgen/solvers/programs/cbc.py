"""CBC's program: mixed-integer LPs with SOS1 sets.

Its solution file has eight digits; ``-saveSolution`` adds the same point in binary: two counts, the objective, then
activities and multipliers of the rows, values and reduced costs of the columns. The bound it prints has three decimals.

Reference: Forrest & Lougee-Heimer, CBC user guide, 2005, https://github.com/coin-or/Cbc. Measured with 2.10.8:
quadratic rows, products and indicators in a file are misread without a word.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...formats.solutions.cbc import MARK
from ...formats.solutions.stated import Stated, place, table
from ...model.model import Model
from ..driving.checks import column_bounds
from .task import Reply, Task, last, number

TITLE = "CBC"
PROGRAMS = ("cbc",)
VERSION = ("-quit",), r"^Version: *(\S+)"
INSTALL = "apt install coinor-cbc"
FORM = "mps"
FEATURES = frozenset({"int", "sos1"})
TOL = 1e-6
START = "cbc"
REFUSED = r"^No match for .*|^.* is not (?:valid|allowed).*|^.* was provided for .*"
WIDEST = 1e10
"""Bounds of columns in SOS1 sets up to this size are within what CBC gets right."""
INCREMENT = 1e-5
"""CBC leaves out branches that would improve its best point by less (``-increment``)."""
PRINTED = 5e-4
"""Half a unit of the last digit of the bound that it prints."""
EXACT = 1e-6
"""Relative difference of the eight digits and the binary values that is rounding."""


def refusal(model: Model) -> str:
    """Return in words which SOS1 sets it gets wrong, empty where there are none.

    Where a column of a set has no bound, 2.10.8 calls models infeasible that are not, without a word.
    """
    members = model.sos1.columns
    lb, ub = column_bounds(model)
    open_ = members[np.maximum(np.abs(lb[members]), np.abs(ub[members])) > WIDEST] if len(members) else members
    if not len(open_):
        return ""
    return (
        f"SOS1 sets of columns without bounds within {WIDEST:g}, such as {model.space.label(open_[0])!r}: it gets them "
        "wrong; prove bounds first (kg.bound), use encoding 'bigm', or another solver"
    )


def command(task: Task) -> list[str]:
    """Return the command."""
    words = [*task.program, str(task.model), "-timeMode", "elapsed"]
    if task.time_limit is not None:
        words += ["-seconds", f"{task.time_limit:.3f}"]
    if task.gap is not None:
        words += ["-ratioGap", repr(task.gap)]
    if task.threads > 1:
        words += ["-threads", str(task.threads)]
    if task.start is not None:
        words += ["-mipstart", str(task.start)]
    if "sos1" in task.content.features and "preprocess" not in task.options:
        words += ["-preprocess", "off"]  # with it, 19 of 300 random models with sets came out wrong or not at all
    words += task.flags("-")
    return [*words, "-solve", "-solution", str(task.solution), "-saveSolution", str(task.beside("exact"))]


def outcome(task: Task, log: str) -> Reply:
    """Return what it found."""
    errors = last(r"read with (-?\d+) errors", log)
    if errors not in ("0", None):
        return Reply(None, f"{errors} errors in the model file")
    stated, z = task.read()
    if z is None or stated.names is None:
        ambiguous = stated.status == "infeasible" and _may_fall(task.content)
        return Reply("infeasible_or_unbounded" if ambiguous else stated.status, stated.word)
    branches = not task.content.features.isdisjoint({"int", "sos1"})
    if stated.status == "time_limit" and (stated.marked or not branches):
        return Reply(stated.status, stated.word)  # an LP stopped on its way is at no point of the model
    z = _exact(task, stated, z)
    bound = number(last(r"^Lower bound: +(\S+)", log))
    if bound is not None:
        bound -= PRINTED
    elif stated.status == "optimal":
        bound = task.content.objective.value(z) - (INCREMENT if branches else 0.0)
    return Reply(stated.status, stated.word, z, bound)


def _may_fall(model: Model) -> bool:
    """Return whether the objective has no end within the bounds: CBC then calls unbounded models infeasible."""
    lb, ub = column_bounds(model)
    cost = model.matrices[1]
    return bool((((cost > 0) & (lb == -np.inf)) | ((cost < 0) & (ub == np.inf))).any())


def _exact(task: Task, stated: Stated, z: np.ndarray) -> np.ndarray:
    """Return the point with all digits, where the binary file has them for the columns of the text."""
    path = task.beside("exact")
    data = path.read_bytes() if path.is_file() else b""
    rows, columns = np.frombuffer(data[:8], dtype=np.int32).tolist() if len(data) >= 8 else (0, 0)
    if not columns or len(data) != 16 + 16 * (rows + columns):
        return z
    values = np.frombuffer(data, dtype=float, offset=16 + 16 * rows, count=columns)
    text = MARK.sub(b"  ", task.solution.read_bytes())
    number_, short = table(text, str(task.solution), text.find(b"\n") + 1, None, 0, 2)
    exact = values[number_.astype(np.int64)]
    if not (np.abs(exact - short) <= EXACT * np.maximum(1.0, np.abs(short))).all():
        return z
    return place(replace(stated, values=exact), task.content, str(task.solution))
