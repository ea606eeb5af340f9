"""A follower's rows and cost over all columns, and their matrix form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import UnsupportedError
from ..numerics.sparse import Csr, coo, position, take_columns, take_rows
from .columns import Space
from .cones import Cone
from .conic_qp import Norm, with_norms, with_squares
from .coords import Coords
from .expressions import Affine, Quad, price
from .qp import QP
from .varying_rows import Varying


@dataclass(frozen=True, eq=False)
class Declared:
    """Rows ``lo <= M z <= hi`` of a follower with the multiplier columns of each side (-1: none).

    ``switch`` are the leader's binaries that alone decide whether each row is an equation: where they have the value
    ``on`` it is, elsewhere its multiplier is zero (-1: none; :mod:`kktgen.problem.lifting`). ``product`` are the
    product columns that the rows define, -1 elsewhere.
    """

    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    lam: np.ndarray
    mu_lo: np.ndarray
    mu_hi: np.ndarray
    word: str
    item: str
    shape: tuple[int, ...]
    is_bound: bool
    switch: np.ndarray | None = None
    on: np.ndarray | None = None
    product: np.ndarray | None = None
    coords: Coords | None = None

    @property
    def prices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The multiplier columns of equations, lower and upper sides."""
        return self.lam, self.mu_lo, self.mu_hi

    def price(self, space: Space) -> Callable[[], Affine]:
        """Return what makes the rows' dual: the multipliers of equations and lower sides less those of upper sides."""
        lower = np.maximum(self.mu_lo, self.lam)

        def dual() -> Affine:
            space.check_prices(np.concatenate([lower, self.mu_hi]))
            return price(space, lower, 1.0, self.shape) + price(space, self.mu_hi, -1.0, self.shape)

        return dual


