"""Which solvers take a model, a file or an encoding, as lists to compute with and as rows to print."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from ...errors import ProblemError
from ...model.model import Model
from ...model.single_level import single_level
from ...problem.bilevel import Bilevel
from ..writing.magnitudes import NONE
from .foreign import ModelFile, file_features
from .needs import Needs, combined, needs_of
from .table import NEEDS, READERS
from .targets import FORMATS, brought
from .verdicts import Verdict, judge

Printed = list[tuple[str, str, str]]


def readers(problem: Model | Bilevel | str | os.PathLike[str] | ModelFile | frozenset[str]) -> list[Verdict]:
    """Return which solvers take a model, format by format, and why the others do not.

    Parameters
    ----------
    problem : Model, Bilevel, path, ModelFile or frozenset of str
        A model without complementarity pairs, a problem without followers, a ``.lp``, ``.mps`` or ``.cip`` file or what
        :func:`file_features` returned of it (then for its own format alone), or features such as
        ``frozenset({"int", "sos1"})``.

    Returns
    -------
    list of Verdict
        For every solver and format: ``.reader``, ``.format``, ``.ok``, ``.reason``, ``.faults``.

    Raises
    ------
    UnsupportedError
        There are followers, or complementarity pairs.
    FormatError
        The file cannot be read.
    ProblemError
        An unknown feature.

    See Also
    --------
    kktgen.solvers : Those that can be driven from here.

    Notes
    -----
    What is known was measured on files of kktgen's own dialect (``kktgen.formats.readers.table``). Numbers count as
    well: HiGHS rejects coefficients from 1e15 on and, as SCIP, drops those of at most 1e-9. What is said of a file
    from elsewhere is said of its model, spelled as kktgen would.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("sets")
    >>> x = m.var("x", 2, lb=0, ub=1)
    >>> m.sos1(x)
    >>> [str(verdict) for verdict in kg.readers(m) if verdict.format == ".lp"][:2]
    ['scip .lp: ok', 'highs .lp: rejects SOS1 sets']
    """
    if isinstance(problem, str | os.PathLike):
        problem = file_features(problem)
    if isinstance(problem, ModelFile):
        return [judge(reader, problem.suffix, problem.is_packed, problem.needs) for reader in READERS]
    needs = _asked(problem)
    return [judge(reader, suffix, False, needs) for reader in READERS for suffix in FORMATS]


def _asked(problem: Model | Bilevel | frozenset[str]) -> Needs:
    """Return what a problem in memory asks of a reader."""
    if isinstance(problem, Bilevel | Model):
        return needs_of(single_level(problem, "readers", "no solver takes"))
    if not isinstance(problem, set | frozenset) or not set(problem) <= set(NEEDS):
        raise ProblemError(
            f"readers takes a Model, a Bilevel, a path or a set of features ({', '.join(NEEDS)}), got {problem!r}"[:300]
        )
    return Needs("", combined(frozenset(problem)), NONE)


def reader_rows(verdicts: Iterable[Verdict]) -> Printed:
    """Return a row for every solver: name and version, the formats it takes, why not the others or what to know.

    Examples
    --------
    >>> import kktgen as kg
    >>> rows = kg.formats.reader_rows(kg.readers(frozenset({"sos1"})))
    >>> [(name.split()[0], formats) for name, formats, why in rows][:3]
    [('SCIP', '.lp .mps .cip'), ('HiGHS', '-'), ('Gurobi', '.lp .mps')]
    """
    by: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by.setdefault(verdict.reader, []).append(verdict)
    out = []
    for reader, given in by.items():
        given = [v for v in given if v.format != ".cip" or reader == "scip"] or given  # CIP is SCIP's own
        reasons = {v.reason for v in given if not v.ok}
        if len(reasons) == 1 and not any(v.ok for v in given):
            why = reasons.pop()
        else:
            notes = dict.fromkeys(note for v in given for note in v.notes)
            why = "; ".join([*(f"{v.format}: {v.reason}" for v in given if not v.ok), *notes])
        title = f"{READERS[reader].title} {READERS[reader].version}"
        out.append((title, " ".join(v.format for v in given if v.ok) or "-", why))
    return out


def encoding_rows(model: Model) -> Printed:
    """Return a row for every encoding of a model: its name, what the encoded model needs, which solvers take it.

    Parameters
    ----------
    model : Model
        With complementarity pairs; better after :func:`kktgen.eliminate`, for products in the objective count.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> for name, needs, solvers in kg.formats.encoding_rows(kg.eliminate(kg.kkt(m))):
    ...     print(f"{name:14}{needs}")
    Auto          integer variables, SOS1 sets
    BigM          integer variables
    Indicator     integer variables, indicator rows
    Product       nonconvex quadratic rows (products of variables)
    SOS1          SOS1 sets
    StrongDuality convex quadratic rows, nonconvex quadratic rows (products of variables)
    """
    own, out = needs_of(model), []
    for name, brings in brought().items():
        features = combined((own.features - {"miqp", "int_free"}) | brings, "int_free" in own.features)
        needs = replace(own, features=features)
        takers: dict[str, list[str]] = {}
        for reader in READERS:
            forms = " ".join(suffix for suffix in FORMATS if judge(reader, suffix, False, needs).ok)
            takers.setdefault(forms, []).append(reader)
        takers.pop("", None)
        words = ", ".join(NEEDS[key] for key in NEEDS if key in features and key != "miqp") or "linear rows"
        out.append((name, words, "; ".join(f"{', '.join(who)} ({forms})" for forms, who in takers.items())))
    return out
