"""Big-M rows with proved or given constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..errors import BoundError
from ..model.appended_columns import Encoded
from ..model.model import Model
from ..model.pairs import Bounds, Pairs
from ..model.tables import RowTable
from ..numerics.sparse import coo, row_index
from ..reformulate.bounds.notes import failed
from .parts.added_columns import binaries, renamed
from .parts.constants import given
from .parts.switches import switched_rows, switches


@dataclass(frozen=True, eq=False)
class BigM:
    """``s_i <= Ms_i (1 - z_i)``, ``mu_i <= Md_i z_i`` with a binary z_i (1: the row is active).

    Valid when ``Ms`` and ``Md`` bound slack and multiplier at every optimum (Fortuny-Amat & McCarl 1981). The
    bounds proved by :func:`kktgen.bound` are used; there is no default M.

    Parameters
    ----------
    slack, dual : float, array or mapping, optional
        Constants of the user's own: for all pairs it encodes, or by key: ``BigM(dual={limit: 50, g: [60, 40, 50]})``.
        A key is rows that were added to a follower, their dual (or entries of it), a follower's variable (its bounds),
        a follower or its name, or a name as messages and files print it, such as ``"comp_ub(market,g,2)"``; its value
        is a number, or an array with one entry a row, bound or inequality. Smaller proved constants are kept, and so
        are those of pairs no key means. A result that rests on the user's constants is never called optimal.

    Raises
    ------
    BoundError
        A slack or multiplier without a finite bound.
    ProblemError
        An unknown key, an array of another length, a constant that is negative, NaN or inf.

    See Also
    --------
    SOS1 : Needs no constants.

    Notes
    -----
    The provenance of ``Md`` stands on the column of mu, that of ``Ms`` on the binary.

    Examples
    --------
    Here nothing bounds the slacks, so constants have to be given; the answer rests on them, and is not called optimal.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("open")
    >>> x = m.var("x", lb=0)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y", lb=0)
    >>> least = lower.add(y >= x, name="least")
    >>> lower.minimize(y)
    >>> m.minimize(x + y)
    >>> model = kg.encode(kg.kkt(m), kg.BigM(slack=100, dual={least: 10, y: 20}))
    >>> model.encodings[0].trust
    'user'
    >>> print(kg.verify(m, kg.solve(model)).claim)
    bilevel-feasible
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"int"})
    EXACT: ClassVar[bool] = True
    RANK: ClassVar[int] = 3
    slack: Any = None
    dual: Any = None

    def needs_boxes(self, model: Model) -> bool:
        """Return whether some constant was not given.

        Examples
        --------
        >>> import kktgen as kg
        >>> model = kg.kkt(kg.Bilevel("any"))
        >>> kg.BigM().needs_boxes(model), kg.BigM(slack=100, dual=20).needs_boxes(model)
        (True, False)
        """
        return any(part is None or isinstance(part, Mapping) for part in (self.slack, self.dual))

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with one binary and two rows a pair, one row where a leader's binary decides."""
        switch, on = switches(model, pairs)
        if (switch >= 0).any():
            rest = pairs.take(switch < 0)
            model = self._switched(model, pairs.take(switch >= 0), switch[switch >= 0], on[switch >= 0])
            return self(model, rest) if len(rest) else model
        slack = given(model, pairs, pairs.slack_max, self.slack, "BigM: slack")
        dual = given(model, pairs, pairs.dual_max, self.dual, "BigM: dual")
        _refuse_unknown(pairs, slack, dual, failed(model.notes))
        model, binary = binaries(model, pairs)
        n, k = model.n, len(pairs)
        ones = np.arange(k)
        M = pairs.M
        upper = coo(
            np.concatenate([M.data, slack.value]),
            np.concatenate([row_index(M), ones]),
            np.concatenate([M.indices, binary]),
            (k, n),
        )
        lower = coo(
            np.concatenate([np.ones(k), -dual.value]),
            np.concatenate([ones, ones]),
            np.concatenate([pairs.mu, binary]),
            (k, n),
        )
        none = np.full(k, -np.inf)
        space = model.space.copy()
        space.ub[pairs.mu] = np.minimum(space.ub[pairs.mu], dual.value)
        space.proof[pairs.mu] = dual.proof
        space.proof[binary] = slack.proof
        return replace(
            model.with_rows(
                RowTable(upper, none, slack.value - pairs.r, renamed(pairs, "slackM")),
                RowTable(lower, none, np.zeros(k), renamed(pairs, "dualM")),
            ),
            space=space,
            encodings=(*model.encodings, *_trusts(slack, dual)),
        )

    def _switched(self, model: Model, pairs: Pairs, switch: np.ndarray, on: np.ndarray) -> Model:
        """Return the model with one row a pair that a binary of the leader decides about."""
        dual = given(model, pairs, pairs.dual_max, self.dual, "BigM: dual")
        known = Bounds(np.ones(len(pairs)), np.full(len(pairs), "proved(switch)", dtype="U24"))
        _refuse_unknown(pairs, known, dual, failed(model.notes))
        space = model.space.copy()
        space.ub[pairs.mu] = np.minimum(space.ub[pairs.mu], dual.value)
        space.proof[pairs.mu] = dual.proof
        return replace(
            model.with_rows(switched_rows(pairs, switch, on, dual.value, model.n)), space=space,
            encodings=(*model.encodings, *_trusts(known, dual)),
        )  # fmt: skip


def _refuse_unknown(pairs: Pairs, slack: Bounds, dual: Bounds, trouble: str) -> None:
    for bounds, what, word in ((slack, "slack", "slack"), (dual, "multiplier", "dual")):
        unknown = np.flatnonzero(~np.isfinite(bounds.value))
        if len(unknown):
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            label = pairs.label(int(unknown[0]))
            raise BoundError(
                f"BigM needs a bound on the {what} of {label!r}{more} and none can be proved. Give BigM({word}=..) "
                f'or BigM({word}={{"{label}": ..}}), or use SOS1(), which needs none'
                + (f" ({trouble})" if trouble else "")
            )


def _trusts(slack: Bounds, dual: Bounds) -> list[Encoded]:
    """Return how many pairs rest on proved constants, how many on the user's, how many on others."""
    proved = np.char.startswith(slack.proof, "proved") & np.char.startswith(dual.proof, "proved")
    user = (slack.proof == "user") | (dual.proof == "user")
    counts = {"proved": proved.sum(), "user": user.sum(), "heuristic": (~proved & ~user).sum()}
    return [Encoded("BigM", int(count), trust) for trust, count in counts.items() if count]