@dataclass(frozen=True, eq=False)
class System:
    """A follower's rows and objective over all columns z: ``E z = e`` (lam), ``C z <= c`` (mu >= 0), cost.

    ``source`` says for every inequality which declaration (index into ``declared``) and which of its
    rows it came from, ``side`` whether as upper (+1) or lower (-1) side; ``lam_source`` the same for equations.
    ``switch``, ``on`` and ``product`` are those of the declarations, one an inequality. ``varying`` are the products
    of the leader's continuous variables with expressions in the rows, None where there are none; the cost is then that
    of the follower that takes them for parameters (:mod:`kktgen.problem.varying_rows`). ``condition`` marks
    complementarity said directly (:mod:`kktgen.problem.complementarity`). ``cones`` are norms below a side of its own,
    of which the rows hold half-spaces (:mod:`kktgen.problem.cones`).
    """

    name: str
    y: np.ndarray
    E: Csr
    e: np.ndarray
    lam: np.ndarray
    C: Csr
    c: np.ndarray
    mu: np.ndarray
    side: np.ndarray
    source: np.ndarray
    position: np.ndarray
    lam_source: np.ndarray
    lam_position: np.ndarray
    cost: Quad
    declared: tuple[Declared, ...]
    switch: np.ndarray
    on: np.ndarray
    product: np.ndarray
    varying: Varying | None = None
    condition: bool = False
    cones: tuple[Cone, ...] = ()

    @property
    def squares(self) -> bool:
        """Whether rows are convex quadratic in the own variables (:mod:`kktgen.problem.curved_rows`)."""
        return self.varying is not None and self.varying.curved

    @property
    def curved(self) -> bool:
        """Whether the feasible set is no polyhedron: squares, or norms below a side of the follower's own."""
        return self.squares or bool(self.cones)

    def fixed(self, z: np.ndarray) -> System:
        """Return the follower at the values that the leader's variables in its rows' products have at a point (n,).

        The squares of own variables stay as they are: :meth:`at` says what the follower is then.
        """
        if self.varying is None:
            return self
        cost = self.cost.canonical()
        keep = (position(self.varying.p, cost.i) < 0) & (position(self.varying.p, cost.j) < 0)
        E, C = (self.varying.substituted(M, z) for M in (self.E, self.C))
        own = Quad(cost.space, cost.i[keep], cost.j[keep], cost.v[keep], cost.linear, cost.r)
        return replace(self, E=E, C=C, cost=own, varying=None)

    def at(self, z: np.ndarray) -> QP:
        """Return the matrix form where the leader's variables in the rows' products are as at a point z (n,).

        With squares or norms it is a :class:`kktgen.problem.conic_qp.ConicQP`, whatever the point; the normals of norms
        are those of the point.
        """
        if not self.curved:
            return self.fixed(z).qp()
        varying = self.varying
        assert varying is not None
        if not self.squares:
            return self._with_norms(z)
        plain = self.fixed(np.zeros_like(z)).qp()
        H, E = take_columns(self.C, varying.v), take_columns(varying.E, self.y)
        return with_squares(plain, H, varying.v, position(self.y, varying.x), E)

    def _with_norms(self, z: np.ndarray) -> QP:
        """Return the matrix form at a point, the half-spaces of its cones left to their norms."""
        held = np.concatenate([cone.u for cone in self.cones])
        still = z.copy()
        still[held] = 0.0
        plain = self.fixed(still).qp()
        return with_norms(plain, np.flatnonzero(np.isin(plain.x, held)), self.norms(z))

    def norms(self, z: np.ndarray) -> tuple[Norm, ...]:
        """Return the norms of the cones, over the follower's own variables, with their normals at a point z (n,)."""
        out = []
        for cone in self.cones:
            (i,) = position(self.mu, np.array([cone.mu])).tolist()
            E = take_columns(take_rows(cone.M, np.arange(1, len(cone.c))), self.y)
            out.append(Norm(i, E, cone.c[1:], cone.u, cone.size, cone.size * z[cone.u]))
        return tuple(out)

    def qp(self) -> QP:
        """Return the follower as a :class:`QP` with the columns of y, x, lam and mu.

        Raises
        ------
        UnsupportedError
            Its rows hold products with continuous variables of the leader, or squares of its own.
        """
        if self.varying is not None and self.curved:
            raise UnsupportedError(
                f"follower {self.name!r} has rows with squares or norms ({self.varying.names[0]!r}): it is no QP, so "
                "this does not work for it"
            )
        if self.varying is not None:
            raise UnsupportedError(
                f"follower {self.name!r} has nonconvex rows, products of its variables with the leader's continuous "
                f"ones (row {self.varying.names[0]!r}): it is a QP only at fixed values of these, so this does not "
                "work for it"
            )
        return self.with_parameters()

    def with_parameters(self) -> QP:
        """Return the QP that takes all other columns for parameters, those of products in the rows too.

        With such products it has the follower's KKT points, but other optima (:mod:`kktgen.problem.varying_rows`).
        """
        cost = self.cost.canonical()
        i, j = position(self.y, cost.i), position(self.y, cost.j)
        own, left, right = (i >= 0) & (j >= 0), (i >= 0) & (j < 0), (i < 0) & (j >= 0)
        seen = np.concatenate([self.E.indices, self.C.indices, cost.j[left], cost.i[right]])
        x = np.unique(seen[position(self.y, seen) < 0])
        ny, nx = len(self.y), len(x)
        half = coo(cost.v[own], i[own], j[own], (ny, ny))
        parameter = position(x, np.concatenate([cost.j[left], cost.i[right]]))
        Q = coo(np.concatenate([cost.v[left], cost.v[right]]), np.concatenate([i[left], j[right]]), parameter, (ny, nx))
        q = np.zeros(ny)
        at = position(self.y, cost.linear.indices)
        q[at[at >= 0]] = cost.linear.data[at >= 0]
        return QP(
            P=half + half.T, q=q, Q=Q, A=take_columns(self.E, self.y), B=take_columns(self.E, x), b=self.e,
            G=take_columns(self.C, self.y), H=take_columns(self.C, x), h=self.c,
            y=self.y, x=x, lam=self.lam, mu=self.mu,
        )  # fmt: skip
