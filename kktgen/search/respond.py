"""What the followers do: their optimal variables and multipliers at given decisions of the leader.

For parameters x every follower solves::

    min_y  1/2 y'P y + (Q x + q)'y   s.t.   A y = b - B x  (lam),   G y <= h - H x  (mu >= 0)

so the point found satisfies the whole KKT system of :func:`kktgen.kkt`. Followers that see one another's variables
or prices play a Nash game: best responses in turn until nobody moves (Gauss-Seidel).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..errors import ProblemError, UnsupportedError
from ..model.model import Model
from ..model.shared import shared_kkt
from ..numerics.conic import ConicProgram
from ..numerics.sharpen import error, sharpen
from ..numerics.sparse import Csr
from ..problem.bilevel import Bilevel
from ..problem.columns import LEADER
from ..problem.conic_qp import ConicQP
from ..problem.integers import refuse_integers
from ..problem.leader_terms import ROLE
from ..problem.qp import QP
from ..reformulate.scale import scaled

ELASTIC = 1e-8
"""By how much (relative) rows are relaxed when a follower is infeasible: x may be outside by a rounding error."""
SWEEPS = 500
"""Most rounds of best responses in a Nash game."""
SETTLED = 1e-10
"""A parameter that moves less than this (relative) counts as unchanged."""

MANY = 8
"""Followers from which on they are solved as one program, which saves what each solve costs beside its numbers."""
ACCURATE = 1e-9
"""Largest KKT residual (relative) of such a response; beyond it every follower is solved by itself."""
BEYOND = 1e-6
"""By so much (relative) a multiplier may lie beyond its box in a model."""


class Parts(NamedTuple):
    """A follower's response with its multipliers, and the normals of its norms (:mod:`kktgen.problem.cones`)."""

    y: np.ndarray
    lam: np.ndarray
    mu: np.ndarray
    normals: tuple[np.ndarray, ...] = ()

    def put(self, follower: QP, z: np.ndarray) -> None:
        """Write them to a point z (n,)."""
        z[follower.y], z[follower.lam], z[follower.mu] = self.y, self.lam, self.mu
        for norm, normal in zip(follower.norms if isinstance(follower, ConicQP) else (), self.normals, strict=True):
            z[norm.columns] = normal / norm.size


