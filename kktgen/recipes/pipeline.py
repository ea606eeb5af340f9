"""The stages of the recipe, and what is there after each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..deadline import Deadline
from ..decompose.by_boxes import by_boxes, over, worth_boxes, worth_plans
from ..decompose.rounds import Rounds
from ..decompose.tighten import tightened
from ..encodings import encode, named
from ..encodings.indicator import Indicator
from ..encodings.sos1 import SOS1
from ..errors import BoundError, ProblemError, SolverError, UnsupportedError
from ..lagrangian import Lagrangian
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.printed import bounds, changes
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..progress import Teller, Told
from ..reformulate.bounds import bound
from ..reformulate.cuts import cut
from ..reformulate.eliminate import eliminate
from ..reformulate.level import Relaxed, level, with_boxes
from ..reformulate.scale import scaled
from ..reformulate.switched_products import with_switched_products
from ..search.residual import FEASIBLE, violation
from ..search.start.pattern import polished
from ..search.start.start import land_start, pair_count, starts_within
from ..solvers import check_solvable, solve
from ..solvers.driving.checks import INTERRUPTED
from ..verification.claims import LAGRANGIAN, RELAXATION
from ..verification.refutation import beats
from ..verification.refutation import gap as gap_between
from ..verification.report import TOP
from ..verification.verify import Report, verify, with_range
from .html import result_html
from .kept_point import standing, with_start
from .many_followers import FEW_COLUMNS, begun, by_shared_boxes, pays, worked
from .responses.record import Responses

if TYPE_CHECKING:
    from .pessimistic.conclusion import Pessimistic

ENOUGH = 1e-6
"""Relative gap at which SCIP stops in models with products: a hundredth of what the claim asks for."""
AT_ONCE = 8
"""Boxes that an executor gets at the same time."""
METHODS = ("auto", "solver", "boxes")
"""How :func:`optimize` solves what it has prepared."""


@dataclass(frozen=True, eq=False)
class Result:
    """What :func:`optimize` returns.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The encoded model that was solved.
    solution : Solution
        The polished point.
    report : Report
        Verification and claim.
    bound : float or None
        The solver's bound on the leader's objective, in the user's sense; it holds as far as the encoding does: not
        under a user's own big-M that cuts off the optimum.
    start : float or None
        Objective of the heuristic start point, when there was one.
    polished : tuple of float or None
        Objective of the solver's point before and after the polish.
    seconds : dict of str to float
        Wall time per stage.
    lagrangian : Lagrangian or None
        Where rounds over many followers were made (``decompose``): what their bound and boxes rest on, to be written
        (``result.lagrangian.write("x.lagrangian.npz")``) and checked (``python -m kktgen.lagrangian FILE``).
    pessimistic : Pessimistic or None
        Where followers break ties against the leader (``optimize(.., pessimistic=True)``): the worst value at the
        decision (``.value``), a ``.bound`` on all such values, whether the optimum is ``.attained``, whether there is
        an ``.exact`` problem of it, that ``.problem`` or the relaxation behind the bound, and the results of that
        (``.solved``) and of the ``.optimistic`` problem. The solution's point is then the worst response, ``model`` the
        model behind the bound.
    responses : Responses
        Of integer followers, those the last master knows (``result.responses.write("x.responses.json")``).
    rounds : int
        Masters that were solved for them.

    See Also
    --------
    kktgen.optimize : Returns one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> result = kg.optimize(m)
    >>> print(f"{result.solution[toll]:.2f} {result.bound:.2f} {result.report.claim}")
    2.00 2.00 optimal
    >>> list(result.seconds)
    ['kkt', 'eliminate', 'bound', 'encode', 'cut', 'start', 'solve', 'polish', 'verify']
    """

    bilevel: Bilevel
    model: Model
    solution: Solution
    report: Report
    bound: float | None
    start: float | None = None
    polished: tuple[float, float] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    lagrangian: Lagrangian | None = None
    pessimistic: Pessimistic | None = None
    responses: Responses | None = None
    rounds: int = 0

    def __repr__(self) -> str:
        value = "no point" if self.solution.objective is None else f"objective {self.solution.objective:.6g}"
        return f"Result({self.bilevel.name!r}, {self.report.claim}, {value})"

    def _repr_html_(self) -> str:
        return result_html(self)

    def __str__(self) -> str:
        times = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in self.seconds.items())
        head, *values = str(self.solution).splitlines()
        return "\n".join([f"{self.bilevel.name}: {head}", *values, str(self.report), f"time: {times}"])


START, START_A_PAIR = 1.0, 0.05
"""Seconds that heuristics for start points take at most: few pairs are solved sooner than searched."""


class Stages:
    """Wall time per stage, told to a callback as each stage ends; a live line shows the next one."""

    def __init__(self, told: Callable[[str, str], None] | None, teller: Teller | None = None) -> None:
        self._told, self._teller, self._stage = told, teller, Deadline()
        self.seconds: dict[str, float] = {}

    def done(self, stage: str, text: Callable[[], str]) -> None:
        """Take the time of a stage that has ended, and tell of it."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + self._stage.spent
        self._stage = Deadline()
        if self._teller is not None:
            self._teller.passed(stage)
        if self._told is not None:  # what a model says of itself takes time on large ones
            self._told(stage, text())


