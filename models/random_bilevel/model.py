"""Seeded random bilevel problems for benchmarks: LP and QP followers, and tolls on a network.

Every number is drawn; nothing here is real data.

Families ``lp``, ``qp``, ``qp_singular``: one leader x (n,), followers j = 1..J with y_j (cols,), U = ``upper``::

    min   c'x + sum_j d_j'y_j - sum_j x_S'y_jS     costs, less what the followers pay for the priced variables S
    s.t.  C x + sum_j D_j y_j <= e                 the leader's rows; D_j is zero but in a share ``coupling`` of them
          0 <= x <= U                              the leader's box; a share ``integers`` of x is integer

    y_j in argmin  1/2 y'P_j y + q_j'y + x_S'y_S   the follower's cost, and the prices it pays
             s.t.  A_j y + B_j x <= b_j            the follower's rows
                   A_j y + B_j x >= b_j            a share ``share_ge`` of them the other way round
                   0 <= y <= U                     the follower's box

How they are drawn: a share ``density`` of the entries of A, B, C and D, one at least in every row of A and C, is
uniform in [1, 5], negative one time in four; B has no entries in the columns of prices. With F uniform in [-1, 1], P
is 0 (``lp``), F'F + I (``qp``), or F'F (``qp_singular``) with half as many rows in F as columns and the last quarter
of its columns (one at least) zero. q is -P t + w with t uniform in [0, 1.2 U], w in [-10, 5]; c and d are in [-10, 10].

What is known: points x^ and y^_j are drawn in the middle 60 % of the boxes, and the right-hand sides are what the rows
need there and a slack of 2 to 20 % of U more. So y^_j is strictly feasible for every x within ``reach`` of x^, and the
leader's rows hold at x^ whatever the followers do: x^ with the followers' best response is bilevel-feasible.

Family ``toll``: nodes 1..rows on a ring of toll-free one-way arcs, and ``cols`` shortcuts of which the first
``leaders``, T, are tolled (all by default); arcs a have fixed costs f_a, commodities j = 1..J ship demand D_j::

    max   sum_j t'y_jT                             the revenue of the tolls
    s.t.  0 <= t <= U                              the tolls are capped; a share ``integers`` of them is integer

    y_j in argmin  f'y + t'y_T                     fixed costs and tolls
             s.t.  sum_out(v) y - sum_in(v) y = D_j [v origin]   conservation at all nodes but the destination
                   0 <= y <= D_j                   flows

How they are drawn: the ring's f is uniform in [1, 5], a shortcut's 10 to 60 % of the way it saves on the ring, demands
are in [1, 10], origins, destinations and shortcuts among all pairs of nodes. What is known: tolls of zero and all flow
on the ring are feasible; the toll-free ring bounds the revenue.

The same parameters give the same bytes on every CPU: numbers are drawn as short decimals, products of decimals are
computed in integers (``F'F``) or rounded once (``exact_sums``), and no BLAS has a part in them. The draws are those of
numpy's ``default_rng``, whose streams have not changed since numpy 1.17, though numpy promises that of its bit
generators only.

The shares and signs of the rows follow the random family of BilevelJuMP's benchmarks (joaquimg/BilevelJuMP.jl,
benchmarks/rand.jl); its numbers are not reproduced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import kktgen as kg

product = kg.beside(__file__, "../common/exact_sums").product

FAMILIES = ("lp", "qp", "qp_singular", "toll")
SHARES = ("share_ge", "coupling", "integers", "priced", "reach")


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    family : str
        ``"lp"``, ``"qp"`` (strictly convex), ``"qp_singular"`` (semidefinite), or ``"toll"`` (network pricing).
    followers : int
        Number of followers, commodities of ``toll``. They share the leader only; more of them leave the others as
        they are.
    rows : int
        Rows of the leader, and of each follower beside its bounds; nodes of ``toll``.
    cols : int
        Variables of each follower; shortcuts of ``toll``.
    leaders : int or None
        Leader variables, tolled shortcuts of ``toll``; as many as ``cols`` by default.
    density : float
        Share of nonzeros in the rows. ``toll`` does not use it.
    share_ge : float
        Share of the followers' rows that are ``>=``. ``toll`` does not use it.
    upper : float
        Upper bound of every variable; cap of the tolls.
    coupling : float
        Share of the leader's rows that hold follower variables. ``toll`` does not use it.
    integers : float
        Share of the leader's variables that are integer, the first ones.
    priced : float
        Share of the leader's variables that are prices the followers pay to the leader, the first ones. ``toll`` does
        not use it.
    reach : float
        Every follower is feasible for all x that are this share of ``upper`` or less from the drawn point; 1 for
        all decisions of the leader. ``toll`` does not use it.
    seed : int
        Another seed draws another problem.
    """

    family: Literal["lp", "qp", "qp_singular", "toll"] = "lp"
    followers: int = 1
    rows: int = 10
    cols: int = 5
    leaders: int | None = None
    density: float = 0.5
    share_ge: float = 0.2
    upper: float = 10.0
    coupling: float = 0.0
    integers: float = 0.0
    priced: float = 0.0
    reach: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise kg.ProblemError(f"random_bilevel: family is {self.family!r}; give one of {', '.join(FAMILIES)}")
        toll = self.family == "toll"
        for word, least in {"followers": 1, "rows": 1 + toll, "cols": 1, "leaders": 1, "seed": 0}.items():
            value = getattr(self, word)
            if value is None and word == "leaders":
                continue
            if not isinstance(value, int | np.integer) or value < least:
                raise kg.ProblemError(f"random_bilevel: {word} is {value!r}; give a whole number from {least} on")
        for word in SHARES:
            if not 0 <= getattr(self, word) <= 1:
                raise kg.ProblemError(f"random_bilevel: {word} is {getattr(self, word)}; give a share from 0 to 1")
        if not 0 < self.density <= 1:
            raise kg.ProblemError(f"random_bilevel: density is {self.density}; give a share above 0, at most 1")
        if not 0 < self.upper < np.inf:
            raise kg.ProblemError(f"random_bilevel: upper is {self.upper}; give a positive finite number")
        if toll and self.tops > self.cols:
            raise kg.ProblemError(f"random_bilevel: leaders is {self.leaders}, but there are {self.cols} shortcuts")

    @property
    def tops(self) -> int:
        """Number of the leader's variables."""
        return self.cols if self.leaders is None else self.leaders

    @property
    def prices(self) -> int:
        """Number of priced variables."""
        return round(self.priced * min(self.tops, self.cols))


