"""A problem as the single-level model that files and solvers take."""

from __future__ import annotations

from typing import Any

from ..errors import ProblemError, UnsupportedError
from ..problem.bilevel import Bilevel
from .constants import check_constants
from .kkt import kkt
from .model import Model

CURE = "encode the model first: kg.encode(kg.kkt(m), kg.SOS1())"


def single_level(problem: Any, verb: str, cannot: str, other: str = "") -> Model:
    """Return a model without complementarity pairs as it is, and the model of a problem without followers.

    Parameters
    ----------
    problem : Model or Bilevel
    verb : str
        Who asks, e.g. ``"solve"``.
    cannot : str
        Who cannot take the rest, e.g. ``"SCIP cannot solve"``.
    other : str
        A second cure for a problem with followers.

    Raises
    ------
    ProblemError
        Neither a Model nor a Bilevel, or constants of the model have got other bounds since.
    UnsupportedError
        There are followers or complementarity pairs.
    """
    if isinstance(problem, Bilevel):
        if problem.followers:
            raise UnsupportedError(f"{problem.name!r} has followers, which {cannot} directly; {CURE}{other}")
        problem = kkt(problem)
    if not isinstance(problem, Model):
        raise ProblemError(f"{verb} takes a Model or a Bilevel without followers, got {type(problem).__name__}")
    if problem.pairs is not None and len(problem.pairs):
        raise UnsupportedError(f"model {problem.name!r} has complementarity pairs, which {cannot}; {CURE}")
    check_constants(problem)
    return problem