@dataclass
class Pipeline:
    """The stages of :func:`optimize` and what is there after each, which Ctrl-C leaves as it is.

    Parameters
    ----------
    model, ready : Model
        Before and after it is encoded.
    deadline : Deadline
        Of all stages.
    points : list of ndarray
        Bilevel-feasible points, the best first.
    relaxed : Relaxed or None
        The convex relaxation, once it was asked for.
    gap : float or None
        At which the solver may stop.
    found : Solution or None
    polished : tuple of float or None
    rounds : Rounds or None
        Over many followers, where they were made.
    state : Path or None
        Where trees over boxes keep their state.
    single : bool
        The model is one level by itself, without pairs (:mod:`kktgen.recipes.one_level`).
    earlier : Solution or None
        What such a model gave in its share of the time, where that was not enough.
    """

    bilevel: Bilevel
    model: Model
    ready: Model
    deadline: Deadline
    clock: Stages
    executor: Executor | None
    progress: Told | None
    options: dict[str, Any]
    points: list[np.ndarray] = field(default_factory=list)
    relaxed: Relaxed | None = None
    gap: float | None = None
    found: Solution | None = None
    polished: tuple[float, float] | None = None
    rounds: Rounds | None = None
    state: Path | None = None
    single: bool = False
    earlier: Solution | None = None

    def prepare(self, encoding: Any, choices: Mapping[Any, Any] | None, cuts: bool | str, solver: str) -> None:
        """Eliminate, bound, encode, cut; refuse what the solver does not take."""
        before = len(self.model.notes)
        self.model = self.ready = eliminate(self.model, time_limit=self.deadline.share("eliminate").left())
        self.clock.done("eliminate", lambda: "\n".join(self.model.notes[before:]))
        if not self.model.bounded:
            limit = self.deadline.share("bound").left()
            self.model = self.ready = bound(
                self.model, time_limit=limit, executor=self.executor, progress=self.progress
            )
            self.model = self.ready = with_switched_products(self.model)
            self.clock.done("bound", lambda: bounds(self.model))
        self.ready = self._encoded(encoding, choices)
        self.clock.done("encode", lambda: changes(self.ready, self.model))
        plain = len(self.ready.notes)
        self.ready = cut(self.ready, cuts, time_limit=self.deadline.share("cut").left())
        self.clock.done("cut", lambda: "\n".join(self.ready.notes[plain:]))
        check_solvable(self.ready, solver)

    def _encoded(self, encoding: Any, choices: Mapping[Any, Any] | None) -> Model:
        """Return the encoded model; after a dual form was solved in vain with big-M for all pairs, where it is proved.

        By itself strong duality would be taken, the same dual form once more.
        """
        if self.earlier is not None:
            try:
                return encode(self.model, "bigm", choices)
            except BoundError:
                pass
        return encode(self.model, encoding, choices)

    def search(self, start: Any) -> None:
        """Find start points: the given one, else what the heuristics find."""
        if self.earlier is not None and self.earlier.z is not None:
            self.points = [self.earlier.z[: self.model.n]]
            return
        pairs = pair_count(self.model)
        own = self.deadline.share("start", pairs).part(START + START_A_PAIR * pairs)
        if self.model.kkt is not None and start is not False:
            given = None if start is True else land_start(self.bilevel, self.model, start, own)
            self.points = [given] if given is not None else starts_within(self.bilevel, self.model, own, self.progress)
        if own.stopped:
            raise KeyboardInterrupt
        said = f"start point: objective {self.model.value(self.points[0]):.6g}" if self.points else "no start point"
        self.clock.done("start", lambda: said)

    def box(self) -> None:
        """Box columns without bounds by the level set of the best start point; bound the multipliers again with it."""
        if not self.points or not (unboxed(self.ready) or _bent_and_free(self.ready)):
            return
        own, z = self.deadline.share("level"), self.points[0]
        self.relaxed = Relaxed.of(self.model, own)
        if self.relaxed is None or not verify(self.bilevel, z, executor=self.executor, time_limit=own.left()).ok:
            return
        boxed = level(self.model, z, self.relaxed, own)
        if boxed is not self.model:
            self.model = bound(boxed, time_limit=own.left(), executor=self.executor, progress=self.progress)
            self.ready = with_boxes(self.ready, self.model)
        self.clock.done("level", lambda: "\n".join(note for note in self.ready.notes if note.startswith("cutoff")))

    def tighten(self, decompose: bool | str, method: str) -> None:
        """Make boxes smaller by rounds over the subproblems, where many followers meet only through the leader.

        A tree over boxes asks for them where it has more than a few columns to split.
        """
        if method == "boxes":
            decompose = self.model.kkt is not None and len(self.model.kkt.seen) > FEW_COLUMNS and "boxes"
        if not self.points or not pays(self.ready, decompose):
            return
        rounds = begun(self.ready, self.points, self.executor, self.progress, decompose)
        if rounds is None:
            return
        self.rounds = rounds
        self.points = worked(rounds, self.model, self.points, self.deadline)
        self.ready = tightened(self.ready, rounds)
        self.clock.done("tighten", lambda: "\n".join(self.ready.notes[-1:]))

    def solve(self, solver: str, gap: float | None, reserved: tuple[str, ...], method: str = "solver") -> None:
        """Solve, with the shares of some stages after it kept; then polish."""
        if self._boxes_asked(method):
            self._by_boxes(gap, reserved)
        else:
            self.by_solver(solver, gap, reserved)
        assert self.found is not None
        self.clock.done("solve", self.found.__str__)
        self.found, moved = polished(self.model, self.found, self.deadline.share("verify"))
        self.polished = moved
        moves = "" if moved is None else f"polish: objective {moved[0]:.9g} -> {moved[1]:.9g}"
        self.clock.done("polish", lambda: moves)

    def _boxes_asked(self, method: str) -> bool:
        """Return whether a tree over boxes solves it: by name, or by itself where that is worth trying."""
        if method == "boxes" and self.model.space.conditions:
            raise UnsupportedError(
                'method="boxes" splits decisions to which followers respond; complementarity conditions '
                f"({min(self.model.space.conditions)!r}) are nobody's response: leave the method out"
            )
        if method != "auto" or self.model.space.conditions:
            return method == "boxes"
        if worth_plans(self.model, self.points):
            return True
        if not worth_boxes(self.model, self.points, np.inf):
            return False
        if self.relaxed is None:
            self.relaxed = Relaxed.of(self.model, self.deadline.share("level"))
        return self.relaxed is not None and worth_boxes(self.model, self.points, self.relaxed.value)

    def _by_boxes(self, gap: float | None, reserved: tuple[str, ...]) -> None:
        """Solve by a tree over boxes of the columns that followers see."""
        own, file = self.deadline.before("verify", *reserved), self.state
        told: dict[str, Any] = {"gap": gap, "deadline": own, "progress": self.progress, "file": file}
        told |= {"executor": self.executor, "at_once": 1 if self.executor is None else AT_ONCE}
        if self.rounds is not None:
            self.found = by_shared_boxes(self.rounds, self.model, self.ready, **told)
        else:
            self.found = over(by_boxes(self.model, self.points, **told), self.ready)

    def by_solver(self, solver: str, gap: float | None, reserved: tuple[str, ...], part: float = 1.0) -> None:
        """Solve the encoded model, within a part of the time that there is for it."""
        limit = self.deadline.before("verify", *reserved).left()
        limit = None if limit is None else part * limit
        gap = self.gap = _enough(self.ready, solver) if gap is None else gap
        lifted = [self.ready.complete(z) for z in self.points]
        more = {"time_limit": limit, "gap": gap, "progress": self.progress, **self.options}
        self.found = self._with_lagrangian(_solved(self.ready, solver, lifted, **more))

    def interrupted(self, start: Any) -> None:
        """Take the best point there is when Ctrl-C is pressed."""
        self.deadline.stop()
        if not self.points and not isinstance(start, bool):
            z, view = self.model.complete(start), scaled(self.model)
            self.points = [z] if violation(view.model, view.point(z)) <= FEASIBLE else []
        if self.found is not None:  # in the polish
            return
        if self.earlier is not None:
            self.back_to(replace(self.earlier, raw={**(self.earlier.raw or {}), "status": INTERRUPTED}))
            return
        point = self.ready.complete(self.points[0]) if self.points else None
        value = None if point is None else self.ready.value(point)
        raw = {"status": INTERRUPTED}
        self.found = Solution("time_limit", value, None, point, 0.0, "no solver was reached", self.ready, raw=raw)

    def back_to(self, earlier: Solution) -> None:
        """Take what a model of one level gave before for the solution."""
        self.found, self.ready, self.single = earlier, earlier.model, True

    def verified(self, encoding: Any, solver: str, evidence: bool, range: bool) -> Result:  # noqa: A002
        """Verify, with a second solution as evidence where the claim needs one; Ctrl-C leaves what is verified."""
        found = self.found
        assert found is not None
        tried, last, report = _tried(self.model, self.points), self.deadline.last(), None
        try:
            report = verify(self.bilevel, found, evidence=tried, executor=self.executor, time_limit=last.left())
            if report.ok and report.claim not in TOP:
                found = self.found = self._with_first_bound(found, report)
                if found.raw and RELAXATION in found.raw:
                    report = verify(self.bilevel, found, evidence=tried, executor=self.executor, time_limit=last.left())
            if evidence and self._is_open(report):
                own = self.deadline.before("verify")
                more = {"gap": self.gap, "progress": self.progress, **self.options}
                again = _second(self.model, encoding, solver, found, own, more)
                tried = (*again, *tried)
                report = verify(self.bilevel, found, evidence=tried, executor=self.executor, time_limit=last.left())
            lifted = [self.ready.complete(z) for z in self.points]
            found, report = standing(self.bilevel, found, report, lifted, tried, last, self.executor)
            report = with_range(self.bilevel, report, found, last) if range else report
        except KeyboardInterrupt:
            report = report or verify(self.bilevel, found, evidence=tried, time_limit=0.0)
        self.clock.done("verify", report.__str__)
        begun_at = self.model.value(self.points[0]) if self.points else None
        return Result(
            self.bilevel, self.ready, found, report, found.bound, begun_at, self.polished, self.clock.seconds,
            None if self.rounds is None else Lagrangian.of(self.rounds),
        )  # fmt: skip

    def _with_lagrangian(self, found: Solution) -> Solution:
        """Return the solution with the bound of the rounds where that one is better."""
        if self.rounds is None or found.status not in ("optimal", "time_limit"):
            return found
        bound, said = self.rounds.told_bound
        if bound is None or (found.bound is not None and found.model.sense * (bound - found.bound) <= 0):
            return found
        return replace(found, bound=bound, raw={**(found.raw or {}), LAGRANGIAN: said})

    def _with_first_bound(self, found: Solution, report: Report) -> Solution:
        """Return the solution with the bound of the convex relaxation where it is better than the solver's, or enough.

        It rests on no encoding and on no box that is not proved.
        """
        if self.single:
            return found
        if self.relaxed is None:
            self.relaxed = Relaxed.of(self.model, self.deadline.share("level"))
        if self.relaxed is None or report.value is None:
            return found
        first, size = self.relaxed.value, objective_size(self.model, found.z) if found.z is not None else 1.0
        tolerance, sense = report.tolerances.optimality, found.model.sense
        if found.bound is not None and beats(sense, report.value, found.bound, tolerance, size):
            return found  # a fault, which is to be told
        enough = gap_between(report.value, first, size) <= tolerance
        better = found.bound is None or sense * (first - found.bound) > 0
        if not (enough or better):
            return found
        return replace(found, bound=first, raw={**(found.raw or {}), RELAXATION: True})

    def _is_open(self, report: Report) -> bool:
        """Return whether a second solution may settle the claim."""
        assert self.found is not None
        if self.single:
            return False
        exact = all(encoded.trust != "user" for encoded in self.ready.encodings)
        closed = report.gap is not None and report.gap <= report.tolerances.optimality
        ended = self.found.status == "optimal" or (self.found.status == "time_limit" and closed)
        point = report.claim == "bilevel-feasible" and ended and exact and unboxed(self.ready)
        return (point or report.claim == "infeasible") and not self.deadline.stopped


