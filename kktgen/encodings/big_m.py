"""Big-M rows with proved or given constants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..errors import BoundError, ProblemError
from ..expr import numbers
from ..model import Encoded, Model
from ..pairs import Bounds, Pairs
from ..sparse import coo, row_index
from ..tables import RowTable
from .slack import binaries, renamed


@dataclass(frozen=True, eq=False)
class BigM:
    """``s_i <= Ms_i (1 - z_i)``, ``mu_i <= Md_i z_i`` with a binary z_i (1: the row is active).

    Valid when ``Ms`` and ``Md`` bound slack and multiplier at every optimum (Fortuny-Amat & McCarl 1981). The
    bounds proved by :func:`kktgen.bound` are used; there is no default M.

    Parameters
    ----------
    slack, dual : float or array, optional
        Constants of the user's own for all pairs it encodes; smaller proved ones are kept. A result that rests on
        them is never called optimal.

    Raises
    ------
    BoundError
        A slack or multiplier without a finite bound.
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"int"})
    slack: Any = None
    dual: Any = None

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with one binary and two rows a pair."""
        slack, dual = _given(pairs.slack_max, self.slack, "slack"), _given(pairs.dual_max, self.dual, "dual")
        for bounds, what in ((slack, "slack"), (dual, "multiplier")):
            unknown = np.flatnonzero(~np.isfinite(bounds.value))
            if len(unknown):
                more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
                raise BoundError(
                    f"BigM needs a bound on the {what} of {pairs.label(int(unknown[0]))!r}{more} "
                    f"and none can be proved. Give BigM({'slack' if what == 'slack' else 'dual'}=..), or use SOS1(), "
                    "which needs none"
                )
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
        tags = np.concatenate([slack.proof, dual.proof])
        trust = (
            "proved" if np.char.startswith(tags, "proved").all() else "user" if (tags == "user").any() else "heuristic"
        )
        return replace(
            model.with_rows(
                RowTable(upper, none, slack.value - pairs.r, renamed(pairs, "slackM")),
                RowTable(lower, none, np.zeros(k), renamed(pairs, "dualM")),
            ),
            space=space,
            encodings=(*model.encodings, Encoded("BigM", k, trust)),
        )


def _given(proved: Bounds, value: Any, name: str) -> Bounds:
    if value is None:
        return proved
    try:
        given = np.broadcast_to(numbers(value), proved.value.shape)
    except ProblemError as error:
        raise ProblemError(f"BigM: {name}: {error}") from None
    except ValueError:
        raise ProblemError(f"BigM: {name} has shape {np.shape(value)}, there are {len(proved.value)} pairs") from None
    if not (given >= 0).all():
        raise ProblemError(f"BigM: {name} must be nonnegative numbers")
    return proved.tightened(given, "user")
