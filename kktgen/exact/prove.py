"""Prove the leader's optimum in rational numbers: a tree whose leaves bound the objective, and an exact point."""

from __future__ import annotations

from fractions import Fraction
from math import floor, log10
from typing import Any

import numpy as np

from ..deadline import Deadline, OutOfTime
from ..errors import ProblemError, UnsupportedError, expect
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..problem.integers import refuse_integers
from ..progress import ProgressOption, shown
from ..reformulate.scale import scaled
from . import optimum
from .certificate import Certificate, number
from .certify import certify
from .optimum import Function, Goal, Kkt, Refused
from .problem import plain
from .proof import FAILED, LATE, PROVED, Proof, sealed
from .tree.chords import chords
from .tree.curved import curved_rows
from .tree.inside import inside
from .tree.program import Program
from .tree.search import Search
from .tree.weights import exact_weights

GAP = 1e-4
"""How far the bound that is proved may lie from the value, relative."""
LIMIT = 60.0
"""Seconds."""
CERTIFYING = 0.6
"""The part of the limit after which the point must be certified; its own check comes on top."""
DIGITS = 12
"""Of the bound that is proved."""


def prove(
    bilevel: Bilevel, solution: Any, *, limit: float | None = LIMIT, gap: float = GAP, progress: ProgressOption = None
) -> Proof:
    """Prove the leader's optimum in rational numbers, trusting no solver.

    The point is certified exactly (:func:`kktgen.certify`). That no other is better by more than the gap is proved by a
    tree: every branching sets one side of a complementarity pair to zero, or splits the values of a variable; every
    leaf holds prices, in rational numbers, that bound the objective there or show that there is no point. Only
    what the problem declares is used: no box and no bound that a solver found. Solvers only suggest the tree and the
    prices; :mod:`kktgen.exact.optimum`, which needs nothing but Python, checks them.

    Parameters
    ----------
    bilevel : Bilevel
    solution : Solution or array (n,)
        The optimum, best as :func:`kktgen.optimize` returns it.
    limit : float, optional
        Seconds. Without a limit: None.
    gap : float
        How far value and bound may be apart, relative to the value; where that is small, to its terms, at most 1.
    progress : bool or callable, optional
        True shows a live line; a function is called with a :class:`kktgen.Progress` now and then.

    Returns
    -------
    Proof
        Its claim is ``proved`` only when the checker accepts it.

    Raises
    ------
    UnsupportedError
        No proof of this kind exists for the problem: its objective keeps products of variables without bounds,
        rows of followers hold products with continuous variables of the leader, or nobody optimises.
    ProblemError
        The point is none of this problem, the gap is not positive, or the limit is no number of seconds.
    NoSolutionError
        The solution has no point.

    See Also
    --------
    kktgen.certify : The followers' responses alone.
    kktgen.verify : In floats.

    Notes
    -----
    The tree grows exponentially with the pairs: about 60 pairs of dense data, or 250 of data with structure, are in
    reach. See ``kktgen help proofs``.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("handbook")
    >>> x = m.var("x", lb=0, ub=8)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y")
    >>> m.minimize(x + 3 * y)
    >>> _ = m.add(y <= 5)
    >>> lower.minimize(-y)
    >>> _ = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    >>> proof = kg.prove(m, kg.optimize(m).solution, gap=1e-6)
    >>> proof.claim, str(proof.value), float(proof.gap) <= 1e-6 * 92 / 15
    ('proved', '92/15', True)
    """
    expect(bilevel, Bilevel, "prove")
    refuse_integers(bilevel, "prove")
    if not 0 < gap < 1:
        raise ProblemError(f"prove: gap= takes a number between 0 and 1, got {gap!r}")
    if limit is not None and not (isinstance(limit, int | float | np.number) and limit >= 0):
        raise ProblemError(f"prove: limit= takes a number of seconds, at least 0, or None; got {limit!r}")
    deadline = Deadline(limit)
    model = shared_kkt(bilevel)
    _refuse(model)
    certificate = certify(bilevel, solution, seconds=None if limit is None else CERTIFYING * limit)
    with shown(progress, "prove") as tell:
        case = _Case(model, plain(model), certificate.z, gap, deadline, tell)
        try:
            case.prepare(deadline.check())
            if not certificate.exact and certificate.ok and case.curved:
                certificate = _inner(bilevel, case, certificate)
                case.judge(certificate.z, gap)
            if not certificate.exact:
                deadline.check()
                return case.failed(f"the point is not certified exactly; {_why(certificate)}")
            return case.run()
        except OutOfTime:
            return case.late(np.inf, 0)


def _inner(bilevel: Bilevel, case: _Case, certificate: Certificate) -> Certificate:
    """Return the certificate of a point inside the leader's curved rows, of the given one where there is none."""
    point = inside(case.program, case.curved, certificate.z, case.deadline)
    return certificate if point is None else certify(bilevel, point, seconds=case.deadline.left())