class Game(kg.Bilevel):
    """A random bilevel problem that knows its parts.

    Attributes
    ----------
    parameters : Parameters
    x : Affine (n,)
        The leader's variables.
    y : tuple of Affine (cols,)
        Variables of every follower.
    known_x : ndarray (n,)
        A decision for which every follower is feasible.
    known_y : tuple of ndarray (cols,)
        What the followers may answer to it: feasible, hardly ever optimal.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__("random_bilevel")
        self.parameters = parameters
        self.x: kg.Affine
        self.y: tuple[kg.Affine, ...] = ()
        self.known_x = np.empty(0)
        self.known_y: tuple[np.ndarray, ...] = ()

    def decide(self, name: str) -> kg.Affine:
        """Declare the leader's variables: the integer ones first, then the continuous ones."""
        p = self.parameters
        whole = round(p.integers * p.tops)
        parts = []
        if whole:
            parts.append(self.var(f"{name}_int", whole, lb=0, ub=np.floor(p.upper), kind="I"))
        if p.tops > whole:
            parts.append(self.var(name, p.tops - whole, lb=0, ub=p.upper))
        self.x = parts[0] if len(parts) == 1 else kg.concatenate(parts)
        return self.x


def _uniform(rng: np.random.Generator, low: float, high: float, shape: int | tuple[int, ...]) -> np.ndarray:
    """Return the draws of ``rng.uniform``, which a compiler may round otherwise on other processors."""
    return low + (high - low) * rng.random(shape)


def _entries(rng: np.random.Generator, rows: int, cols: int, density: float, least: int = 0) -> np.ndarray:
    """Return a matrix (rows, cols) with a share of nonzeros, and ``least`` of them (0 or 1) in every row."""
    held = rng.random((rows, cols)) < density
    spare = rng.integers(cols, size=rows)
    if least:
        held[np.arange(rows), spare] = True
    sign = np.where(rng.random((rows, cols)) < 0.75, 1.0, -1.0)
    return np.round(sign * _uniform(rng, 1.0, 5.0, (rows, cols)), 2) * held


def _middle(rng: np.random.Generator, count: int, upper: float) -> np.ndarray:
    return _uniform(rng, 0.2, 0.8, count) * upper


