"""Which problem a model stands for: digests of the problem, carried by the stages that keep its optima.

:func:`kktgen.kkt` takes the digests of the whole problem. A stage such as :func:`kktgen.encode` is marked
:func:`equivalent`: where the model it is given is still what the stage before it left, its own result carries the
digests on, with new ones of its own tables. A change by hand (``with_rows``, ``dataclasses.replace``, a bound written
into an array) fits no digest, before a stage or after the last one, so such a model stands for no known problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from hashlib import blake2b
from typing import Any, Concatenate, ParamSpec

import numpy as np

from ..numerics.sparse import Csr
from .kkt_system import Kkt
from .model import Model, Origin
from .tables import QuadTable, RowTable

P = ParamSpec("P")
Parts = tuple[tuple[str, str], ...]
"""Names of parts with their digests."""


def born(model: Model) -> Model:
    """Return the KKT model of a problem with the digests of both."""
    digests = _Digests(model)
    return replace(model, origin=Origin(digests.problem(), digests.model()))


def marked_origin(model: Model, part: str, digest: str) -> Model:
    """Return a model whose problem has a further part that the model does not hold, with its digest."""
    digests = _Digests(model)
    return replace(model, origin=Origin((*digests.problem(), (part, digest)), digests.model()))


def same_problem(original: Model, model: Model, stage: str) -> Model:
    """Return a model that kktgen itself made of the problem behind another one, with that one's origin."""
    assert original.origin is not None
    return replace(model, origin=Origin(original.origin.problem, _Digests(model).model(), (stage,)))


def equivalent(stage: Callable[Concatenate[Model, P], Model]) -> Callable[Concatenate[Model, P], Model]:
    """Mark a function that returns a model with the optima of the model it is given, or a relaxation that says so."""

    @wraps(stage)
    def marked(model: Model, *args: P.args, **kwargs: P.kwargs) -> Model:
        return carried(model, stage(model, *args, **kwargs), stage.__name__)

    return marked


def carried(before: Model, after: Any, stage: str) -> Any:
    """Return what a stage made of a model, with the origin of the model where that one was not changed by hand.

    A stage that cannot vouch for its result leaves it without an origin.
    """
    if not isinstance(before, Model) or not isinstance(after, Model) or after is before or after.origin is None:
        return after
    known = before.origin
    digests = _Digests(before)
    if known is None or digests.model() != known.model:
        return replace(after, origin=None)
    return replace(after, origin=Origin(known.problem, digests.of(after).model(), (*after.origin.stages, stage)))


def other_problem(original: Model, model: Model) -> str:
    """Return why a model does not stand for a problem, in words; empty where it does.

    Parameters
    ----------
    original : Model
        As :func:`kktgen.kkt` returns it of the problem.
    model : Model
    """
    asked, found = original.origin, model.origin
    if asked is None or found is None:
        return "it was made or changed by hand, not by kktgen.kkt and the stages after it alone"
    if asked.problem != found.problem:
        parts = _differing(asked.problem, found.problem)
        return f"it was not made from this problem, or the problem was changed since: {parts}"
    now = _Digests(model).model()
    return f"it was changed by hand since kktgen made it: {_differing(now, found.model)}" if now != found.model else ""


def _differing(now: Parts, then: Parts) -> str:
    """Return in words which parts differ."""
    known = dict(then)
    names = [name for name, digest in now if known.get(name) != digest]
    return f"{', '.join(names)} {'differs' if len(names) == 1 and not names[0].endswith('s') else 'differ'}"


class _Digests:
    """Digests of a model's parts; a table that stands in two models is looked at once."""

    def __init__(self, model: Model, seen: dict[int, tuple[Any, str]] | None = None) -> None:
        self._model, self._seen = model, {} if seen is None else seen

    def of(self, model: Model) -> _Digests:
        """Return the digests of another model."""
        return _Digests(model, self._seen)

    def problem(self) -> Parts:
        """Return the digests of the problem behind a KKT model as it comes from :func:`kktgen.kkt`."""
        model = self._model
        leader = np.zeros(len(model.rows), dtype=bool)
        for block in model.rows.blocks:
            leader[block.start : block.stop] = block.role in ("leader", "term")
        space, rows = model.space, model.rows.take(leader)
        columns = _hash(space.lb, space.ub, space.kind, space.owner, space.role)
        return (("columns and bounds", columns), *self._common(), ("the leader's rows", _hash(*_rows(rows))))

    def model(self) -> Parts:
        """Return the digests of everything that says what a model's points and its claims are."""
        model, pairs, space = self._model, self._model.pairs, self._model.space
        settled = () if pairs is None else (
            *_matrix(pairs.M), pairs.r, pairs.mu, pairs.slack_max.value, pairs.dual_max.value
        )  # fmt: skip
        used = np.frombuffer(repr(model.encodings).encode(), dtype=np.uint8)
        return (
            ("columns and bounds", _hash(space.lb, space.ub, space.kind)), *self._common(),
            ("rows", self._once(model.rows, _rows)), ("pairs", _hash(*settled)), ("encodings", _hash(used)),
        )  # fmt: skip

    def _common(self) -> Parts:
        model, goal = self._model, self._model.objective
        sense = np.array([model.sense, goal.r])
        rules = model.indicators
        return (
            ("the objective", _hash(sense, goal.i, goal.j, goal.v, *_matrix(goal.linear))),
            ("quadratic rows", self._once(model.quads, _quads)),
            ("SOS1 sets", _hash(model.sos1.start, model.sos1.columns)),
            ("indicators", _hash() if rules is None else _hash(rules.binary, rules.value, *_rows(rules.rows))),
            ("the followers", _hash() if model.kkt is None else self._once(model.kkt, _followers)),
        )

    def _once(self, part: Any, arrays: Callable[[Any], list[np.ndarray]]) -> str:
        if id(part) not in self._seen:
            self._seen[id(part)] = part, _hash(*arrays(part))
        return self._seen[id(part)][1]


def _hash(*arrays: np.ndarray) -> str:
    """Return a digest of arrays: types (whole numbers of any width are one), lengths and bytes."""
    out = blake2b(digest_size=16)
    for array in arrays:
        flat = np.ascontiguousarray(array, dtype=np.int64 if array.dtype.kind == "i" else None).ravel()
        out.update(f"{flat.dtype.str}{len(flat)};".encode())
        out.update(flat.view(np.uint8).data)
    return out.hexdigest()


def _matrix(M: Csr) -> list[np.ndarray]:
    return [M.data, M.indices, M.indptr]


def _rows(table: RowTable) -> list[np.ndarray]:
    return [*_matrix(table.M), table.lo, table.hi]


def _quads(table: QuadTable) -> list[np.ndarray]:
    return [table.row, table.i, table.j, table.v, *_rows(table.linear)]


def _followers(kkt: Kkt) -> list[np.ndarray]:
    out = [kkt.s0, kkt.e0, kkt.c0, kkt.y, kkt.lam, kkt.mu, kkt.y_of, kkt.lam_of, kkt.mu_of]
    return [*out, *(part for M in (kkt.S, kkt.E, kkt.C) for part in _matrix(M))]
