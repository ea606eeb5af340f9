"""Several solutions of one problem held against each other: which agree, which are refuted, what may be claimed.

Every run is judged by the best verified point of all runs, and of the start heuristics. A bound it beats is wrong.
The best point and the tightest bound that nothing refutes make up the joint claim, see :func:`kktgen.verify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...model.model import Model
from ...model.solution import Solution
from ...problem.bilevel import Bilevel
from ...verification.claims import refuted, usable
from ...verification.refutation import VerifiedPoint, beats, best, gap, rests_on_constants
from ...verification.report import CLAIMS, Report, Tolerances
from ...verification.solved_model import cuts, loosenings
from ...verification.verify import verify
from ...wording import Table

AGREES = "agrees"
"""Verdict of a run that finished and meets the best verified point."""
REFUSED = "refused"
"""How the verdict of a run begins that an encoding or a solver would not take."""
STOPPED = "interrupted: the runs that are left are left out"
"""What is said where Ctrl-C ends a comparison."""
HOLDS = "holds"
"""How the verdict of a run begins that has a bound alone, and one that is not tight."""
FAULTS = ("bound contradicts", "called infeasible", "called unbounded", "better point elsewhere", "its point fails")
"""How the verdicts of runs begin that disagree with the others."""
HEADER = ("encoding", "solver", "status", "objective", "bound", "gap", "claim", "seconds", "verdict")


@dataclass(frozen=True, eq=False)
class Run:
    """One encoding solved by one solver.

    Parameters
    ----------
    encoding, solver : str
    seconds : float
        Wall time of the solve.
    solution : Solution or None
        With its point polished; None where the run was refused or failed.
    report : Report or None
        The run verified by itself.
    why : str
        Why it was refused, or how it failed.
    verdict : str
        What the other runs make of it.
    advice : tuple of str
        Of a run that is refuted: in full why, and what to do.
    outcome : str
        The solver's status where it solved another problem for a bound on this one, and has no point of it.
    proved : float or None
        That bound.
    """

    encoding: str
    solver: str
    seconds: float
    solution: Solution | None = None
    report: Report | None = None
    why: str = ""
    verdict: str = ""
    advice: tuple[str, ...] = ()
    outcome: str = ""
    proved: float | None = None

    @property
    def origin(self) -> str:
        """Encoding and solver in words."""
        return f"{self.encoding} by {self.solver}"

    @property
    def status(self) -> str:
        """The solver's status; ``refused`` or ``error`` where there is no solution."""
        return self.solution.status if self.solution is not None else self.outcome or self.why.partition(":")[0]

    @property
    def value(self) -> float | None:
        """The leader's objective at the point, where verification accepts it."""
        return self.report.value if self.report is not None and self.report.ok else None

    @property
    def bound(self) -> float | None:
        """The solver's bound, where it says something."""
        return self.proved if self.solution is None else usable(self.solution.bound)

    @property
    def gap(self) -> float | None:
        """``|bound - value| / max(size, |value|)`` at the verified point, ``size`` as of its report."""
        return None if self.value is None or self.bound is None else gap(self.value, self.bound, self.size)

    @property
    def size(self) -> float:
        """What counts as 1 in the objective at the point."""
        return 1.0 if self.report is None else self.report.size

    @property
    def agrees(self) -> bool:
        """Whether the run finished and meets the others."""
        return self.verdict.startswith(AGREES)

    @property
    def disagrees(self) -> bool:
        """Whether something refutes the run."""
        return self.verdict.startswith(FAULTS)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as plain data."""
        return {
            "encoding": self.encoding, "solver": self.solver, "status": self.status,
            "objective": None if self.solution is None else self.solution.objective, "bound": self.bound,
            "gap": self.gap, "claim": None if self.report is None else self.report.claim, "seconds": self.seconds,
            "verdict": self.verdict, "advice": list(self.advice),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Agreement:
    """What :func:`kktgen.agree` returns.

    Parameters
    ----------
    name : str
        Of the problem.
    runs : tuple of Run
    report : Report or None
        The joint claim: the best verified point of all runs with the tightest bound that nothing refutes, the other
        runs as evidence. Never ``optimal`` where runs disagree. None where there was nothing to judge.
    solution : Solution or None
        That point and bound.
    tolerance : float
        Relative difference up to which values and bounds agree.

    See Also
    --------
    kktgen.agree : Makes one; ``print`` shows its table.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> agreement = kg.agree(m, ["bigm", "indicator"], ["scip"], time_limit=60)
    >>> agreement.agreed
    True
    >>> print(agreement.conclusion)
    2 of 2 runs finished, all agree within 1e-04: 2
    >>> print(f"{agreement.solution.objective:.2f} {agreement.report.claim}")
    2.00 optimal
    """

    name: str
    runs: tuple[Run, ...]
    report: Report | None
    solution: Solution | None
    tolerance: float

    @property
    def agreed(self) -> bool:
        """Whether two runs or more finished, all that finished agree, and nothing refutes any run.

        A bound alone that meets the best verified value counts as a run.
        """
        return sum(run.agrees for run in self.runs) > 1 and not any(run.disagrees for run in self.runs)

    @property
    def conclusion(self) -> str:
        """What to make of the runs, in one sentence."""
        wrong = [run for run in self.runs if run.disagrees]
        finished = [run for run in self.runs if run.agrees]
        found = "" if self.solution is None or self.solution.objective is None else f"{self.solution.objective:.6g}"
        if wrong:
            named = "; ".join(f"{run.origin}: {run.verdict}" for run in wrong)
            trust = f"; {found} is the best verified value" if found else ""
            return f"DISAGREEMENT: {named}{trust}. Trust none of the bounds before that is settled"
        alone = [run for run in self.runs if run.verdict.startswith(HOLDS)]
        refused = sum(run.status == REFUSED for run in self.runs)
        begun = len(self.runs) - len(alone) - refused
        few = f" ({refused} refused)" if refused else ""
        count = f"{len(finished)} of {begun} run{'s' * (begun != 1)} finished{few}"
        more = "give more time (--time-limit), or more encodings and solvers"
        if not finished:
            return f"{count}: nothing to compare{f', best verified value {found}' if found else ''}; {more}"
        outcome = found or finished[0].status
        beside = "".join(f"; no point is better than {run.bound:.6g} by the {run.origin}" for run in alone)
        if len(finished) == 1:
            return f"{count}: nothing confirms the {outcome} of {finished[0].origin}{beside}; {more}"
        return f"{count}, all agree{f' within {self.tolerance:.0e}' if found else ''}: {outcome}{beside}"

    def to_dict(self) -> dict[str, Any]:
        """Return the agreement as plain data that JSON can hold.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> data = kg.agree(m, ["bigm"], ["scip", "highs"], time_limit=60).to_dict()
        >>> data["agreed"], [run["solver"] for run in data["runs"]]
        (True, ['scip', 'highs'])
        """
        return {
            "name": self.name, "agreed": self.agreed, "conclusion": self.conclusion, "tolerance": self.tolerance,
            "objective": None if self.solution is None else self.solution.objective,
            "bound": None if self.report is None else self.report.bound,
            "claim": "unverified" if self.report is None else self.report.claim,
            "runs": [run.to_dict() for run in self.runs],
            "verification": None if self.report is None else self.report.to_dict(),
        }  # fmt: skip

    def __str__(self) -> str:
        table = Table(f"{self.name}: encodings and solvers compared", HEADER, tuple(map(_cells, self.runs)))
        out = [str(table), "", self.conclusion]
        advice = [text for run in self.runs for text in run.advice]
        out += [f"  - {text}" for text in dict.fromkeys(advice)]
        if self.report is not None:
            out.append(f"claim of all runs together: {self.report.claim}")
            out += [f"  - {reason}" for reason in self.report.reasons if reason not in advice]
        return "\n".join(out)


def _cells(run: Run) -> tuple[str, ...]:
    """Return the entries of a run in the table."""
    objective = None if run.solution is None else run.solution.objective
    numbers = [("-" if v is None else f"{v:{form}}") for v, form in ((objective, ".8g"), (run.bound, ".8g"),
                                                                     (run.gap, ".1e"))]  # fmt: skip
    claim = "-" if run.report is None else run.report.claim
    return (run.encoding, run.solver, run.status, *numbers, claim, f"{run.seconds:.1f}", run.verdict)


def brief(error: Exception) -> str:
    """Return what an error says, without the model it says it of and without cures."""
    return str(error).partition(" (model ")[0].partition(". ")[0].partition("; ")[0]


def compare(
    bilevel: Bilevel, model: Model, runs: Sequence[Run], starts: Sequence[VerifiedPoint], tolerances: Tolerances,
    time_limit: float | None = None,
) -> Agreement:  # fmt: skip
    """Return the runs with their verdicts, and the joint claim.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        Its KKT model, as :func:`kktgen.kkt` makes it.
    runs : sequence of Run
        Without verdicts.
    starts : sequence of VerifiedPoint
        Verified points that come from no run.
    tolerances : Tolerances
    time_limit : float or None
        Seconds for the verification of the joint point.
    """
    found = [VerifiedPoint(run.value, run.origin, run.size) for run in runs if run.value is not None]
    top = best(model.sense, [*found, *starts])
    judged = tuple(_judged(model, run, top, runs, tolerances) for run in runs)
    solution, report = _joint(bilevel, model, judged, tolerances, time_limit)
    return Agreement(bilevel.name, judged, report, solution, tolerances.optimality)


def _judged(model: Model, run: Run, top: VerifiedPoint | None, runs: Sequence[Run], tolerances: Tolerances) -> Run:
    """Return a run with the verdict that the best verified point and the other runs give it."""
    if run.solution is None:
        return replace(run, verdict=_of_bound(model.sense, run, top, tolerances) if run.outcome else run.why)
    advice = refuted(model, run.solution, [top], tolerances, run.origin) if top is not None else []
    if advice:
        what = "called infeasible, against" if run.status == "infeasible" else "bound contradicts"
        verdict = f"{what} the verified point of {top.origin if top else ''}: {advice[0].partition(':')[0]}"
        return replace(run, verdict=verdict, advice=tuple(advice))
    return replace(run, verdict=_verdict(model, run, top, runs, tolerances))


def _verdict(model: Model, run: Run, top: VerifiedPoint | None, runs: Sequence[Run], tolerances: Tolerances) -> str:
    """Return the verdict on a run that no verified point refutes."""
    assert run.solution is not None and run.report is not None
    exact = not (cuts(run.solution.model) or loosenings(model, run.solution.model))
    if run.status in ("infeasible", "unbounded"):
        return _of_no_optimum(run, runs, exact)
    beaten = (
        top is not None and run.value is not None
        and beats(model.sense, top.value, run.value, tolerances.optimality, top.size)
    )  # fmt: skip
    if run.status != "optimal":
        late = run.status.replace("_", " ")
        return f"{late}; better point elsewhere ({top.origin})" if beaten and top is not None else late
    if not run.report.ok:
        first = run.report.failing[0].name if run.report.failing else "no point"
        return f"its point fails {first}" if exact else f"fails {first}, a tolerance of its encoding"
    if beaten and top is not None:
        return f"better point elsewhere: {top.value:.8g} of {top.origin}"
    if run.gap is None or run.gap > tolerances.optimality:
        return "bound open" if exact else f"{AGREES} in its point; bound loose by its tolerance on the product"
    return AGREES


def _of_bound(sense: int, run: Run, top: VerifiedPoint | None, tolerances: Tolerances) -> str:
    """Return the verdict on a run that has a bound alone."""
    late = "" if run.outcome == "optimal" else f"{run.outcome.replace('_', ' ')}; "
    if run.outcome == "infeasible":
        return f"called infeasible, against the verified point of {top.origin}" if top else f"{AGREES}: infeasible"
    if run.proved is None:
        return f"{late}no bound"
    if top is None:
        return f"{HOLDS}: {late}a bound alone, and no verified point to hold it against"
    if beats(sense, top.value, run.proved, tolerances.optimality, top.size):
        return f"bound contradicts the verified point of {top.origin}"
    off = gap(top.value, run.proved, top.size)
    if off <= tolerances.optimality:
        return f"{AGREES}: a bound alone, which meets the best verified value"
    return f"{HOLDS}: {late}a bound alone, {off:.1e} from the best verified value"


def _of_no_optimum(run: Run, runs: Sequence[Run], exact: bool) -> str:
    """Return the verdict on a run that was called infeasible or unbounded."""
    bounded = [one.origin for one in runs if one.status == "optimal" and one.report and one.report.ok]
    if run.status == "unbounded" and bounded:
        return f"called unbounded, against the optimum of {bounded[0]}"
    return f"{AGREES}: {run.status}" if exact else f"{run.status}, by an encoding that need not be exact"


def _joint(
    bilevel: Bilevel, model: Model, runs: Sequence[Run], tolerances: Tolerances, time_limit: float | None
) -> tuple[Solution | None, Report | None]:
    """Return the best verified point with the tightest bound nothing refutes, and what may be claimed of it."""
    points = [run for run in runs if run.value is not None and run.solution is not None]
    if not points:
        return _without_point(bilevel, runs, tolerances, time_limit)
    everyone = [run.solution for run in runs if run.solution is not None]
    top = min(points, key=lambda run: model.sense * (run.value or 0.0))
    carrier = _carrier(model, runs, tolerances) or top
    assert carrier.solution is not None and top.solution is not None and top.solution.z is not None
    z = carrier.solution.model.complete(top.solution.z[: model.n])
    joint = replace(carrier.solution, z=z, objective=top.value)
    others = [solution for solution in everyone if solution is not carrier.solution]
    report = verify(bilevel, joint, tolerances=tolerances, evidence=others, time_limit=time_limit)
    if report.claim == "optimal" and any(run.disagrees for run in runs):
        report = lowered(report)
    return joint, report


def lowered(report: Report) -> Report:
    """Return the report of a verified point without the claim of an optimum, as runs disagree."""
    why = "the runs disagree, so at least one solver or encoding is wrong: no optimum is claimed before it is known"
    return replace(report, claim="bilevel-feasible", attained=None, reasons=(why, *report.reasons))


def _without_point(
    bilevel: Bilevel, runs: Sequence[Run], tolerances: Tolerances, time_limit: float | None
) -> tuple[Solution | None, Report | None]:
    """Return a solution without a point, of a run that agrees with the others if there is one, and its report."""
    everyone = [run.solution for run in runs if run.solution is not None]
    if not everyone:
        return None, None
    first = next((run.solution for run in runs if run.solution is not None and run.agrees), everyone[0])
    return first, verify(bilevel, first, tolerances=tolerances, evidence=everyone, time_limit=time_limit)


def _carrier(model: Model, runs: Sequence[Run], tolerances: Tolerances) -> Run | None:
    """Return the run with the tightest bound nothing refutes; of those that are equal, the one of the best claim."""
    able = [
        run for run in runs
        if run.solution is not None and run.bound is not None and run.report is not None and not run.disagrees
        and not cuts(run.solution.model) and not rests_on_constants(run.solution.model)
    ]  # fmt: skip
    if not able:
        return None
    tightest = max(model.sense * (run.bound or 0.0) for run in able) * model.sense
    near = [run for run in able if gap(tightest, run.bound or 0.0, run.size) <= tolerances.optimality]
    return max(near, key=lambda run: CLAIMS.index(run.report.claim) if run.report else 0)
