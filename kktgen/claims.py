"""What may be claimed of a verified point, and why not more.

``optimal`` needs all of: the bound closes the gap against the ORIGINAL objective at the point; every pair
encoded exactly or with proved constants; every multiplier and slack column in a proved box, or, where a box is
missing, a second solution of a different encoding or solver that agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .model import Kkt, Model
from .relax import prices_are_bounded
from .report import Line, Tolerances
from .residuals import labels, line
from .solution import Solution
from .sparse import Csr, row_index

TRUSTED = ("exact", "proved")
"""Trust of an encoding whose optimum is the bilevel optimum."""
AT_CONSTANT = "at unproved M"
"""Name of the line that counts multipliers and slacks at constants nobody proved."""
INFINITE = 1e20
"""A bound of this size is no bound: solvers write infinity so."""


@dataclass
class Findings:
    """What speaks against the claim ``optimal``, and what it rests on, in sentences."""

    against: list[str] = field(default_factory=list)
    rests: list[str] = field(default_factory=list)


def usable(bound: float | None) -> float | None:
    """Return a solver's bound, or None where it says nothing."""
    return None if bound is None or not abs(bound) < INFINITE else float(bound)


def gap(value: float, bound: float) -> float:
    """Return ``|bound - value| / max(1, |value|)``."""
    return abs(bound - value) / max(1.0, abs(value))


def same_problem(original: Model, encoded: Model) -> bool:
    """Return whether an encoded model was made from the problem, unchanged since, whose KKT model is ``original``."""
    n = original.n
    if original.space.serial != encoded.space.serial or original.sense != encoded.sense or encoded.n < n:
        return False
    same = (original.space.role == encoded.space.role[:n]) & (original.space.kind == encoded.space.kind[:n])
    if not same.all() or (original.kkt is None) != (encoded.kkt is None):
        return False
    return original.kkt is None or encoded.kkt is None or _same_system(original.kkt, encoded.kkt)


def _same_system(a: Kkt, b: Kkt) -> bool:
    parts = [(a.s0, b.s0), (a.e0, b.e0), (a.c0, b.c0), (a.y, b.y), (a.lam, b.lam), (a.mu, b.mu)]
    for M, N in ((a.S, b.S), (a.E, b.E), (a.C, b.C)):
        parts += [(M.data, N.data), (M.indices, N.indices), (M.indptr, N.indptr)]
    return all(np.array_equal(left, right) for left, right in parts)


def encoding_faults(original: Model, encoded: Model) -> list[str]:
    """Return why the encoded model's optimum need not be the bilevel optimum, missing boxes aside."""
    out = []
    if not same_problem(original, encoded):
        return ["the solution's model was not made from this problem, or the problem was changed since"]
    for used in encoded.encodings:
        if used.trust == "eps":
            out.append(f"{used.pairs} pairs were encoded by {used.encoding} with a tolerance left on the product")
        elif used.trust not in TRUSTED:
            pairs = "1 pair rests" if used.pairs == 1 else f"{used.pairs} pairs rest"
            whose = "the user's constants" if used.trust == "user" else "constants"
            out.append(
                f"M unproved: {pairs} on {whose} ({used.encoding}), which nobody proved (trust {used.trust!r}): "
                "one that is too small cuts off better points, so no bound of this model holds"
            )
    left = _unencoded(original, encoded)
    if left and encoded.pairs is not None:
        out.append(
            f"no encoded model comes with the point: its {left} pairs are checked above, nothing bounds the optimum"
        )
    elif left:
        out.append(f"{left} complementarity pairs were not encoded: the model is a relaxation")
    held = _tightened(original, encoded)
    if len(held):
        out.append(f"{_some(encoded, held)} held tighter than declared without a proof")
    boxed = _boxes(encoded)[1]
    if len(boxed):
        provenance = encoded.space.proof[boxed[0]] or "no provenance"
        out.append(f"{_some(encoded, boxed)} in a box that nobody proved ({provenance})")
    return out


def _some(model: Model, columns: np.ndarray) -> str:
    names = labels(model.space.blocks, columns[:3])
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return f"{', '.join(names)}{more} {'is' if len(columns) == 1 else 'are'}"


def _proved(model: Model) -> np.ndarray:
    return np.char.startswith(model.space.proof, "proved")