def _refuse(model: Model) -> None:
    """Refuse what no proof of this kind holds for."""
    cure = "the claim of kktgen.verify stands without it"
    if model.equilibrium:
        raise UnsupportedError(f"prove: nobody optimises {model.name!r} as a whole, so there is no optimum; {cure}")
    if model.kkt is not None and model.kkt.curved:
        raise UnsupportedError(
            f"prove: follower {model.kkt.curved[0]!r} has rows with squares or norms, whose KKT conditions are no "
            f"linear system in rational numbers; {cure}"
        )
    if model.kkt is not None and model.kkt.varies:
        raise UnsupportedError(
            f"prove: followers of {model.name!r} have nonconvex rows, products of their variables with the leader's "
            f"continuous ones; {cure}"
        )


def _why(certificate: Any) -> str:
    if certificate.faults:
        return str(certificate.faults[0])
    if certificate.violation == 0:
        return f"a response is optimal within {float(certificate.gap):.1e} only"
    return f"it violates the leader's rows by {float(certificate.violation):.1e}"


class _Case:
    """One problem, one point, one limit."""

    def __init__(
        self, model: Model, problem: dict[str, Any], z: list[Fraction], gap: float, deadline: Deadline, tell: Any
    ) -> None:
        self.model, self.problem, self.deadline, self.tell = model, problem, deadline, tell
        self.left: list[str] = []
        self.judge(z, gap)

    def judge(self, z: list[Fraction], gap: float) -> None:
        """Take a point, and what is to be proved of it."""
        self.z, goal = z, self.problem["objective"]
        self.value = optimum.amount(goal["linear"], goal["products"], z) + optimum.F(goal["constant"])
        at = np.array([float(v) for v in z])
        self.size = max(abs(self.value), Fraction(objective_size(self.model, at)))
        self.cut = self.value - Fraction(repr(float(gap))) * self.size

    def prepare(self, deadline: Deadline) -> None:
        """Rewrite objective and rows, so that what is bounded at the nodes is convex."""
        kkt, goal = Kkt(self.problem), self.problem["objective"]
        self.weights = exact_weights(self.model, kkt, goal, deadline.check())
        products = Function.of(kkt, goal["linear"], goal["products"], Fraction(0), self.weights.items()).P
        deadline.check()
        self.bent = chords(kkt, products, self.problem)
        self.rewritten, self.curved, self.left = curved_rows(self.model, kkt, self.problem, deadline.check())
        goal = Goal(kkt, goal, self.weights.items(), self.bent.items())
        self.program = Program.of(kkt, goal, scaled(self.model))

    def run(self) -> Proof:
        """Search for a tree, and check it."""
        search = Search(self.program, self.cut, self.value - self.cut, self.deadline, self._told, self.curved).run()
        if search.open and search.stuck:
            return self.failed(self._stuck(search), search.leaves)
        if search.open:
            left = (float(self.value) - search.bound * search.program.unit) / float(self.size)
            return self.late(left, search.leaves)
        bound = self._bound(search)
        data = sealed({
            "problem": self.problem,
            "point": [number(v) for v in self.z],
            "weights": [[j, number(v)] for j, v in sorted(self.weights.items())],
            "curved": [[i, [[j, number(v)] for j, v in row]] for i, row in self.rewritten],
            "chords": [[j, number(v)] for j, v in sorted(self.bent.items())],
            "bound": number(bound),
            "tree": search.written(),
        })  # fmt: skip
        try:
            optimum.check(data)
        except Refused as reason:
            return self.failed(f"the checker refuses the tree: {reason}", search.leaves)
        return self._proof(PROVED, 0.0, search.leaves, "", data)

    def _bound(self, search: Search) -> Fraction:
        """Return what the tree proves, rounded down to a short number; no more than the value."""
        least = self.value if search.least is None else search.least
        if least >= self.value:
            return self.value
        unit = self.size * Fraction(1, 10**DIGITS)
        unit = Fraction(10) ** floor(log10(unit)) if unit else Fraction(1)
        return max(self.cut, unit * floor(least / unit))

    def _told(self, info: dict[str, Any]) -> None:
        if self.tell is not None:
            sense, bound = self.model.sense, info["bound"]
            left = (float(self.value) - bound) / float(self.size)
            known = {"incumbent": sense * float(self.value), "bound": sense * bound, "gap": max(left, 0.0)}
            self.tell({**info, "seconds": self.deadline.spent, **known})

    def _stuck(self, search: Search) -> str:
        better = self.model.sense * search.lowest * search.program.unit
        if not np.isfinite(better):
            return "the relaxation is unbounded where all pairs have a zero, or not solved: bound the variables"
        if search.lowest * search.program.unit >= float(self.cut):
            return "prices of a leaf could not be completed in rational numbers"
        if self.left:
            return f"rows of the leader hold products that do not become convex ({self.left[0]}); no leaf bounds them"
        return f"all conditions seem to hold at a value of about {better:.8g}, better than the point; solve again"

    def failed(self, reason: str, leaves: int = 0) -> Proof:
        """Return what is left where there will be no proof."""
        return self._proof(FAILED, np.inf, leaves, reason)

    def late(self, left: float, leaves: int) -> Proof:
        """Return what is left where the time is over."""
        return self._proof(LATE, left, leaves, "give more time")

    def _proof(self, claim: str, left: float, leaves: int, reason: str, data: dict[str, Any] | None = None) -> Proof:
        sense = self.model.sense
        bound = None if data is None else sense * optimum.F(data["bound"])
        return Proof(self.model.name, claim, sense * self.value, bound, left, leaves, reason, data, self.deadline.spent)
