"""The ways to solve a problem that runs are made of: kktgen's encodings, and what is published elsewhere.

==================  ============================================================================================
an encoding         the whole recipe (:func:`kktgen.optimize`) with it: ``auto``, ``sos1``, ``big-m``, ...
``strong-duality``  the whole recipe with :class:`kktgen.StrongDuality`
``guessed-big-m``   the KKT system with 1e4 for every constant, as is often done; no bounds, cuts, start
``plain-sos1``      the KKT system with SOS1 sets; no bounds, cuts, start
==================  ============================================================================================

The last two get the exact elimination of price times quantity, which is published, too (Ruiz & Conejo 2009). Their
users believe what the solver says, so its word ``optimal`` is what they are judged by; kktgen itself claims no optimum
that rests on a guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..deadline import Deadline
from ..encodings import encode, encodings
from ..encodings.big_m import BigM
from ..encodings.sos1 import SOS1
from ..errors import ProblemError, SolverNotFound, UnsupportedError
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..problem.every_response import refuse_every_response
from ..problem.integers import refuse_integers
from ..progress import Progress
from ..recipes.optimize import optimize
from ..recipes.pipeline import Result
from ..reformulate.eliminate import eliminate
from ..solvers import solve, solvers
from ..solvers.programs import PREFIX, external
from ..verification.verify import verify
from ..wording import near

GUESS = 1e4
"""The constant that ``guessed-big-m`` takes for everything."""
PLAIN: dict[str, Callable[[], Any]] = {
    "guessed-big-m": lambda: BigM(slack=GUESS, dual=GUESS),
    "plain-sos1": SOS1,
}
"""Ways without the recipe, and the encoding of each."""
SEEDS = {
    "scip": "randomization/randomseedshift", "highs": "random_seed", "gurobi": "Seed", "files:cbc": "randomCbcSeed",
    "files:scip": "randomization/randomseedshift", "files:highs": "random_seed", "files:gurobi": "Seed",
}  # fmt: skip
"""The solvers' own parameter for another order of everything that is left to chance."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a way found: the result, and what it says of it itself.

    Parameters
    ----------
    result : Result
    says : str
        ``optimal``, ``infeasible`` or nothing: the claim, or of ways without the recipe the solver's word.
    """

    result: Result
    says: str


def way_name(text: str) -> str:
    """Return the name of a way as records have it; hyphens and capitals are free.

    Raises
    ------
    ProblemError
        There is no such way; those there are are named.
    """
    word = text.strip().lower()
    known = {name.replace("-", ""): name for name in (*encodings(), *PLAIN)}
    if word.replace("-", "") not in known:
        names = sorted(known.values())
        raise ProblemError(f"no encoding {text!r}{near(word, names)}; there are: {', '.join(names)}")
    return known[word.replace("-", "")]


def solver_name(text: str) -> str:
    """Return the name of a solver as :func:`kktgen.solve` takes it; ``cbc`` is short for ``files:cbc``.

    Raises
    ------
    SolverNotFound
        It is unknown, or not installed here.
    """
    word = text.strip()
    if word.startswith(PREFIX) and "{" in word:
        external(word)
        return word
    known, word = solvers(), word.lower()
    word = f"{PREFIX}{word}" if word not in known and f"{PREFIX}{word}" in known else word
    if word not in known:
        raise SolverNotFound(f"no solver {text!r}{near(word, known)}; there are: {', '.join(known)}")
    if not known[word].available:
        raise SolverNotFound(f"solver {word!r} is {known[word].version}")
    return word


def seed_options(solver: str, seed: int) -> dict[str, int]:
    """Return the options that give a solver a seed; seed 0 is the solver as it comes.

    Raises
    ------
    UnsupportedError
        It has no seed.
    """
    if seed == 0:
        return {}
    if solver not in SEEDS:
        raise UnsupportedError(f"solver {solver!r} takes no seed; leave --seeds out, or take {', '.join(SEEDS)}")
    return {SEEDS[solver]: seed}


def solved(
    way: str, bilevel: Bilevel, solver: str, time_limit: float | None, told: Callable[[Progress], Any],
    stages: Callable[[str, str], None], options: Mapping[str, Any],
) -> Outcome:  # fmt: skip
    """Solve a problem in a way, by name.

    Raises
    ------
    UnsupportedError
        The way is the KKT system as it stands, and the problem has integer followers or rows for every response.
    """
    if way in PLAIN:
        refuse_integers(bilevel, way)
        refuse_every_response(bilevel, way)
        return _plain(PLAIN[way](), bilevel, solver, time_limit, told, options)
    result = optimize(bilevel, way, solver, time_limit, progress=told, stages=stages, **options)
    claim = result.report.claim
    return Outcome(result, "optimal" if claim == "equilibrium verified" else claim)


def _plain(
    encoding: Any, bilevel: Bilevel, solver: str, time_limit: float | None, told: Callable[[Progress], Any],
    options: Mapping[str, Any],
) -> Outcome:  # fmt: skip
    """Write the KKT system, rid it of products where that is exact, encode and solve it."""
    deadline, seconds = Deadline(time_limit), {}

    def lap(stage: str, begun: float) -> float:
        now = time.monotonic()
        seconds[stage] = now - begun
        return now

    at = time.monotonic()
    model = eliminate(shared_kkt(bilevel))
    at = lap("eliminate", at)
    model = encode(model, encoding)
    at = lap("encode", at)
    found = solve(model, solver, time_limit=deadline.left(), progress=told, **options)
    at = lap("solve", at)
    report = verify(bilevel, found, time_limit=deadline.last().left())
    lap("verify", at)
    says = found.status if found.status in ("optimal", "infeasible") else ""
    return Outcome(Result(bilevel, model, found, report, found.bound, seconds=seconds), says)