def _unencoded(original: Model, encoded: Model) -> int:
    """Return how many pairs were neither encoded nor settled (mu proved zero, or the row proved always active)."""
    if original.pairs is None:
        return 0
    if encoded.pairs is not None and len(encoded.pairs):
        return len(encoded.pairs)
    space, n = encoded.space, original.n
    mu = original.pairs.mu
    settled = int(((space.ub[mu] == 0) & _proved(encoded)[mu]).sum())
    fixed = (space.lb[:n] == space.ub[:n]) & (original.space.lb < original.space.ub)
    fixed &= original.space.role == "follower"
    equations = int(_follower_equations(encoded) - _follower_equations(original) + fixed.sum())
    return max(0, len(mu) - sum(used.pairs for used in encoded.encodings) - settled - max(0, equations))


def _follower_equations(model: Model) -> int:
    return sum(int((model.rows.lo[b.start : b.stop] == model.rows.hi[b.start : b.stop]).sum())
               for b in model.rows.blocks if b.role == "primal")  # fmt: skip


def _tightened(original: Model, encoded: Model) -> np.ndarray:
    """Return the leader's and followers' columns whose bounds are tighter than declared, without a proof."""
    n, before, after = original.n, original.space, encoded.space
    tighter = (after.lb[:n] > before.lb) | (after.ub[:n] < before.ub)
    return np.flatnonzero(tighter & np.isin(before.role, ["leader", "follower"]) & ~_proved(encoded)[:n])


