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
    """Base of every exception kktgen raises on purpose."""


class ProblemError(KktgenError, ValueError):
    """The problem is outside the class kktgen handles, or its data are inconsistent."""


class BoundError(KktgenError, ValueError):
    """An encoding needs a finite bound that nobody can prove or gave."""


class UnsupportedError(KktgenError, NotImplementedError):
    """A format, solver or method lacks a feature of this model."""


class FormatError(KktgenError, ValueError):
    """A file cannot be read or written: which file, which line, what was expected."""


class SolverNotFound(KktgenError, ImportError):
    """The solver asked for is not installed or not known."""


class SolverError(KktgenError, RuntimeError):
    """The solver failed or died."""


class NoSolutionError(KktgenError, RuntimeError):
    """Values were asked of a solution that has no point."""


def expect(value: Any, kind: type, where: str, cure: str = "") -> None:
    """Refuse an argument of the wrong type: what it must be, what it is, where it comes from."""
    if not isinstance(value, kind):
        tail = f"; {cure}" if cure else ""
        raise ProblemError(f"{where}: expected {kind.__name__}, got {type(value).__name__}{tail}")
