"""Rounds of an enumeration: solve a master, let the followers respond at its decision, add what they do.

Every master is a relaxation, so the best of their bounds is one of the problem. Every decision gives a point at which
the followers were solved again, and so a value. Both meet after finitely many rounds where the leader moves no row, or
moves them by integers. Where it moves them continuously the optimum may be an infimum: points are then looked for at a
distance from the decision at which a response ceases to be feasible.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...deadline import Deadline
from ...encodings import encode
from ...errors import SolverError
from ...model.model import Model
from ...model.solution import Solution
from ...numerics.programs import Polyhedron
from ...numerics.sparse import widen
from ...progress import Told
from ...reformulate.responses.assembled import assembled, enumerated, key_of
from ...reformulate.responses.base import Base
from ...reformulate.responses.parts import Response
from ...solvers import solve
from ...verification.claims import INFINITE
from ...verification.integers import OPEN_RESPONSES, RESPONSES
from ...verification.refutation import gap
from ...verification.solved_model import cuts, open_indicators
from .decisions import NEAR_TIE, decided, replies, rounded
from .record import Responses
from .sharpened import sharpened

SEEDS = 20
"""Random decisions at which followers that are priced respond before the first master."""
SEED_SHARE = 0.05
"""Part of the time left that they may take."""
MASTER_GAP = 1e-5
"""Relative gap of a master."""
EPS = (1e-4, 1e-5, 1e-6)
"""Distances (relative) from moved rows at which points are looked for where the optimum may be an infimum."""
EPS_ROUNDS = 20
"""Most rounds for each of them."""
WORTH = 1e-6
"""By how much (relative) a value may lie beyond the bound, as tolerances of followers' costs are worth something."""
CLOSED = 1e-4
"""Gap at which bound and value have met, unless another is asked for."""
WHY = (
    "each bounds the followers' costs by a dual point of what its integers leave, or by a point that stays feasible, "
    "with proved constants; at the point every follower's program was solved again"
)
"""What a bound over responses rests on."""


