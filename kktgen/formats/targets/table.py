"""What each solver makes of the files kktgen writes: one table, read as printed, and the limits of its numbers.

Every cell was measured on files with known optima, in the dialect of the writers beside this module. ``-``: taken.
Else the word of :data:`VERDICTS`, of which ``WRONG`` is the dangerous one: the solver says nothing, and solves another
model or calls a wrong point optimal. What a format has no line for is taken by those who take the file. Of CBC the
worse of two versions counts. MOSEK only read the files, it solved none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...model.model import FEATURES

# fmt: off
TABLE = """
                     scip  highs  gurobi  cplex  xpress  copt   mosek   cbc    glpk  lp_solve  symphony
.lp   file           -     -      -       -      -       -      -       -      -     REJ       -
.lp   gz             -     -      -       -      -       -      -       -      -     REJ       ?
.lp   int            -     -      -       -      -       -      -       -      -     REJ       -
.lp   int_free       -     -      -       -      -       -      -       -      -     REJ       CRASH
.lp   qobj           -     -      -       -      -       -      -       REJ    REJ   REJ       REJ
.lp   qobj_nonconvex -     WRONG  -       -      -       LOCAL  CONVEX  WRONG  REJ   REJ       WRONG
.lp   miqp           -     N/S    -       -      -       -      -       REJ    REJ   REJ       REJ
.lp   qrow           -     REJ    -       -      -       -      -       REJ    REJ   REJ       REJ
.lp   qrow_nonconvex -     REJ    -       N/S    -       LOCAL  CONVEX  WRONG  REJ   REJ       WRONG
.lp   sos1           -     REJ    -       -      -       -      REJ     -      REJ   REJ       WRONG
.lp   indicator      -     REJ    -       -      -       -      -       WRONG  REJ   REJ       WRONG

.mps  file           -     -      -       -      -       -      -       -      -     -         -
.mps  gz             -     -      -       -      -       -      -       -      -     ?         ?
.mps  int            -     -      -       -      -       -      -       -      -     -         -
.mps  int_free       -     -      -       -      -       -      -       -      -     -         CRASH
.mps  qobj           -     -      -       -      -       -      -       WRONG  REJ   REJ       WRONG
.mps  qobj_nonconvex -     WRONG  -       -      -       LOCAL  CONVEX  WRONG  REJ   REJ       WRONG
.mps  miqp           -     N/S    -       -      -       -      -       -      REJ   REJ       WRONG
.mps  qrow           -     REJ    -       -      -       -      -       WRONG  REJ   REJ       WRONG
.mps  qrow_nonconvex -     REJ    -       N/S    -       LOCAL  CONVEX  WRONG  REJ   REJ       WRONG
.mps  sos1           -     REJ    -       -      -       -      REJ     -      REJ   REJ       WRONG
.mps  indicator      -     REJ    -       -      -       -      -       REJ    REJ   REJ       REJ

