"""The exceptions of kktgen: each says what is wrong, where, and how to cure it.

::

    KktgenError
      ProblemError(ValueError)          not a convex QP in the follower's own variables, shapes clash, bad numbers
      BoundError(ValueError)            an encoding needs a finite bound that nobody can prove or gave
      UnsupportedError(NotImplementedError)   a format or solver lacks a feature of this model
      FormatError(ValueError)           a file cannot be read or written
      SolverNotFound(ImportError)       the solver is not installed
      SolverError(RuntimeError)         the solver failed or died
      NoSolutionError(RuntimeError)     values asked where there are none
"""

from __future__ import annotations

from typing import Any


class KktgenError(Exception):
    """Base of every exception kktgen raises on purpose.

    Examples
    --------
    Catching it catches all that kktgen refuses, and nothing else.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("refused")
    >>> try:
    ...     m.var("x", lb=2, ub=1)
    ... except kg.KktgenError as error:
    ...     print(type(error).__name__)
    ProblemError
    """


class ProblemError(KktgenError, ValueError):
    """The problem is outside the class kktgen handles, or its data are inconsistent.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("cubic")
    >>> x = m.var("x")
    >>> m.minimize(x * x * x)
    Traceback (most recent call last):
        ...
    kktgen.errors.ProblemError: a product of more than two variables is not quadratic
    """


class BoundError(KktgenError, ValueError):
    """An encoding needs a finite bound that nobody can prove or gave.

    Examples
    --------
    A big-M encoding needs a bound on every multiplier and slack. Here the slack of ``y >= 0`` grows with x, which has
    no upper bound.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("open")
    >>> x = m.var("x", lb=0)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y", lb=0)
    >>> rows = lower.add(y >= x)
    >>> lower.minimize(y)
    >>> kg.encode(kg.kkt(m), kg.BigM())
    Traceback (most recent call last):
        ...
    kktgen.errors.BoundError: BigM needs a bound on the slack of 'comp_lb(lower,y)' ... or use SOS1(), which needs none
    """


class UnsupportedError(KktgenError, NotImplementedError):
    """A format, solver or method lacks a feature of this model.

    See Also
    --------
    kktgen.readers : Which solver takes which model.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("sets")
    >>> x = m.var("x", 2, lb=0, ub=1)
    >>> m.sos1(x)
    >>> kg.solve(m, "highs")
    Traceback (most recent call last):
        ...
    kktgen.errors.UnsupportedError: HiGHS cannot solve SOS1 sets (model 'sets'); solvers that can: ...scip...
    """


class FormatError(KktgenError, ValueError):
    """A file cannot be read or written: which file, which line, what was expected.

    Examples
    --------
    >>> import kktgen as kg
    >>> kg.dumps(kg.Bilevel("empty"), "docx")
    Traceback (most recent call last):
        ...
    kktgen.errors.FormatError: format 'docx': no format has the suffix '.docx'; known are .cip, .lp, .mps, ...
    """


class SolverNotFound(KktgenError, ImportError):
    """The solver asked for is not installed or not known.

    See Also
    --------
    kktgen.solvers : Which there are, and which are installed.

    Examples
    --------
    >>> import kktgen as kg
    >>> kg.solve(kg.Bilevel("empty"), "scipp")
    Traceback (most recent call last):
        ...
    kktgen.errors.SolverNotFound: no solver 'scipp' (did you mean scip?); installed: ...
    """


class SolverError(KktgenError, RuntimeError):
    """The solver failed or died; where it runs by itself (``isolate=True``) this is the status ``error`` instead.

    Examples
    --------
    A command of one's own that ends with an error:

    >>> import sys
    >>> import kktgen as kg
    >>> m = kg.Bilevel("tiny")
    >>> m.maximize(m.var("x", lb=0, ub=1))
    >>> kg.solve(m, f"files:{sys.executable} -c 'raise SystemExit(3)' {{mps}} {{solution}}")
    Traceback (most recent call last):
        ...
    kktgen.errors.SolverError: ... ended with exit code 3 on model 'tiny'; ...
    """


class NoSolutionError(KktgenError, RuntimeError):
    """Values were asked of a solution that has no point.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("nowhere")
    >>> x = m.var("x", lb=0, ub=1)
    >>> rows = m.add(x >= 2)
    >>> solution = kg.solve(m)
    >>> solution[x]
    Traceback (most recent call last):
        ...
    kktgen.errors.NoSolutionError: no point to take values from: status 'infeasible' ...
    """


def expect_executor(executor: Any, verb: str) -> None:
    """Refuse what takes no jobs where an executor is wanted; None is welcome.

    Raises
    ------
    ProblemError
        It has no method ``submit``.
    """
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ProblemError(
            f"{verb}: expected an executor or None, got {type(executor).__name__}; give a ProcessPoolExecutor, or "
            "client.get_executor() of Dask"
        )


def expect(value: Any, kind: type, where: str, cure: str = "") -> None:
    """Refuse an argument of the wrong type: what it must be, what it is, where it comes from."""
    if not isinstance(value, kind):
        tail = f"; {cure}" if cure else ""
        raise ProblemError(f"{where}: expected {kind.__name__}, got {type(value).__name__}{tail}")