@dataclass(eq=False)
class Rounds:
    """An enumeration.

    Parameters
    ----------
    base : Base
    encoding : Any
    solver : str
    deadline : Deadline
    gap : float
    executor : Executor or None
    progress : callable or None
    state : Path or None
        Where responses are kept after every round.
    options : dict
        Of the solver.
    """

    base: Base
    encoding: Any
    solver: str
    deadline: Deadline
    gap: float
    executor: Executor | None = None
    progress: Told | None = None
    state: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    responses: list[Response] = field(default_factory=list)
    master: Model | None = None
    best: np.ndarray | None = None
    clear: np.ndarray | None = None
    bound: float = -np.inf
    count: int = 0
    status: str = "time_limit"
    doubts: tuple[str, ...] = ()
    ended: str = ""
    who: str = "no solver"
    _keys: set[tuple[str, bytes]] = field(default_factory=set)

    @property
    def value(self) -> float:
        """The minimised objective of the best point; inf where there is none."""
        return np.inf if self.best is None else self.base.free.objective.value(self.best)

    @property
    def closed(self) -> bool:
        """Whether bound and value have met."""
        return self.best is not None and self._distance(self.bound) <= self.gap

    def _distance(self, bound: float) -> float:
        assert self.best is not None
        if bound >= self.value:
            return 0.0
        return gap(self.value, bound, self.base.stated.size(self.best))

    def add(self, responses: list[Response]) -> int:
        """Take the responses that are new, and return how many there are."""
        place, new = {part.name: part for part in self.base.parts}, 0
        for one in responses:
            key = key_of(place[one.follower], one)
            if key not in self._keys:
                self._keys.add(key)
                self.responses.append(one)
                new += 1
        return new

    def seed(self) -> None:
        """Let followers that are priced respond at random decisions."""
        base, space = self.base, self.base.free.space
        priced = [part for part in base.parts if part.is_priced and not part.is_moved]
        if not priced:
            return
        at = np.unique(np.concatenate([part.qp.x for part in priced]))
        if not (np.isfinite(base.lb[at]) & np.isfinite(base.ub[at])).all():
            return
        rng, left = np.random.default_rng(0), self.deadline.left()
        own = self.deadline.part(None if left is None else SEED_SHARE * left)
        z, rows = np.clip(np.zeros(base.free.n), space.lb, space.ub), base.free.rows
        allowed = Polyhedron(widen(rows.M, base.free.n), rows.lo, rows.hi, base.lb, base.ub)
        for _ in range(SEEDS):
            z[at] = _drawn(allowed, at, rng, own)
            found = replies(base, rounded(base, z), own, self.executor)
            if found is None:
                return
            self.add([one for one, part in zip(found, base.parts, strict=True) if part in priced])

    def given(self, z: np.ndarray) -> None:
        """Let the followers respond at a decision that somebody gave."""
        found = decided(self.base, z, self.deadline, self.executor)
        if found is not None:
            self._take(found.z)
            self.add(found.responses)

    @property
    def curves(self) -> bool:
        """Whether masters are nonconvex: a follower that is priced has a quadratic cost."""
        return any(part.is_priced and part.qp.P.nnz for part in self.base.parts)

    def run(self) -> None:
        """Make rounds until bound and value meet, nothing new comes, or the time is over."""
        while not self.closed:
            found = self._master(0.0)
            if found is None or not self._bounded(found):
                return
            if self.closed or self.deadline.over:
                break
            new = self._respond(found)
            if self.closed or found.status != "optimal":
                break
            new = new or self._looked_at_closely(found)
            if self.closed:
                break
            new = new or self._tightened(found)
            if not new and not self._landed(found):
                self.ended = "no new response"
                self._beside()
                break
        self.status = "optimal" if self.closed else "time_limit"

    def _master(self, eps: float, margin: float = 0.0, held: np.ndarray | None = None) -> Solution | None:
        """Return the solution of the master over the responses so far; None where the time is over."""
        model = assembled(self.base, self._others(held), eps, margin)
        if held is not None:
            space = model.space.copy()
            whole = np.concatenate([part.qp.y[part.whole] for part in self.base.parts])
            space.lb[whole] = space.ub[whole] = held[whole]
            model = replace(model, space=space)
        ready = encode(model, self.encoding)
        if eps == 0.0 and held is None:
            self.master, self.count = model, self.count + 1
        if self.deadline.over:
            return None
        start = None
        if self.best is not None:
            start = np.full(ready.n, np.nan)
            start[: len(self.best)] = np.where(self.base.free.space.is_price, np.nan, self.best)
        limit, goal = self.deadline.left(), min(MASTER_GAP, 0.5 * self.gap)
        by, options = self._by(ready)
        given: dict[str, Any] = {"gap": goal, "start": start, "progress": self._teller()}
        try:
            return solve(ready, by, time_limit=limit, **given, **options)
        except SolverError:
            if by == self.solver:
                raise
        return solve(ready, self.solver, time_limit=self.deadline.left(), **given, **self.options)

    def _by(self, ready: Model) -> tuple[str, dict[str, Any]]:
        """Return the solver of a master and its options: HiGHS where SCIP is not needed and has no options."""
        isolation: dict[str, Any] = {
            key: self.options[key] for key in ("isolate", "memory_limit") if key in self.options
        }
        own = {key: value for key, value in self.options.items() if key not in isolation}
        if self.solver == "scip" and not own and ready.features <= {"int"}:
            return "highs", {**isolation, "mip_feasibility_tolerance": 1e-7}
        return self.solver, {**({"numerics/feastol": 1e-7} if self.solver == "scip" else {}), **self.options}

    def _others(self, held: np.ndarray | None) -> list[Response]:
        """Return the responses whose integers are not those of a point."""
        if held is None:
            return self.responses
        mine = {part.name: (part.k, held[part.qp.y[part.k]]) for part in self.base.parts}
        return [one for one in self.responses if (one.y[mine[one.follower][0]] != mine[one.follower][1]).any()]

    def _bounded(self, found: Solution) -> bool:
        """Take the bound of a master; return whether there is a point to go on with."""
        sense, self.who = self.base.free.sense, found.solver
        if found.status == "infeasible":
            if self.best is None:
                self.status = "infeasible"
                self.doubts = tuple(cuts(found.model))
                return False
            raise SolverError(f"{found.solver} calls a master infeasible that holds a verified point")
        if found.bound is not None and abs(found.bound) < INFINITE and found.status in ("optimal", "time_limit"):
            bound = sense * found.bound
            if bound > self.bound:
                self.bound = bound
                self.doubts = (*cuts(found.model), *open_indicators(found.model))
            if self.best is not None and self._beats(self.best):
                self.best = self.clear  # a near tie that is none
        self._tell()
        if found.z is None:
            self.status = found.status if found.status != "optimal" else "time_limit"
            if found.status in ("unbounded", "infeasible_or_unbounded"):
                self.ended = "a master has no bound: bound the leader's columns"
            return False
        return True

    def _respond(self, found: Solution) -> int:
        """Let the followers respond at a master's decision; return how many responses are new."""
        assert found.z is not None
        got = decided(self.base, found.z, self.deadline, self.executor)
        if got is None:
            self.ended = "a follower was not solved in time"
            return 0
        self._take(got.z)
        new = self.add(got.responses)
        self._keep()
        self._tell()
        return new

    def _looked_at_closely(self, found: Solution) -> int:
        """Take a decision to the last digits, then near ties; return how many responses are new."""
        assert found.z is not None
        sharp = sharpened(found.model, found.z, self.deadline)
        new = 0 if sharp is None else self._respond(replace(found, z=sharp))
        if not new and not self.closed:
            self._near(found)
        return new

    def _near(self, found: Solution) -> None:
        """Take the leader's favourite of near ties where it is no better than the bound: masters cannot tell it apart.

        One that is better than what is proved of ties is none.
        """
        assert found.z is not None
        got = decided(self.base, found.z, self.deadline, self.executor, NEAR_TIE)
        if got is None or got.z is None:
            return
        if self.base.free.objective.value(got.z) < self.value and not self._beats(got.z):
            self.best = got.z

    def _beats(self, z: np.ndarray) -> bool:
        """Return whether a point is better than the bound by more than the gap."""
        value = self.base.free.objective.value(z)
        return value < self.bound and gap(value, self.bound, self.base.stated.size(z)) > self.gap

    def _take(self, z: np.ndarray | None) -> None:
        if z is None:
            return
        value = self.base.free.objective.value
        if self.clear is None or value(z) < value(self.clear):
            self.clear = z
        if value(z) < self.value:
            self.best = z

    def _tightened(self, found: Solution) -> int:
        """Let followers respond with moved rows tightened: where a known response is feasible only just."""
        assert found.z is not None
        if not any(part.is_moved for part in self.base.parts):
            return 0
        got = replies(self.base, rounded(self.base, found.z), self.deadline, self.executor, tight=True)
        return 0 if got is None else self.add(got)

    def _landed(self, found: Solution) -> bool:
        """Move a decision to where followers clearly prefer a master's integers; return whether that closed the gap."""
        assert found.z is not None
        for margin in (1e-6, 1e-5, 1e-4):
            if self.deadline.over:
                return False
            again = self._master(0.0, margin, rounded(self.base, found.z))
            if again is not None and again.z is not None and (self._respond(again) or self.closed):
                return True
        return False

    def _beside(self) -> None:
        """Look for points at a distance from where responses cease to be feasible."""
        if all(part.is_lattice for part in self.base.parts if part.is_moved):
            return
        for eps in EPS:
            for _ in range(EPS_ROUNDS):
                if self.closed or self.deadline.over:
                    return
                found = self._master(eps)
                if found is None or found.z is None:
                    break
                if not self._respond(found) and not self._tightened(found):
                    self._near(found)
                    break

    def _keep(self) -> None:
        if self.state is not None:
            Responses(self.base.free.name, self.base.stated.told(self.responses)).write(self.state)

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self._figures())

    def _figures(self) -> dict[str, Any]:
        sense = self.base.free.sense * self.base.stated.objective
        known = self.best is not None
        return {
            "stage": "responses", "text": f"round {self.count}, {len(self.responses)} responses", "round": self.count,
            "responses": len(self.responses), "incumbent": sense * self.value if known else None,
            "bound": sense * self.bound if np.isfinite(self.bound) else None,
            "gap": self._distance(self.bound) if known and np.isfinite(self.bound) else None,
        }  # fmt: skip

    def _teller(self) -> Callable[..., Any] | None:
        """Return what a master's solver tells: the time passes, figures are those of the rounds."""
        if self.progress is None:
            return None
        tell = self.progress
        return lambda info: tell({**self._figures(), "seconds": info.get("seconds")})

    @property
    def solution(self) -> Solution:
        """The best point with the best bound, as a solution of the problem's free model."""
        own, free = self.base.stated, self.base.stated.free
        least = self.bound
        if self.best is not None and self.value < least <= self.value + WORTH * max(1.0, abs(self.value)):
            least = self.value  # a weaker bound is true, too
        bound = free.sense * least * own.objective if np.isfinite(least) else None
        point = None if self.best is None else own.back(self.best)
        raw: dict[str, Any] = {
            RESPONSES: (enumerated(len(self.responses)), WHY), OPEN_RESPONSES: self.doubts, "rounds": self.count,
        }  # fmt: skip
        if self.ended:
            raw["status"] = self.ended
        value = None if point is None else free.value(point)
        status = self.status
        if self.best is not None and status not in ("optimal", "time_limit"):
            status = "time_limit"
        return Solution(status, value, bound, point, self.deadline.spent, f"masters by {self.who}", free, raw=raw)


def _drawn(allowed: Polyhedron, at: np.ndarray, rng: np.random.Generator, deadline: Deadline) -> np.ndarray:
    """Return a random decision: any of the box, or a mix of two corners of what rows allow."""
    if not np.isin(allowed.A.indices, at).any():
        return rng.uniform(allowed.lb[at], allowed.ub[at])
    ends = []
    for _ in range(2):
        q = np.zeros(len(allowed.lb))
        q[at] = rng.normal(size=len(at))
        found = allowed.minimize(q, deadline)
        if found.x is None:
            return rng.uniform(allowed.lb[at], allowed.ub[at])
        ends.append(found.x[at])
    share = rng.uniform()
    return share * ends[0] + (1.0 - share) * ends[1]