def _boxes(encoded: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the multiplier and slack columns without a finite box, and those in a box that is not proved."""
    space = encoded.space
    columns = np.flatnonzero(np.isin(space.role, ["lam", "mu", "slack"]))
    lb, ub, proved = space.lb[columns], space.ub[columns], _proved(encoded)[columns]
    cut = np.isfinite(ub) | ((space.role[columns] == "lam") & np.isfinite(lb))
    finite = np.isfinite(lb) & np.isfinite(ub)
    return columns[~finite & (proved | ~cut)], columns[cut & ~proved]


def at_constants(encoded: Model, z: np.ndarray, tolerances: Tolerances) -> list[Line]:
    """Return the line ``at unproved M``: multipliers and slacks that sit at a constant nobody proved.

    It counts multipliers at an unproved box, and slacks at the constant of their big-M row although its binary
    relaxes the row. No line when every constant is proved.
    """
    columns = _boxes(encoded)[1]
    if len(z) < encoded.n or (len(columns) == 0 and not _rests_on_m(encoded)):
        return []
    space, x = encoded.space, z[columns]
    low, high = space.lb[columns], space.ub[columns]
    is_price = space.role[columns] == "lam"
    with np.errstate(invalid="ignore"):
        at_top = high - x <= tolerances.feasibility * np.maximum(1.0, np.abs(high))
        at_bottom = is_price & (x - low <= tolerances.feasibility * np.maximum(1.0, np.abs(low)))
    names = labels(space.blocks, columns[at_top | at_bottom][:1])
    active = _at_slack_constant(encoded, z, tolerances.feasibility)
    names += labels(encoded.rows.blocks, active[:1])
    count = int((at_top | at_bottom).sum()) + len(active)
    return [line(AT_CONSTANT, count, 0.0, names[0] if names else "")]


def _rests_on_m(encoded: Model) -> bool:
    """Return whether pairs rest on constants that nobody proved."""
    return any(used.trust not in (*TRUSTED, "eps") for used in encoded.encodings)


def _at_slack_constant(encoded: Model, z: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the encoding's rows ``s + Ms b <= Ms`` whose Ms nobody proved that are active with b = 0 at a point z."""
    table, space = encoded.rows, encoded.space
    added = np.zeros(len(table), dtype=bool)
    for block in table.blocks:
        added[block.start : block.stop] = block.role == "encoding"
    row, column, size = row_index(table.M), table.M.indices, table.M.data
    unproved = (space.role[column] == "binary") & ~_proved(encoded)[column]  # provenance of Ms stands on the binary
    at = np.flatnonzero(added[row] & unproved & (size > 0) & (z[column] < 0.5))
    rows = row[at]
    room = table.hi[rows] - Csr(table.M[rows]) @ z[: table.M.shape[1]]
    return rows[room <= tolerance * np.maximum(1.0, size[at])]


def bound_faults(solution: Solution, sense: int, value: float, tolerances: Tolerances) -> list[str]:
    """Return what keeps the solver's bound from closing the gap at a verified point of the given value."""
    bound = usable(solution.bound)
    if solution.status not in ("optimal", "time_limit"):
        return [f"the solver's status is {solution.status!r}: it proved nothing of this point"]
    if bound is None:
        return ["the solver gave no bound"]
    distance = gap(value, bound)
    if distance <= tolerances.optimality:
        return []
    if sense * (bound - value) > 0:
        fault = "M too small, or a solver fault" if _rests_on_m(solution.model) else "solver fault"
        return [
            f"{fault}: the bound {bound:.10g} of {solution.solver} is beaten by a verified point of value "
            f"{value:.10g}; the bound is wrong, or the model that was solved cuts off points of this problem"
        ]
    limit = f"{tolerances.optimality:.0e}"
    return [f"the gap {distance:.2e} between bound {bound:.10g} and value {value:.10g} exceeds {limit}"]


def judge(
    original: Model, solution: Solution, value: float, tolerances: Tolerances, evidence: Sequence[Solution]
) -> Findings:
    """Return what speaks for and against ``optimal`` at a verified point of the given value (user's sense)."""
    found, encoded, z = Findings(), solution.model, solution.z
    assert z is not None
    found.against += bound_faults(solution, original.sense, value, tolerances)
    found.against += encoding_faults(original, encoded)
    if found.against:
        return found
    if len(z) < encoded.n:
        found.against.append(f"the point has {len(z)} of the model's {encoded.n} columns")
        return found
    stated = encoded.value(z)
    if gap(value, stated) > tolerances.optimality:
        found.against.append(f"the solved model's objective is {stated:.10g} at the point, the problem's {value:.10g}")
        return found
    if original.pairs is not None:
        by = ", ".join(f"{used.encoding} ({used.pairs}, {used.trust})" for used in encoded.encodings)
        found.rests.append(f"pairs encoded: {by}" if by else "every pair was settled by a proved bound")
    open_columns = _boxes(encoded)[0]
    if not encoded.encodings:
        return found  # no pair is left for a solver to mishandle, so no box is asked for
    if len(open_columns) and not prices_are_bounded(encoded):
        found.against.append(
            f"{_some(encoded, open_columns)} without a proved box, and without complementarity prices improve the "
            "objective without end: the problem may be unbounded, which solvers overlook; bound the leader's prices"
        )
    elif len(open_columns):
        _ask_evidence(found, original, solution, value, tolerances, evidence, _some(encoded, open_columns))
    elif original.kkt is not None:
        found.rests.append("every multiplier and slack lies in a proved box")
    return found


def _ask_evidence(
    found: Findings, original: Model, solution: Solution, value: float, tolerances: Tolerances,
    evidence: Sequence[Solution], columns: str,
) -> None:  # fmt: skip
    """Accept a second, different solution that agrees in place of boxes nobody could prove."""
    refused = []
    for other in evidence:
        why = _disagreement(original, solution, other, value, tolerances)
        if not why:
            found.rests.append(
                f"{columns} without a proved box; the evidence is a second solution ({_origin(other)}) whose bound "
                f"{usable(other.bound):.10g} agrees with the value within {tolerances.optimality:.0e}"
            )
            return
        refused.append(f"evidence of {_origin(other)} refused: {why}")
    cure = "bound the model (kktgen.bound), or give evidence: a solution by another encoding or solver"
    found.against += [f"{columns} without a proved box; {cure}", *refused]


def _origin(solution: Solution) -> str:
    return f"{' + '.join(sorted(_names(solution))) or 'no encoding'} by {solution.solver}"


def _names(solution: Solution) -> set[str]:
    return {used.encoding for used in solution.model.encodings}


def _solver(solution: Solution) -> str:
    return (solution.solver.split() or [""])[0].lower()


def contradictions(original: Model, solution: Solution, evidence: Sequence[Solution]) -> list[str]:
    """Return which solutions of exactly encoded models speak against one that calls the problem infeasible."""
    return [
        f"solver fault: {_origin(solution)} calls the model infeasible, {_origin(other)} ended with {other.status!r}"
        for other in evidence
        if (other.z is not None or other.status == "unbounded") and not encoding_faults(original, other.model)
    ]


def _disagreement(original: Model, solution: Solution, other: Solution, value: float, tolerances: Tolerances) -> str:
    """Return why another solution is no independent confirmation of the value; empty when it is one."""
    if _names(other) == _names(solution) and _solver(other) == _solver(solution):
        return "same encoding and same solver"
    faults = encoding_faults(original, other.model)
    if faults:
        return faults[0]
    bound = usable(other.bound)
    if bound is None or other.status not in ("optimal", "time_limit"):
        return "it has no bound"
    for what, number in (("bound", bound), ("objective", other.objective)):
        if number is not None and gap(value, number) > tolerances.optimality:
            beaten = what == "bound" and original.sense * (bound - value) > 0
            fault = " (solver fault: a verified point beats it)" * beaten
            if other.status == "time_limit" and not beaten:
                return f"it did not finish: its {what} {number:.10g} stands against the value {value:.10g}"
            return f"its {what} {number:.10g} differs from the value {value:.10g}{fault}"
    return ""