.cip  file           -     REJ    REJ     REJ    REJ     REJ    REJ     REJ    REJ   REJ       REJ
"""
# fmt: on
VERDICTS = {
    "REJ": "rejects",
    "WRONG": "silently goes wrong on",
    "N/S": "reads, but refuses to solve,",
    "LOCAL": "solves only locally",
    "CONVEX": "solves convex models only, not",
    "CRASH": "crashes at",
    "?": "was not measured on",
}
"""What a reader does instead of taking something."""
NEEDS = {
    "file": "files of this format",
    "gz": "packed files (.gz)",
    **{key: words for key, words in FEATURES.items() if key != "pairs"},
    "int_free": "integer variables without a lower bound",
    "miqp": "a quadratic objective together with integer variables",
}
"""What a file may ask of a reader, in words: the rows of the table."""
REMARKS = {
    ("highs", "qobj_nonconvex", ""): "it calls a wrong point optimal, 0 where the optimum is -4",
    ("highs", "miqp", ""): "kktgen.solve(model, 'highs') solves the convex ones by tangents",
    ("cplex", "qobj_nonconvex", ""): "with its parameter optimalitytarget at 3",
    ("cplex", "qrow_nonconvex", ""): "error 5002",
    ("copt", "qobj_nonconvex", ""): "status 20, LOCAL_OPTIMAL",
    ("copt", "qrow_nonconvex", ""): "status 20, LOCAL_OPTIMAL: -2.19 where the optimum is -3.05",
    ("cbc", "qobj", ".lp"): "2.10.8; later versions take it",
    ("cbc", "qobj", ".mps"): "2.10.8 gives -8 as the objective of a point where it is -4; later versions take it",
    ("cbc", "qobj_nonconvex", ""): "-8 or 0 where the optimum is -4",
    ("cbc", "qrow", ".mps"): "it stops reading at QCMATRIX and solves what it has",
    ("cbc", "qrow_nonconvex", ".lp"): "'[', '*' and ']' become columns",
    ("cbc", "qrow_nonconvex", ".mps"): "it stops reading at QCMATRIX and solves what it has",
    ("cbc", "indicator", ".lp"): "'>' becomes a column, 12 where the optimum is 10",
    ("cbc", "indicator", ".mps"): "2.10.8; later versions take it",
    ("symphony", "qobj", ".mps"): "-40 where the optimum is -4",
    ("symphony", "qobj_nonconvex", ".lp"): "-8 where the optimum is -4",
    ("symphony", "sos1", ""): "it passes over the section, -9 where the optimum is -5",
    ("symphony", "indicator", ".lp"): "'>' becomes a column",
    ("mosek", "file", ""): "files were read, not solved",
    ("xpress", "file", ""): "without a licence up to 5000 rows and columns",
    ("cbc", "file", ".mps"): "some versions read some numbers of .mps one unit in the last place off",
    ("lp_solve", "file", ".mps"): "it prints six digits",
    ("lp_solve", "file", ".lp"): "its .lp is another language",
}
"""More about a cell (reader, need, format), or about those of both formats."""
_UNKNOWN = "not measured: the range that all others take"


@dataclass(frozen=True)
class Reader:
    """A solver as a reader of files, with the absolute values of numbers it takes.

    Parameters
    ----------
    title, version : str
    dropped : float
        Coefficients of at most this size become zero.
    refused : float
        Coefficients of at least this size are an error.
    infinite : float
        Sides and bounds of at least this size become infinite.
    costs_dropped, costs_refused : float
        The same of linear costs.
    source : str
        Where the limits come from, when not from reading files.
    """

    title: str
    version: str
    dropped: float = 0.0
    refused: float = float("inf")
    infinite: float = float("inf")
    costs_dropped: float = 0.0
    costs_refused: float = float("inf")
    source: str = ""


READERS = {
    "scip": Reader("SCIP", "10.0", 1e-9, 1e20, 1e20, 1e-9, 1e20),
    "highs": Reader("HiGHS", "1.15.1", 1e-9, 1e15, 1e20, 0.0, 1e20),
    "gurobi": Reader("Gurobi", "13.0.3", dropped=1e-13, infinite=1e20),
    "cplex": Reader("CPLEX", "22.2.0", infinite=1e20),
    "xpress": Reader("Xpress", "9.9.1", infinite=1e20),
    "copt": Reader("COPT", "8.0.7", dropped=1e-10, infinite=1e30),
    "mosek": Reader("MOSEK", "11.2.7", 1e-12, 1e20, 1e16, 0.0, 1e20),
    "cbc": Reader("CBC", "2.10.8 and devel", infinite=1e20),
    "glpk": Reader("GLPK", "5.0"),
    "lp_solve": Reader("lp_solve", "5.5.2.5", 1e-9, 1e15, 1e20, 1e-9, 1e15, source=_UNKNOWN),
    "symphony": Reader("SYMPHONY", "5.6.17", 1e-9, 1e15, 1e20, 1e-9, 1e15, source=_UNKNOWN),
}
"""The readers by the name ``target=`` takes."""


def _parsed(text: str) -> dict[tuple[str, str, str], str]:
    """Return the words of the table by (format, need, reader); what is taken has none."""
    head, *lines = (line.split() for line in text.splitlines() if line.strip())
    return {
        (suffix, need, reader): word
        for suffix, need, *words in lines
        for reader, word in zip(head, words, strict=True)
        if word != "-"
    }


CELLS = _parsed(TABLE)


def remark(reader: str, need: str, suffix: str) -> str:
    """Return what there is to say beside a cell of the table; empty when nothing."""
    return REMARKS.get((reader, need, suffix)) or REMARKS.get((reader, need, ""), "")