def check_method(method: str) -> None:
    """Refuse what is no method of :func:`optimize`."""
    if method not in METHODS:
        raise ProblemError(f"method: one of {', '.join(METHODS)}, got {method!r}")


def _enough(model: Model, solver: str) -> float | None:
    """Return the gap at which a solver may stop when nobody names one."""
    return ENOUGH if solver.endswith("scip") and (len(model.quads) or model.matrices[0].nnz) else None


def unboxed(model: Model) -> bool:
    """Return whether some multiplier or slack column has no finite box."""
    space = model.space
    columns = np.isin(space.role, ["lam", "mu", "slack"])
    return not (np.isfinite(space.lb[columns]) & np.isfinite(space.ub[columns])).all()


def _bent_and_free(model: Model) -> bool:
    """Return whether a column of a product, in the objective or in a quadratic row, has no box."""
    space = model.space
    goal, quads = model.objective, model.quads
    used = np.unique(np.concatenate([goal.i, goal.j, quads.i, quads.j]).astype(np.int64))
    return not (np.isfinite(space.lb[used]) & np.isfinite(space.ub[used])).all()


def _second(
    model: Model, encoding: Any, solver: str, found: Solution, deadline: Deadline, options: dict[str, Any]
) -> tuple[Solution, ...]:
    """Return the solution of the same problem in another encoding, when the solver takes it and finishes."""
    other = SOS1() if isinstance(named(encoding), Indicator) else Indicator()
    try:
        again = encode(model, other)
        start = None if found.z is None else again.complete(found.z[: model.n])
        limit = deadline.left(10.0 * found.seconds + 10.0)
        return (solve(again, solver, start=start, time_limit=limit, **options),)
    except (UnsupportedError, BoundError, SolverError):
        return ()


def _tried(model: Model, points: list[np.ndarray]) -> tuple[Solution, ...]:
    """Return the best start point as evidence: verified, it is held against the solver's bound."""
    return tuple(Solution("heuristic", model.value(z), None, z, 0.0, "the start heuristics", model) for z in points[:1])


def _solved(model: Model, solver: str, points: list[np.ndarray], **options: Any) -> Solution:
    """Return the solver's solution, or the start point where it is better or the solver fails."""
    try:
        found = solve(model, solver, start=points or None, **options)
    except SolverError as error:
        if not points:
            raise
        found = Solution("error", None, None, None, 0.0, solver, model, raw={"error": str(error)})
    return with_start(found, points)
