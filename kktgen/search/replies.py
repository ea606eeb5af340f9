"""The followers' responses to decisions that differ in little, each from where the last one ended.

A follower that is an LP is kept as one warm LP: of its program::

    min_y  (Q x + q)'y   s.t.   A y = b - B x,   G y <= h - H x

a decision x changes nothing but costs and sides. Of a QP the last active set is corrected until its KKT system is the
optimum's (:mod:`kktgen.numerics.sharpen`), and where that fails it is solved anew. A follower whose parameters are
those of the decision before is not solved again.
"""

from __future__ import annotations

import numpy as np

from ..deadline import NEVER, Deadline
from ..numerics.answers import Answer
from ..numerics.programs import Program
from ..numerics.sharpen import error, sharpen
from ..numerics.warm_lp import WarmLp
from ..problem.qp import QP
from .respond import ACCURATE, Parts, Responder, solved


class Replies:
    """Responses to one decision after the other.

    Parameters
    ----------
    responder : Responder
        Whose followers respond; in a Nash game, and where they have nonconvex rows, it does so itself.
    deadline : Deadline
        Of all responses together.
    """

    def __init__(self, responder: Responder, deadline: Deadline = NEVER) -> None:
        self._responder, self._deadline = responder, deadline
        own = [] if responder.varies else responder.qps
        self._followers = [_Follower(one, deadline) for one in own]

    def __call__(self, x: np.ndarray) -> np.ndarray | None:
        """Return the point where every follower responds to the decisions of x.

        None where a follower is infeasible, unbounded or late, or a Nash game does not settle.
        """
        if self._responder.nash or self._responder.varies:
            return self._responder(x, deadline=self._deadline)
        z = self._responder.inward(x)
        for one in self._followers:
            parts = one.reply(z[one.qp.x])
            if parts is None:
                return None
            parts.put(one.qp, z)
        return self._responder.outward(z)


class _Follower:
    """One follower, and its last response."""

    def __init__(self, qp: QP, deadline: Deadline) -> None:
        self.qp, self._deadline = qp, deadline
        self._lp: WarmLp | None = None
        self._last: tuple[np.ndarray, Parts] | None = None

    def reply(self, x: np.ndarray) -> Parts | None:
        """Return ``(y, lam, mu)`` at parameters x; None without a response in time."""
        if self._last is not None and np.array_equal(self._last[0], x):
            return self._last[1]
        parts = self._warm(x)
        if parts is None:
            parts = solved(self.qp, x, self._deadline)
        self._last = None if parts is None else (x, parts)
        return parts

    def _warm(self, x: np.ndarray) -> Parts | None:
        """Return the response from where the last one ended; None where it has to be asked with more care."""
        program = self.qp.at(x)
        answer = self._linear(program) if self.qp.P.nnz == 0 else self._quadratic(program)
        return None if answer is None or answer.x is None else Parts(answer.x, *self.qp.prices(answer.row_dual))

    def _linear(self, program: Program) -> Answer:
        """Return the optimum of an LP by the simplex method, warm."""
        if self._lp is None:
            self._lp = program.feasible.warm(self._deadline)
        else:
            self._lp.set_rows(np.arange(len(program.lo)), program.lo, program.hi)
        return self._lp.minimize(np.arange(self.qp.ny), program.q)

    def _quadratic(self, program: Program) -> Answer | None:
        """Return the optimum of a QP by corrections of the last active set; None where they do not lead to it."""
        if self._last is None:
            return None
        y, lam, mu, _ = self._last[1]
        begun = Answer("optimal", y, np.nan, np.concatenate([lam, -mu]), np.zeros(len(y)))
        answer = sharpen(program, begun, self._deadline)
        assert answer.x is not None
        price = np.concatenate([answer.row_dual, np.zeros(len(y))])
        size = max(np.abs(part).max(initial=0.0) for part in (answer.x, price))
        return answer if error(program, answer.x, price) <= ACCURATE * (1.0 + size) else None
