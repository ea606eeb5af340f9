"""The recipe in one call: eliminate, bound, encode, cut, start from a heuristic point, solve, polish, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..deadline import Deadline
from ..errors import BoundError, ProblemError, UnsupportedError, expect, expect_executor
from ..formats.writing.files import file_path
from ..model.model import Model
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..problem.every_response import names_of
from ..problem.integers import has_integers
from ..progress import ProgressOption, Told, shown
from ..reformulate.cuts import check_cuts
from ..search.given import given_start
from ..solvers import check_arguments
from .independent import check_parts, solved_apart, split
from .many_followers import check_decompose
from .one_level import solved_without_pairs, take_the_better
from .pessimistic.answer import answered
from .pipeline import Pipeline, Result, Stages, check_method, unboxed
from .responses.enumerate import enumerated_answer, refuse_options


def optimize(
    bilevel: Bilevel,
    encoding: Any = "auto",
    solver: str = "scip",
    time_limit: float | None = None,
    *,
    gap: float | None = None,
    choices: Mapping[Any, Any] | None = None,
    method: str = "auto",
    cuts: bool | str = "auto",
    decompose: bool | str = "auto",
    parts: bool | str = "auto",
    start: Any = True,
    evidence: bool = True,
    range: bool = False,  # noqa: A002
    pessimistic: bool = False,
    executor: Executor | None = None,
    progress: ProgressOption = None,
    stages: Callable[[str, str], None] | None = None,
    isolate: bool = False,
    memory_limit: float | None = None,
    state: str | Path | None = None,
    **options: Any,
) -> Result:
    """Solve a bilevel problem and verify the answer.

    Parameters
    ----------
    bilevel : Bilevel
    encoding : encoding or str
        See :func:`kktgen.encode`; by default big-M where proved and safe, SOS1 elsewhere.
    solver : str
        ``"scip"``, ``"highs"``, ...
    time_limit : float, optional
        Seconds for everything; :data:`kktgen.deadline.SHARES` says which part of them each stage may take. Ctrl-C is a
        limit that has come: the result holds the best point so far, verified as far as that takes no time.
    gap : float, optional
        Relative gap at which the solver may stop. By default SCIP, whose own is 0, stops at 1e-6 where products stand
        in the objective or in rows: there the last digits cost it most of its time, and the claim asks for 1e-4. The
        solver's own default otherwise.
    choices : mapping, optional
        Other encodings for some followers or rows.
    method : str
        ``"solver"``: the encoded model by the solver. ``"boxes"``: a tree over boxes of the leader's columns that
        followers see (:mod:`kktgen.decompose`), which need finite bounds: for a few columns, six at most, each box a
        small problem; for more, where many followers meet only through the leader, each bounded by a round over the
        followers. ``"auto"``: by boxes where at most three such columns meet 60 pairs or more, the objective is convex
        quadratic, and its relaxation leaves a gap of one percent; else by the solver.
    cuts : bool or "auto"
        Valid inequalities from strong duality (:func:`kktgen.cut`): for all followers, for none, or where they raise
        the optimum of the encoded model's relaxation.
    decompose : bool or "auto"
        Rounds over the followers before the solver is called (:func:`kktgen.tighten`): where eight or more meet only
        through the leader, always, or never.
    parts : bool or "auto"
        Solve independent parts of the problem apart and add them (:mod:`kktgen.recipes.independent`): where two groups
        of pairs remain, wherever there are two parts, or never. The answer is one point, verified on the whole problem.
        By default parts of fewer than 30 complementarity pairs (50 with ``isolate``) are taken together to groups of
        that size, and more of them where a time limit leaves less than a second a group; with ``choices``, ``state``,
        ``method="boxes"``, ``decompose=True`` or a big-M whose constants have keys the problem is one part.
    start : bool, Solution or array
        Look for a start point (relax and respond, pattern search) first; or a point to begin with: the solution of a
        search or of an earlier solve, all columns, or the leader's alone. It is moved to the best point of its pattern
        and its neighbours; where none satisfies the model, a start point is looked for.
    evidence : bool
        Where a multiplier has no proved bounds, solve a second time in another encoding: agreement is the evidence the
        claim ``optimal`` then needs. So is a model that the solver calls infeasible. The second run gets ten times the
        first one's time at most.
    range : bool
        Also compute the leader's best and worst value as the followers break their ties, see :func:`kktgen.verify`.
    pessimistic : bool
        Followers break ties against the leader, and every row of the leader that holds their variables is to hold for
        every response: the exact problem of :func:`kktgen.pessimistic` where there is one, else a decision, its worst
        value re-solved, and a proved bound. ``result.pessimistic`` holds what was found; ``choices`` and ``state``,
        which belong to one model, do not go with it. Rows added with ``every_response=True`` need no such asking.
    executor : concurrent.futures.Executor, optional
        For the independent jobs of bounding and verification, for boxes, and for independent parts.
    progress : bool or callable, optional
        True: a live line in terminals and notebooks, plain lines elsewhere. A function is called with a
        :class:`kktgen.Progress` by every stage that has something to tell, possibly from another thread; what it raises
        ends the call.
    stages : callable, optional
        Called as each stage ends with its name and a text to print.
    isolate, memory_limit
        Run the solver in a process of its own, see :func:`kktgen.solve`: where it crashes or runs out of memory, the
        best point it told, or the start point, is polished and verified like any other. Bounding, the search of a
        start point and verification stay in this process.
    state : path, optional
        With ``method="boxes"``: the file in which the tree keeps its state. It is written after every round of nodes,
        whole or not at all; where it is there already, of the same problem, the tree goes on from it. With integer
        followers: the ``.responses.json`` of the responses so far, written and read likewise.
    **options
        Passed to the solver.

    Returns
    -------
    Result

    Raises
    ------
    KktgenError
        Whatever the stages refuse; a solver that ends without a point is no error but a status, and one that fails
        leaves the start point, when there is one, with status ``error``.

    Notes
    -----
    Followers with integer variables have no KKT conditions. Their responses are enumerated instead: masters
    (:func:`kktgen.master`) bound the optimum, every decision of a master is answered by the followers solved again,
    until both meet. ``result.responses`` and ``result.rounds`` tell of it; ``choices``, ``method``, ``cuts``,
    ``decompose`` and ``parts`` do not apply. Masters that are plain MILPs go to HiGHS unless options of SCIP are given.

    See Also
    --------
    kktgen.kkt, kktgen.eliminate, kktgen.bound, kktgen.encode, kktgen.solve, kktgen.verify : The steps one by one.
    kktgen.explain : Why there is no point, or no optimum.
    kktgen.agree : Several encodings and solvers on one problem.
    kktgen.pessimistic : The problem in which followers break ties against the leader.

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
    >>> result = kg.optimize(m, time_limit=60)
    >>> solution = result.solution
    >>> print(f"{solution.objective:.4f} {solution[x]:.4f} {solution[y]:.4f} {result.report.claim}")
    6.1333 0.5333 1.8667 optimal

    A driver who is indifferent at the toll 2 need not take the road; below 2 it does.

    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> result = kg.optimize(m, pessimistic=True)
    >>> print(f"{result.solution[toll]:.3f} {result.pessimistic.value:.3f} {result.report.claim}")
    2.000 2.000 pessimistic optimal
    """
    check_arguments(time_limit, gap, 1, isolate, memory_limit)
    check_cuts(cuts)
    check_decompose(decompose)
    expect_executor(executor, "optimize")
    check_method(method)
    options |= {"isolate": isolate, "memory_limit": memory_limit}
    check_parts(parts)
    expect(pessimistic, bool, "pessimistic=", "True or False")
    if isinstance(bilevel, Bilevel) and (pessimistic or names_of(bilevel)):
        if choices or state is not None:
            raise ProblemError("choices and state belong to one model; worst responses are found by several: leave out")
        more: dict[str, Any] = {"gap": gap, "method": method, "cuts": cuts, "decompose": decompose, "parts": parts}
        more |= {"evidence": evidence, "executor": executor, "progress": progress, "stages": stages, **options}
        solve_plain = partial(_plain, encoding, solver, start, more)
        return answered(bilevel, solve_plain, pessimistic, time_limit, range)
    asked = Asked(encoding, choices, solver, method, cuts, decompose, evidence, options)
    if isinstance(bilevel, Bilevel) and has_integers(bilevel):
        asked_for = {"choices": choices, "method": method, "cuts": cuts, "decompose": decompose, "parts": parts}
        refuse_options(bilevel, asked_for)
        with shown(progress, "bound") as told:
            return enumerated_answer(
                bilevel, encoding, solver, time_limit, gap, start, range, executor, told, stages, state, options,
                optimize,
            )  # fmt: skip
    with shown(progress, "kkt") as told:
        deadline, clock = Deadline(time_limit), Stages(stages, told)
        model = shared_kkt(bilevel)
        given = start if isinstance(start, bool) else given_start(bilevel, start)
        clock.done("kkt", model.__str__)
        run = Pipeline(bilevel, model, model, deadline, clock, executor, told, options)
        run.state = None if state is None else file_path(state)
        reserved = ("range",) if range else ()
        whole = {
            "choices": choices,
            "state": state,
            'method="boxes"': method == "boxes",
            "decompose=True": decompose is True,
        }
        parts = False if parts == "auto" and not isinstance(start, bool) else parts  # a point given is one of the whole
        found = split(bilevel, parts, encoding, [name for name, used in whole.items() if used], isolate, time_limit)
        if found is None:
            _solve(run, asked, given, gap, reserved)
        else:
            solved_apart(run, found, partial(_part, asked), encoding, given, gap, reserved)
        return run.verified(encoding, solver, evidence, range)


def _plain(
    encoding: Any, solver: str, start: Any, more: dict[str, Any], problem: Bilevel, time_limit: float | None,
    first: bool,
) -> Result:  # fmt: skip
    """Solve one of several problems of a pessimistic answer; the start given belongs to the first."""
    return optimize(problem, encoding, solver, time_limit, start=start if first else True, **more)


@dataclass(frozen=True, eq=False)
class Asked:
    """What :func:`optimize` was asked for, of every part alike."""

    encoding: Any
    choices: Mapping[Any, Any] | None
    solver: str
    method: str
    cuts: bool | str
    decompose: bool | str
    evidence: bool
    options: dict[str, Any]


def _solve(run: Pipeline, asked: Asked, given: Any, gap: float | None, reserved: tuple[str, ...]) -> None:
    """Let a pipeline find what it can; Ctrl-C leaves the best point so far."""
    encoding, solver, method = asked.encoding, asked.solver, asked.method
    plain = encoding == "auto" and not asked.choices and (method, asked.cuts, asked.decompose) == ("auto",) * 3
    try:
        if plain and solved_without_pairs(run, solver, given, gap, reserved):
            return
        run.prepare(encoding, asked.choices, asked.cuts, solver)
        run.search(given)
        run.box()
        run.tighten(asked.decompose, method)
        run.solve(solver, gap, ("evidence", *reserved) if asked.evidence and unboxed(run.ready) else reserved, method)
        take_the_better(run)
    except (BoundError, UnsupportedError):  # the solver is not to have the pairs
        if run.earlier is None:
            raise
        run.back_to(run.earlier)
    except KeyboardInterrupt:
        run.interrupted(given)


def _part(
    asked: Asked, bilevel: Bilevel, start: Any, gap: float | None, limit: float | None,
    progress: Told | None,
) -> tuple[Result, Model]:  # fmt: skip
    """Return the result of a part, and its model before it was encoded."""
    deadline, clock = Deadline(limit), Stages(None)
    model = shared_kkt(bilevel)
    run = Pipeline(bilevel, model, model, deadline, clock, None, progress, dict(asked.options))
    _solve(run, asked, start, gap, ())
    return run.verified(asked.encoding, asked.solver, asked.evidence, False), run.model