def solve_follower(
    follower: QP, x: np.ndarray, deadline: Deadline = NEVER
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:  # fmt: skip
    """Return ``(y, lam, mu)`` of one follower at its parameters x; None when it is infeasible, unbounded or late.

    Parameters
    ----------
    follower : QP
    x : ndarray (nx,)
    deadline : Deadline

    Returns
    -------
    tuple of ndarray (ny,), (me,), (mi,), or None
        In the sign convention ``P y + Q x + q - A'lam + G'mu = 0, mu >= 0``.
    """
    found = solved(follower, x, deadline)
    return None if found is None else (found.y, found.lam, found.mu)


def solved(follower: QP, x: np.ndarray, deadline: Deadline = NEVER) -> Parts | None:
    """Return the same with the normals of the follower's norms."""
    program = follower.at(x)
    answer = program.solve(deadline)
    if answer.x is None and answer.status not in ("unbounded", "limit"):
        room = ELASTIC * (1.0 + np.abs(program.hi))
        program = replace(program, lo=program.lo - room, hi=program.hi + room)
        answer = program.solve(deadline)
    if answer.x is None:
        return None
    if not isinstance(program, ConicProgram):  # sharpened by rows that hold with equality: linear ones
        answer = sharpen(program, answer, deadline)
    assert answer.x is not None
    return Parts(answer.x, *follower.prices(answer.row_dual), answer.normals)


def side_by_side(followers: list[QP]) -> QP:
    """Return independent followers as one QP: its parts are block diagonal, its optimum is theirs."""

    def blocks(word: str) -> Csr:
        return Csr(sp.block_diag([getattr(one, word) for one in followers], format="csr"))

    def joined(word: str) -> np.ndarray:
        return np.concatenate([getattr(one, word) for one in followers])

    matrices = {word: blocks(word) for word in ("P", "A", "G", "Q", "B", "H")}
    return QP(**matrices, **{word: joined(word) for word in ("q", "b", "h", "y", "x", "lam", "mu")})


def _job(task: tuple[QP, np.ndarray, Deadline]) -> Parts | None:
    return solved(*task)


class Responder:
    """The followers of a bilevel problem in matrix form, ready to respond again and again.

    Parameters
    ----------
    problem : Bilevel or Model
        A problem, or its KKT model in any stage.

    Attributes
    ----------
    varies : bool
        Whether some follower has nonconvex rows, and so is a QP only where the leader's decision is known.
    parameters : ndarray
        The leader's columns that some follower sees.
    nash : bool
        Whether some follower sees columns of another.
    conditional : bool
        Whether there is complementarity said directly (:meth:`kktgen.Bilevel.complements`), which decisions of the
        leader do not settle: nothing responds then.

    See Also
    --------
    respond : For a single response.

    Examples
    --------
    The road is taken up to a toll of 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> responder = kg.search.Responder(m)
    >>> for x in (0.5, 1.5, 2.5):
    ...     print(x, bool(responder([x])[road.cols] > 0.5))
    0.5 True
    1.5 True
    2.5 False
    """

    def __init__(self, problem: Bilevel | Model) -> None:
        if isinstance(problem, Bilevel):
            refuse_integers(problem, "respond")
        model = shared_kkt(problem) if isinstance(problem, Bilevel) else problem
        self._view = scaled(model)
        space = model.space
        self.n = len(space)
        stated = self._view.model.kkt
        self._systems = () if stated is None else stated.systems
        self.varies = stated is not None and stated.varies
        seen = np.empty(0, dtype=np.int64) if stated is None else stated.seen
        self._terms = self._view.model.terms
        taken = seen[(space.owner[seen] == LEADER) & (space.role[seen] != ROLE)]
        self.parameters = np.union1d(taken, self._terms.factors)
        self.conditional = stated is not None and bool(stated.conditions.any())
        self.nash = self.conditional or bool((space.owner[seen] != LEADER).any())
        self.leader = np.flatnonzero(space.role == "leader")
        dead = (space.lb == 0) & (space.ub == 0) & space.is_price
        self._dead = np.flatnonzero(dead)  # multipliers of rows without own variables

    def __call__(
        self, x: np.ndarray, executor: Executor | None = None, deadline: Deadline = NEVER
    ) -> np.ndarray | None:
        """Return the point z (n,) where every follower responds to the leader's decisions.

        Parameters
        ----------
        x : ndarray
            A point over all columns, whose leader columns count (longer ones are cut), or the leader's columns alone.
            In a Nash game the other columns are where the best responses begin.
        executor : concurrent.futures.Executor, optional
            For the independent QPs of the followers.
        deadline : Deadline
            Of all QPs together.

        Returns
        -------
        ndarray (n,) or None
            None when a follower is infeasible or unbounded, or a Nash game does not settle, by then; and where there
            is complementarity said directly.

        Raises
        ------
        ProblemError
            A point of the wrong length.
        """
        z = self.inward(x)
        if self.conditional:
            return None
        qps = self.at(z)
        if self.nash:
            settled = self._settle(qps, z, deadline)
            return None if settled is None else self.outward(settled)
        if executor is None and len(qps) >= MANY and not self.varies and self._together(z, deadline):
            return self._view.back(z)
        tasks = [(one, z[one.x], deadline) for one in qps]
        run: Callable[..., Iterable[Any]] = map if executor is None else executor.map
        for one, parts in zip(qps, run(_job, tasks), strict=True):
            if parts is None:
                return None
            self._boxed(one, parts, z[one.x], deadline).put(one, z)
        return self.outward(z)

    @cached_property
    def qps(self) -> list[QP]:
        """One program per follower, in the problem's own units (:mod:`kktgen.reformulate.scale`).

        Raises
        ------
        UnsupportedError
            A follower has nonconvex rows.

        See Also
        --------
        at : At a point, for all followers.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("copy")
        >>> x = m.var("x", lb=0, ub=3)
        >>> one = m.follower("one")
        >>> y = one.var("y", lb=0, ub=3)
        >>> _ = one.add(y >= x)
        >>> one.minimize(y)
        >>> m.maximize(x - 2 * y)
        >>> [qp.ny for qp in kg.search.Responder(m).qps]
        [1]
        """
        return [system.qp() for system in self._systems]

    def at(self, z: np.ndarray) -> list[QP]:
        """Return the followers' programs at a point (n,) in those units: ``qps`` but for nonconvex rows.

        Parameters
        ----------
        z : ndarray (n,)

        Returns
        -------
        list of QP

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("quality")
        >>> x = m.var("x", lb=1, ub=3)
        >>> shop = m.follower("shop", products=True)
        >>> sold = shop.var("sold", lb=0)
        >>> _ = shop.add(x * sold <= 6)
        >>> shop.minimize(sold @ sold - 5 * sold)
        >>> m.maximize(x + sold)
        >>> responder = kg.search.Responder(m)
        >>> [qp] = responder.at(responder.inward([2.0]))
        >>> print(qp.G.toarray().ravel())                # -sold <= 0, 2 sold <= 6
        [-1.  2.]
        """
        return [system.at(z) for system in self._systems] if self.varies else self.qps

    def inward(self, x: np.ndarray) -> np.ndarray:
        """Return decisions, as a call takes them, as a point (n,) in the units of ``qps``.

        Parameters
        ----------
        x : ndarray
            As of a call.

        Returns
        -------
        ndarray (n,)

        Raises
        ------
        ProblemError
            A point of the wrong length.

        See Also
        --------
        outward : The way back.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("copy")
        >>> x = m.var("x", lb=0, ub=3)
        >>> one = m.follower("one")
        >>> y = one.var("y", lb=0, ub=3)
        >>> _ = one.add(y >= x)
        >>> one.minimize(y)
        >>> m.maximize(x - 2 * y)
        >>> responder = kg.search.Responder(m)
        >>> print(responder.inward([2.0])[x.cols])
        2.0
        """
        return self._terms.settled(self._view.point(self._full(np.asarray(x, dtype=float))))

    def outward(self, z: np.ndarray) -> np.ndarray:
        """Return a point in the units of ``qps``, with all responses written to it, in the problem's units.

        Parameters
        ----------
        z : ndarray (n,)

        Returns
        -------
        ndarray (n,)

        See Also
        --------
        inward : The way back.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("copy")
        >>> x = m.var("x", lb=0, ub=3)
        >>> one = m.follower("one")
        >>> y = one.var("y", lb=0, ub=3)
        >>> _ = one.add(y >= x)
        >>> one.minimize(y)
        >>> m.maximize(x - 2 * y)
        >>> responder = kg.search.Responder(m)
        >>> print(responder.outward(responder.inward([2.0]))[x.cols])
        2.0
        """
        z[self._dead] = 0.0
        return self._view.back(self._terms.settled(z) if self.varies else z)

    @cached_property
    def _all(self) -> QP:
        """All followers as one QP whose blocks have nothing in common."""
        return side_by_side(self.qps)

    def _together(self, z: np.ndarray, deadline: Deadline) -> bool:
        """Write the response of all followers, solved as one program, to z; return whether it is accurate."""
        one = self._all
        parts = solved(one, z[one.x], deadline)
        if parts is None:
            return False
        program = one.at(z[one.x])
        price = np.concatenate([parts.lam, -parts.mu, np.zeros(len(parts.y))])
        if error(program, parts.y, price) > ACCURATE * (1.0 + max(np.abs(part).max(initial=0.0) for part in parts[:3])):
            return False
        parts.put(one, z)
        z[self._dead] = 0.0
        return True

    def _boxed(self, one: QP, parts: Parts, x: np.ndarray, deadline: Deadline) -> Parts:
        """Return a response with basic multipliers where those of an interior point lie beyond the model's boxes.

        Of two opposite rows it gives both one, however large, and boxes may be proved of basic ones.
        """
        ub = self._view.model.space.ub[one.mu]
        if not isinstance(one, ConicQP) or (parts.mu <= ub + BEYOND * (1.0 + np.abs(parts.mu))).all():
            return parts
        basic = one.with_normals(parts.normals).multipliers(parts.y, x, deadline)
        return parts if basic is None else parts._replace(lam=basic[0], mu=basic[1])

    def _full(self, x: np.ndarray) -> np.ndarray:
        if len(x) >= self.n:
            return x[: self.n].copy()
        if len(x) != len(self.leader):
            raise ProblemError(
                f"respond: a point of {len(x)} entries; give all {self.n} columns, or the leader's {len(self.leader)}"
            )
        z = np.zeros(self.n)
        z[self.leader] = x
        return z

    def _settle(self, qps: list[QP], z: np.ndarray, deadline: Deadline) -> np.ndarray | None:
        """Return the point where no follower wants to move, by best responses in turn; None when it is not reached."""
        last: list[np.ndarray | None] = [None] * len(qps)
        states: set[bytes] = set()
        for _ in range(SWEEPS):
            moved, state = False, blake2b(z.tobytes()).digest()
            if state in states:  # they run in a circle
                return None
            states.add(state)
            for k, one in enumerate(qps):
                x, before = z[one.x], last[k]
                if before is not None and (np.abs(x - before) <= SETTLED * (1.0 + np.abs(x))).all():
                    continue
                parts = solved(one, x, deadline)
                if parts is None:
                    return None
                self._boxed(one, parts, x, deadline).put(one, z)
                z[self._dead] = 0.0
                last[k], moved = x, True
            if not moved:
                return z
        return None


def conditional_words(name: str) -> str:
    """Return why nothing responds in a problem with complementarity said directly."""
    return (
        f"{name!r} holds complementarity conditions (m.complements), which are nobody's response to decisions of the "
        "leader: kktgen.optimize and kktgen.solve find points that satisfy them, kktgen.verify checks one"
    )


def respond(bilevel: Bilevel, x: np.ndarray, executor: Executor | None = None) -> np.ndarray | None:
    """Return the point where every follower responds optimally to the leader's decisions.

    For one response; a :class:`Responder` keeps the matrices for many.

    Parameters
    ----------
    bilevel : Bilevel
    x : ndarray
        A point over all columns, whose leader columns count, or the leader's columns alone.
    executor : concurrent.futures.Executor, optional

    Returns
    -------
    ndarray (n,) or None
        Leader's decisions, followers' variables and multipliers, in the sign convention of :class:`kktgen.QP`; None
        when a follower is infeasible or unbounded, or a Nash game does not settle. Where a follower has several
        optima, one of them: the leader's rows may ask for another.

    Raises
    ------
    UnsupportedError
        The problem holds complementarity said directly.

    See Also
    --------
    Responder : Keeps the matrices for many responses.
    kktgen.verify : Takes the point.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> z = kg.search.respond(m, [1.5])
    >>> print(f"toll {z[toll.cols]:.1f}, road {z[road.cols]:.1f}")
    toll 1.5, road 1.0
    """
    responder = Responder(bilevel)
    if responder.conditional:
        raise UnsupportedError(conditional_words(bilevel.name))
    return responder(x, executor)
