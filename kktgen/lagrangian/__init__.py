"""What rounds over many followers have proved, as a file that others can check: ``python -m kktgen.lagrangian FILE``.

The file holds the encoded model's arrays, the best point, the multipliers of the best Lagrangian bound, and every box
by cutoff with the multipliers that prove it. The check repeats, in order:

1. the best point: it satisfies the model, and lies in all boxes;
2. every Lagrangian cut: one small mixed-integer program each;
3. every box: the sum of :mod:`kktgen.decompose.level_set` over the rows and cuts that were known then;
4. the bound: one small mixed-integer program a subproblem, by a solver of one's own choice, twice: over the boxes that
   were declared or proved for all points, which rests on that solver alone; and over the boxes of the rounds.

Rows and boxes that SCIP derived at the roots of subproblems are not proved again; the check counts them as trusted.

Takes: rounds over subproblems, or a file.
Gives: a file, and what a check of it confirms.
Must not know: what is claimed of an answer.
"""

from .check import Check
from .record import SUFFIX, Lagrangian

__all__ = ["SUFFIX", "Check", "Lagrangian"]


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
