"""What may be claimed of a verified point, and why not more.

``optimal`` needs all of: the bound closes the gap against the ORIGINAL objective at the point; every pair
encoded exactly or with proved constants; every multiplier and slack column in a proved box, or, where a box is
missing, a second solution of a different encoding or solver that agrees. Every bound, that of the evidence too, is
held against every verified point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..deadline import NEVER, Deadline
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.solution import Solution
from ..model.units import spans
from ..reformulate.one_level import foundation
from .boundedness import is_bounded, prices_fall
from .refutation import VerifiedPoint, beats, best, gap, origin, refutation
from .report import Tolerances
from .solved_model import boxes, cutoff_faults, cuts, encoding_faults, nonconvex_rows, some, without_multipliers

INFINITE = 1e20
"""A bound of this size is no bound: solvers write infinity so."""
CALLED = "called"
"""Key of ``Solution.raw`` for the status the solver gave where a point that was handed to it refutes that status."""
RELAXATION = "bound of the convex relaxation"
"""Key of ``Solution.raw`` where the bound is that of the relaxation, not the solver's."""
LAGRANGIAN = "bound over the subproblems"
"""Key of ``Solution.raw`` where the bound is the Lagrangian one over subproblems; its value says what that rests on."""
TIGHTENED = "tightened over"
"""How the note of :func:`kktgen.tighten` on a model begins, which says what its boxes and rows hold for."""
TREE = "box tree"
"""Key of ``Solution.raw`` for the sentence that says what the bound of a tree over boxes rests on, no encoding."""
DECISIONS = "every decision"
"""Key of ``Solution.raw`` for the sentence that says of how many decisions, all there are, the bound is the best."""

PARTS = "independent parts"
"""Key of ``Solution.raw`` for the sentence that says of how many independent parts the answer is made, and which of
them are proved."""
KINDS = "kinds"
"""Key of ``Solution.raw`` for the sentences that say what the claims of how many parts rest on."""
OPEN_PARTS = "open parts"
"""Key of ``Solution.raw`` for the sentences that say which parts are not proved, and why."""


@dataclass
class Grounds:
    """What speaks against the claim ``optimal``, which other solvers are refuted, and what the claim rests on."""

    against: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    rests: list[str] = field(default_factory=list)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, the weightiest first."""
        return (*self.against, *self.others, *self.rests)


def usable(bound: float | None) -> float | None:
    """Return a solver's bound, or None where it says nothing."""
    return None if bound is None or not abs(bound) < INFINITE else float(bound)


def refuted(
    original: Model, solution: Solution, witnesses: Sequence[VerifiedPoint], tolerances: Tolerances, who: str = ""
) -> list[str]:
    """Return what verified points say against a solver's bound, or against its word that there is no point.

    ``who`` names the solver, with the encoding where more than one solution is spoken of.
    """
    witness = best(original.sense, witnesses)
    if witness is None:
        return []
    status, bound = (solution.raw or {}).get(CALLED, solution.status), usable(solution.bound)
    if status == "infeasible":
        bound = None
    elif bound is None or not beats(original.sense, witness.value, bound, tolerances.optimality, witness.size):
        return []
    doubts = cuts(solution.model)
    return refutation(who or solution.solver, bound, witness, doubts)


def bound_faults(solution: Solution, value: float, size: float, tolerances: Tolerances) -> list[str]:
    """Return what keeps a bound that no verified point beats from closing the gap at a point of the given value."""
    bound = usable(solution.bound)
    if solution.status not in ("optimal", "time_limit") and not _by_relaxation(solution):
        if solution.status == "heuristic":
            return ["a heuristic point, or the point of a file, brings no bound: nothing is said of better ones"]
        return [f"the solver's status is {solution.status!r}: it proved nothing of this point"]
    if bound is None:
        return ["the solver gave no bound"]
    distance = gap(value, bound, size)
    if distance <= tolerances.optimality:
        return []
    limit = f"{tolerances.optimality:.0e}"
    return [f"the gap {distance:.2e} between bound {bound:.10g} and value {value:.10g} exceeds {limit}"]


