"""A solver by the user's own command: ``files:mysolver {model} --out {solution}``.

Words in braces are replaced in each word of the command; no shell reads it, and it runs in the current folder:

    =================  =============================================================================================
    ``{lp}``           the model in that format; ``{model}`` stands for ``{mps}``
    ``{mps}``
    ``{cip}``
    ``{solution}``     where the program is to write its point, in any dialect :func:`kktgen.read_solution` reads
    ``{start}``        a point to begin with, in SCIP's dialect; ``{mst}`` in Gurobi's
    ``{time_limit}``   seconds
    ``{gap}``          relative gap
    ``{threads}``
    =================  =============================================================================================

A word whose value is not there (no start, no limit) is left out, and with it an option right before it, where the word
is nothing but the braces: ``-t {time_limit}``. Status and point are those that the solution file states; a file that
states no status holds a point of which nothing is proved. No bound is known, so nothing is claimed to be optimal.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from ...errors import ProblemError
from ...formats import formats
from .task import Reply, Task

FORMS = {"model": "mps", "lp": "lp", "mps": "mps", "cip": "cip"}
STARTS = {"start": "scip", "mst": "gurobi"}
KNOWN = (*FORMS, *STARTS, "solution", "time_limit", "gap", "threads")
_BRACES = re.compile(r"\{(\w*)\}")


class Template:
    """What is particular to a user's own command, as the module of a program says it.

    Parameters
    ----------
    command : str
        Words as a shell would split them.

    Raises
    ------
    ProblemError
        It cannot be split, knows other braces, or lacks the model or the solution.
    """

    REFUSED = ""
    OWN_FOLDER = False
    TOL = 1e-6

    def __init__(self, command: str) -> None:
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise ProblemError(f"files:{command}: cannot be split into words ({error})") from None
        used = _BRACES.findall(command)
        wrong = [name for name in used if name not in KNOWN]
        forms, starts = {FORMS[name] for name in used if name in FORMS}, [name for name in used if name in STARTS]
        if wrong:
            raise ProblemError(f"files:{command}: no {{{wrong[0]}}}; there are {', '.join(f'{{{k}}}' for k in KNOWN)}")
        if len(forms) != 1 or "solution" not in used or not self.words or _BRACES.search(self.words[0]):
            raise ProblemError(
                f"files:{command}: a program, one of {{model}}, {{lp}}, {{mps}}, {{cip}}, and {{solution}} are needed"
            )
        self.PROGRAMS = (self.words[0],)
        self.TITLE = Path(self.words[0]).name
        self.INSTALL = "give its path, or put it on PATH"
        self.FORM = forms.pop()
        self.FEATURES: frozenset[str] = formats()[f".{self.FORM}"].FEATURES
        self.START = STARTS[starts[0]] if starts else None
        self.TOLD = "time_limit" in used

    def command(self, task: Task) -> list[str]:
        """Return the command."""
        if task.options:
            raise ProblemError(f"{self.TITLE}: options stand in the command itself: {list(task.options)}")
        values: dict[str, Any] = dict.fromkeys(FORMS, task.model) | dict.fromkeys(STARTS, task.start)
        values |= {"solution": task.solution, "time_limit": task.time_limit, "gap": task.gap, "threads": task.threads}
        out = list(task.program)
        for word in self.words[1:]:
            if any(values[name] is None for name in _BRACES.findall(word)):
                if _BRACES.fullmatch(word) and len(out) > len(task.program) and out[-1].startswith("-"):
                    out.pop()
                continue
            out.append(_BRACES.sub(lambda found: str(values[found[1]]), word))
        return out

    def outcome(self, task: Task, log: str) -> Reply:
        """Return what it found; nothing where there is no solution file."""
        if not task.solution.is_file():
            return Reply(None, "no solution file")
        stated, z = task.read()
        return Reply(stated.status or (None if z is None else "heuristic"), stated.word or "a point", z)
