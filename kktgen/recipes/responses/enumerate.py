"""The recipe for problems with integer followers: what all masters share, rounds, verification."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from ...deadline import Deadline
from ...encodings import encode, named
from ...errors import KktgenError, UnsupportedError
from ...formats.writing.files import file_path
from ...model.printed import bounds
from ...problem.bilevel import Bilevel
from ...problem.integers import relaxed
from ...progress import Teller
from ...reformulate.responses.assembled import assembled
from ...reformulate.responses.assembled import told as in_users_units
from ...reformulate.responses.base import base
from ...search.given import given_start
from ...verification.verify import verify
from ..pipeline import Result, Stages
from .record import SUFFIX, Responses, responses_of
from .rounds import CLOSED, Rounds

DEFAULTS = {"choices": None, "method": "auto", "cuts": "auto", "decompose": "auto", "parts": "auto"}
"""Arguments of :func:`kktgen.optimize` that mean nothing here, with the values that may be left."""


def refuse_options(bilevel: Bilevel, given: dict[str, Any]) -> None:
    """Refuse arguments that are of problems with KKT conditions alone."""
    for word, plain in DEFAULTS.items():
        if given[word] is not plain and given[word] != plain:
            raise UnsupportedError(
                f"optimize: {word}={given[word]!r} is for followers with KKT conditions; {bilevel.name!r} has integer "
                "followers, whose responses are enumerated: leave it out"
            )


RELAXED = 0.25
"""Part of the time that the problem with continuous followers may take, whose decision rounds begin with."""
SECONDS = 30.0
"""Seconds it may take at most."""


def _begin_relaxed(bilevel: Bilevel, rounds: Rounds, deadline: Deadline, again: Callable[..., Result]) -> None:
    """Let rounds begin with a decision that is good where the followers' integers are continuous."""
    left = deadline.left()
    limit = SECONDS if left is None else min(SECONDS, RELAXED * left)
    try:
        found = again(relaxed(bilevel), time_limit=limit, evidence=False).solution
    except KktgenError:
        return
    if found.z is not None:
        rounds.given(rounds.base.stated.point(found.z))


def enumerated_answer(
    bilevel: Bilevel, encoding: Any, solver: str, time_limit: float | None, gap: float | None, start: Any,
    range: bool, executor: Executor | None, told: Teller | None, stages: Callable[[str, str], None] | None,  # noqa: A002
    state: str | Path | None, options: dict[str, Any], again: Callable[..., Result],
) -> Result:  # fmt: skip
    """Return the result of :func:`kktgen.optimize` of a problem with integer followers."""
    named(encoding)
    deadline, clock = Deadline(time_limit), Stages(stages, told)
    file = None if state is None else file_path(state)
    if file is not None and not file.name.endswith(SUFFIX):
        raise UnsupportedError(f"optimize: state={str(file)!r} of a problem with integer followers ends with {SUFFIX}")
    common = base(bilevel, deadline.share("bound"))
    clock.done("bound", lambda: bounds(common.model))
    reserved = ("verify", "range") if range else ("verify",)
    rounds = Rounds(
        common, encoding, solver, deadline.before(*reserved), CLOSED / 2 if gap is None else max(gap, 1e-9), executor,
        told, file, options,
    )  # fmt: skip
    try:
        if file is not None and file.is_file():
            rounds.add(common.stated.responses(responses_of(bilevel, file)))
        if not isinstance(start, bool):
            rounds.given(common.stated.point(given_start(bilevel, start)))
        if start is True and rounds.curves:
            _begin_relaxed(bilevel, rounds, deadline, again)
        if start is True and not rounds.responses:
            rounds.seed()
        clock.done("start", lambda: f"{len(rounds.responses)} responses")
        rounds.run()
    except KeyboardInterrupt:
        deadline.stop()
    found = rounds.solution
    clock.done("solve", found.__str__)
    report = verify(bilevel, found, executor=executor, time_limit=deadline.last().left(), range=range)
    clock.done("verify", report.__str__)
    last = rounds.master if rounds.master is not None else assembled(common, [])
    ready = encode(in_users_units(common, last), encoding)
    return Result(
        bilevel, ready, found, report, found.bound, seconds=clock.seconds,
        responses=Responses(bilevel.name, common.stated.told(rounds.responses)), rounds=rounds.count,
    )  # fmt: skip
