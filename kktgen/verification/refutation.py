"""Solvers against verified points: what one of them refutes, whose fault that is, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model.model import Model
from ..model.solution import Solution

REPORT = (
    "what to do: compare other encodings and solvers (kktgen check MODEL, or kg.agree(m)); where they refute this one "
    "too, send the model that was solved (kg.write(solution.model, 'model.mps')) and both values to its authors"
)
"""Where the model that was solved is the problem, so that only the solver can be wrong."""
ENLARGE = (
    "what to do: give larger constants, or none and let kktgen prove them (kg.bound, then BigM() without arguments, or "
    "Auto()); where the bound stays wrong, compare other encodings and solvers (kktgen check MODEL, or kg.agree(m))"
)
"""Where the pairs rest on constants that nobody proved."""


@dataclass(frozen=True)
class VerifiedPoint:
    """A verified point: its value in the user's sense, where it comes from, and what counts as 1 in the objective."""

    value: float
    origin: str = ""
    size: float = 1.0

    def __str__(self) -> str:
        return f"a verified point of value {self.value:.10g}" + (f" ({self.origin})" if self.origin else "")


def gap(value: float, bound: float, size: float = 1.0) -> float:
    """Return ``|bound - value| / max(size, |value|)``; ``size`` as :func:`kktgen.model.own_units.objective_size`."""
    return abs(bound - value) / max(size, abs(value))


def beats(sense: int, value: float, bound: float, tolerance: float, size: float = 1.0) -> bool:
    """Return whether a value is better than a bound on all values, by more than the tolerance.

    ``sense`` is +1 when the user minimises, -1 when the user maximises.
    """
    return sense * (bound - value) > 0 and gap(value, bound, size) > tolerance


def best(sense: int, witnesses: Sequence[VerifiedPoint]) -> VerifiedPoint | None:
    """Return the verified point of the best value."""
    return min(witnesses, key=lambda one: sense * one.value, default=None)


def origin(solution: Solution) -> str:
    """Return the encodings and the solver behind a solution, in words."""
    used = sorted({one.encoding for one in solution.model.encodings})
    return f"{' + '.join(used) or 'no encoding'} by {solution.solver}"


def refutation(who: str, bound: float | None, witness: VerifiedPoint, doubts: Sequence[str]) -> list[str]:
    """Return what a verified point says of a bound it beats, or of the word infeasible, and what to do.

    Parameters
    ----------
    who : str
        Solved the model.
    bound : float or None
        None where the solver called the model infeasible.
    witness : VerifiedPoint
    doubts : sequence of str
        Why the model that was solved may lack points of the problem; empty where it has them all.
    """
    word, cure = ("M too small, or a solver fault", ENLARGE) if doubts else ("solver fault", REPORT)
    if bound is None:
        return [f"{word}: {who} calls the model infeasible, yet there is {witness}", cure]
    why = "the bound is wrong, or the model that was solved cuts off points of this problem" if doubts else (
        "the model that was solved holds that point, so the bound is wrong"
    )  # fmt: skip
    return [f"{word}: the bound {bound:.10g} of {who} is beaten by {witness}; {why}", cure]


def rests_on_constants(model: Model) -> bool:
    """Return whether pairs rest on constants that nobody proved."""
    return any(used.trust not in ("exact", "proved", "eps") for used in model.encodings)