def judge(
    original: Model, solution: Solution, value: float, tolerances: Tolerances, evidence: Sequence[Solution],
    witnesses: Sequence[VerifiedPoint] = (), deadline: Deadline = NEVER,
) -> Grounds:  # fmt: skip
    """Return what speaks for and against ``optimal`` at a verified point of the given value (user's sense).

    ``witnesses`` are verified points of the evidence.
    """
    found, encoded, z = Grounds(), solution.model, solution.z
    assert z is not None
    size = objective_size(original, z)
    known = [VerifiedPoint(value, size=size), *witnesses]
    for other in evidence:
        if other is not solution:
            found.others += refuted(original, other, known, tolerances, origin(other))
    found.against += refuted(original, solution, known, tolerances) or bound_faults(solution, value, size, tolerances)
    found.against += list(spans(original.units))
    if _by_relaxation(solution):
        found.against += without_multipliers(encoded)
        found.rests.append(
            "the bound is the optimum of the convex relaxation, proved by its row prices: it rests on proved boxes and "
            "on no encoding"
        )
        return found
    if said := (solution.raw or {}).get(PARTS):
        found.against += (solution.raw or {}).get(OPEN_PARTS, ())
        found.rests += [str(said), *(solution.raw or {}).get(KINDS, ())]
        return found
    if said := (solution.raw or {}).get(TREE) or (solution.raw or {}).get(DECISIONS):
        found.against += cutoff_faults(original, encoded, value)
        found.rests.append(str(said))
        return found
    found.against += encoding_faults(original, encoded) + cutoff_faults(original, encoded, value)
    if found.against:
        return found
    if len(z) < encoded.n:
        found.against.append(f"the point has {len(z)} of the model's {encoded.n} columns")
        return found
    stated = encoded.value(z)
    if gap(value, stated, size) > tolerances.optimality:
        found.against.append(f"the solved model's objective is {stated:.10g} at the point, the problem's {value:.10g}")
        return found
    if rests := foundation(encoded):
        found.rests.append(rests)
        return found
    if said := (solution.raw or {}).get(LAGRANGIAN):
        found.rests.append(str(said))
    found.rests += [note for note in encoded.notes if note.startswith(TIGHTENED)]
    if original.pairs is not None:
        by = ", ".join(f"{used.encoding} ({used.pairs}, {used.trust})" for used in encoded.encodings)
        found.rests.append(f"pairs encoded: {by}" if by else "every pair was settled by a proved bound")
    missing, rests = nonconvex_rows(original, encoded)
    found.rests += [rests] if rests else []
    if missing:
        found.against.append(missing)
        return found
    open_columns = boxes(encoded)[0]
    fall = prices_fall(encoded, deadline) if len(open_columns) else False
    if fall or (fall is None and not encoded.encodings):
        found.against.append(
            f"{some(encoded, open_columns)} without a proved box, and without complementarity prices improve the "
            "objective without end: the problem may be unbounded, which solvers overlook; bound the leader's prices"
        )
    elif not encoded.encodings:
        return found  # no pair is left for a solver to mishandle, so no box is asked for
    elif len(open_columns):
        _ask_evidence(
            found, original, solution, value, size, tolerances, evidence, some(encoded, open_columns), deadline
        )
    elif original.kkt is not None:
        found.rests.append("every multiplier and slack lies in a proved box")
    return found


def _ask_evidence(
    found: Grounds, original: Model, solution: Solution, value: float, size: float, tolerances: Tolerances,
    evidence: Sequence[Solution], columns: str, deadline: Deadline,
) -> None:  # fmt: skip
    """Accept a second, different solution that agrees in place of boxes nobody could prove."""
    refused = []
    for other in evidence:
        if other.status == "heuristic" and other.bound is None:
            continue  # a point alone, which is held against the bounds
        why = _disagreement(original, solution, other, value, size, tolerances)
        if not why and not is_bounded([solution.model, other.model], deadline=deadline):
            why = (
                "nothing shows that the problem is bounded, and where it is not solvers may agree on a wrong point; "
                "bound the columns without bounds (kktgen.explain looks for a direction without end)"
            )
        if not why:
            found.rests.append(
                f"{columns} without a proved box; the evidence is a second solution ({origin(other)}) whose bound "
                f"{usable(other.bound):.10g} agrees with the value within {tolerances.optimality:.0e}"
            )
            return
        refused.append(f"evidence of {origin(other)} refused: {why}")
    found.against += [f"{columns} without a proved box; {_cure(solution.model, bool(refused))}", *refused]


def _cure(model: Model, given: bool) -> str:
    """Return what may be done about missing boxes that was not done: bounding the model, or giving evidence."""
    bounded = model.origin is not None and "bound" in model.origin.stages
    if bounded and given:
        return "kktgen.bound proved none, and no evidence that was given stands in for it"
    evidence = "give evidence: a solution by another encoding or solver"
    if bounded:
        return f"kktgen.bound proved none; {evidence}"
    return "bound the model (kktgen.bound)" if given else f"bound the model (kktgen.bound), or {evidence}"


def _by_relaxation(solution: Solution) -> bool:
    return bool((solution.raw or {}).get(RELAXATION))


def _names(solution: Solution) -> set[str]:
    return {used.encoding for used in solution.model.encodings}


def _solver(solution: Solution) -> str:
    return (solution.solver.split() or [""])[0].lower()


def contradictions(original: Model, solution: Solution, evidence: Sequence[Solution]) -> list[str]:
    """Return what speaks against one that calls the problem infeasible: solutions of exactly encoded models, a part."""
    return [
        *(solution.raw or {}).get(OPEN_PARTS, ()),
        *(
            f"solver fault: {origin(solution)} calls the model infeasible, {origin(other)} ended with {other.status!r}"
            for other in evidence
            if (other.z is not None or other.status == "unbounded") and not encoding_faults(original, other.model)
        ),
    ]


def _disagreement(
    original: Model, solution: Solution, other: Solution, value: float, size: float, tolerances: Tolerances
) -> str:
    """Return why another solution is no independent confirmation of the value; empty when it is one."""
    if _names(other) == _names(solution) and _solver(other) == _solver(solution):
        return "same encoding and same solver"
    faults = encoding_faults(original, other.model) + cutoff_faults(original, other.model, value)
    if faults:
        return faults[0]
    bound = usable(other.bound)
    if bound is None or other.status not in ("optimal", "time_limit"):
        return "it has no bound"
    for what, number in (("bound", bound), ("objective", other.objective)):
        if number is not None and gap(value, number, size) > tolerances.optimality:
            beaten = what == "bound" and original.sense * (bound - value) > 0
            if other.status == "time_limit" and not beaten:
                return f"it did not finish: its {what} {number:.10g} stands against the value {value:.10g}"
            return f"its {what} {number:.10g} differs from the value {value:.10g}"
    return ""