def _hessian(rng: np.random.Generator, family: str, cols: int) -> np.ndarray:
    """Return P (cols, cols): zero, F'F + I or F'F."""
    if family == "lp":
        return np.zeros((cols, cols))
    shape = (cols if family == "qp" else max(cols // 2, 1), cols)
    F = np.rint(100.0 * _uniform(rng, -1.0, 1.0, shape)).astype(np.int64)  # in hundredths: integers need no BLAS
    if family == "qp":
        return (F.T @ F + 10_000 * np.eye(cols, dtype=np.int64)) / 1e4
    F[:, cols - max(cols // 4, 1) :] = 0
    return F.T @ F / 1e4


def _loose(rng: np.random.Generator, need: np.ndarray, upper: float) -> np.ndarray:
    """Return right-hand sides of ``<=`` rows: what they need and a slack, rounded up to four digits."""
    return np.ceil(1e4 * (need + _uniform(rng, 0.02, 0.2, len(need)) * upper)) / 1e4


def _follower(game: Game, number: int) -> tuple[kg.Affine, np.ndarray]:
    """Declare a follower; return its variables and a point strictly feasible for all x within reach."""
    p, x, at = game.parameters, game.x, game.known_x
    rng = np.random.default_rng([p.seed, number])
    lower = game.follower(f"f{number}")
    y = lower.var("y", p.cols, lb=0, ub=p.upper)
    point = _middle(rng, p.cols, p.upper)
    A = _entries(rng, p.rows, p.cols, p.density, 1)
    B = _entries(rng, p.rows, p.tops, p.density)
    B[:, : p.prices] = 0.0
    ge = np.arange(p.rows) < round(p.share_ge * p.rows)
    sign = np.where(ge, -1.0, 1.0)
    low, high = np.maximum(at - p.reach * p.upper, 0.0), np.minimum(at + p.reach * p.upper, p.upper)
    turned = sign[:, None] * B
    most = product(np.maximum(turned, 0.0), high) + product(np.minimum(turned, 0.0), low)
    side = sign * _loose(rng, sign * product(A, point) + most, p.upper)
    for name, held in (("le", ~ge), ("ge", ge)):
        if held.any():
            left = A[held] @ y + B[held] @ x
            lower.add(left <= side[held] if name == "le" else left >= side[held], name=name)
    P = _hessian(rng, p.family, p.cols)
    target = _uniform(rng, 0.0, 1.2 * p.upper, p.cols)
    q = np.round(_uniform(rng, -10.0, 5.0, p.cols) - product(P, target), 2)
    cost = kg.sum([0.5 * ((P @ y) @ y), q @ y]) if p.family != "lp" else q @ y
    lower.minimize(cost + x[: p.prices] @ y[: p.prices] if p.prices else cost)
    return y, point


def _rows(p: Parameters) -> Game:
    """Build a problem of the families ``lp``, ``qp``, ``qp_singular``."""
    game = Game(p)
    rng = np.random.default_rng([p.seed, 0])
    x = game.decide("x")
    at = _middle(rng, p.tops, p.upper)
    whole = round(p.integers * p.tops)
    game.known_x = np.where(np.arange(p.tops) < whole, np.floor(at), at)
    made = [_follower(game, number) for number in range(1, p.followers + 1)]
    game.y, game.known_y = tuple(y for y, _ in made), tuple(point for _, point in made)
    C = _entries(rng, p.rows, p.tops, p.density, 1)
    cost = np.round(_uniform(rng, -10.0, 10.0, p.tops), 2) @ x
    left, side = C @ x, _loose(rng, product(C, game.known_x), p.upper)
    coupled = np.arange(p.rows) < round(p.coupling * p.rows)
    for number, y in enumerate(game.y, 1):
        own = np.random.default_rng([p.seed, number, 1])
        cost = cost + np.round(_uniform(own, -10.0, 10.0, p.cols), 2) @ y
        D = _entries(own, p.rows, p.cols, p.density) * coupled[:, None]
        left = left + D @ y
        side = np.round(side + product(np.maximum(D, 0.0), np.full(p.cols, p.upper)), 4)
    game.add(left <= side, name="rows")
    if p.prices:
        cost = cost - x[: p.prices] @ kg.stack([y[: p.prices] for y in game.y]).sum(axis=0)
    game.minimize(cost)
    return game


class Tolls(Game):
    """A random network with tolls.

    Attributes
    ----------
    tail, head : ndarray (arcs,)
        Nodes of every arc, from 0: the ring's arcs, then the shortcuts.
    fixed : ndarray (arcs,)
        Fixed cost of every arc.
    trips : ndarray (J, 2)
        Origin and destination of every commodity.
    demand : ndarray (J,)
    """

    def __init__(self, p: Parameters) -> None:
        super().__init__(p)
        rng, nodes = np.random.default_rng([p.seed, 0]), p.rows
        ring = np.round(_uniform(rng, 1.0, 5.0, nodes), 2)
        begin, step = rng.integers(nodes, size=p.cols), rng.integers(min(2, nodes - 1), nodes, size=p.cols)
        self.tail = np.concatenate([np.arange(nodes), begin])
        self.head = np.concatenate([(np.arange(nodes) + 1) % nodes, (begin + step) % nodes])
        way = np.concatenate([[0.0], np.cumsum(np.tile(ring, 2))])
        saved = way[begin + step] - way[begin]
        self.fixed = np.concatenate([ring, np.round(_uniform(rng, 0.1, 0.6, p.cols) * saved, 2)])
        draws = [np.random.default_rng([p.seed, j]) for j in range(1, p.followers + 1)]
        pairs = np.array([(own.integers(nodes), own.integers(1, nodes)) for own in draws])
        self.trips = np.column_stack([pairs[:, 0], pairs.sum(axis=1) % nodes])
        self.demand = np.array([round(1.0 + 9.0 * own.random(), 2) for own in draws])
        toll = self.decide("toll")
        self.known_x = np.zeros(p.tops)
        made = [self._commodity(j) for j in range(p.followers)]
        self.y, self.known_y = tuple(y for y, _ in made), tuple(flow for _, flow in made)
        tolled = slice(nodes, nodes + p.tops)
        self.maximize(toll @ kg.stack([y[tolled] for y in self.y]).sum(axis=0))

    def _commodity(self, j: int) -> tuple[kg.Affine, np.ndarray]:
        """Declare commodity j; return its flows and the flow along the ring."""
        p, (origin, destination) = self.parameters, self.trips[j]
        nodes, arcs = p.rows, np.arange(p.rows + p.cols)
        lower = self.follower(f"c{j + 1}")
        flow = lower.var("flow", len(arcs), lb=0, ub=self.demand[j])
        incidence = np.zeros((nodes, len(arcs)))
        incidence[self.tail, arcs] = 1.0
        incidence[self.head, arcs] = -1.0
        passed = np.arange(nodes) != destination
        supply = np.where(np.arange(nodes) == origin, self.demand[j], 0.0)
        lower.add(incidence[passed] @ flow == supply[passed], name="conservation")
        lower.minimize(self.fixed @ flow + self.x @ flow[nodes : nodes + p.tops])
        along = (arcs < nodes) & ((arcs - origin) % nodes < (destination - origin) % nodes)
        return flow, self.demand[j] * along


def build(**parameters: Any) -> Game:
    """Return the random problem of the given :class:`Parameters`.

    Raises
    ------
    ProblemError
        Parameters out of range.
    """
    p = Parameters(**parameters)
    return Tolls(p) if p.family == "toll" else _rows(p)


def report(result: Any) -> str:
    """Return a small table: sizes, objective, bound, claim and time per stage.

    Parameters
    ----------
    result : Result
        What ``kg.optimize(build(...))`` returned.

    Raises
    ------
    ProblemError
        The result is not one of this model.
    """
    game = result.bilevel
    if not hasattr(game, "known_x"):
        raise kg.ProblemError(f"report: {game!r} was not made by random_bilevel.build(...)")
    p = game.parameters
    pairs = ", ".join(f"{used.pairs} {used.encoding} ({used.trust})" for used in result.model.encodings)
    lines = [
        ("family", f"{p.family}, seed {p.seed}"),
        ("leader variables", str(p.tops)),
        ("followers", f"{p.followers}, {sum(y.size for y in game.y)} variables"),
        ("pairs", pairs or "none"),
        ("objective", "none" if result.solution.objective is None else f"{result.solution.objective:.7g}"),
        ("bound", "none" if result.bound is None else f"{result.bound:.7g}"),
        ("claim", result.report.claim),
        *((f"{stage} (s)", f"{spent:.2f}") for stage, spent in result.seconds.items()),
    ]
    width = max(len(word) for word, _ in lines)
    return "\n".join(["random data, no real case", *(f"{word.ljust(width)}  {text}" for word, text in lines)])
