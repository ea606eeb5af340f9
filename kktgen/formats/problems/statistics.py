"""The statistics of a bilevel instance, counted as the library BOBILib counts them."""

from __future__ import annotations

import numpy as np

from ...numerics.sparse import Csr, row_index
from ...problem.bilevel import Bilevel
from ...problem.columns import LEADER
from ...problem.cones import with_leader
from ...problem.follower_rows import Declared, System
from ...problem.rows import Rows

_KINDS = (("C", "continuous"), ("I", "integer"), ("B", "binary"))


def statistics(m: Bilevel) -> dict[str, int | float | None]:
    """Return the statistics of a problem under the symbols of BOBILib's tables.

    ==================  ================================================================================
    n_x, I_u, B_u       leader's variables; those that are integer (not binary), and binary
    n_y, I_l, B_l       followers' variables; those that are integer (not binary), and binary
    n_link, n_link^C..  leader's variables that stand in a follower's rows or cost; by kind C, I, B
    m_u, m_l            leader's and followers' rows (bounds are not counted)
    m_coup              leader's rows that hold followers' variables or prices
    m_link              followers' rows that hold leader's variables
    alpha               cosine of the leader's and the followers' linear costs in y; None when one is zero
    ==================  ================================================================================

    Parameters
    ----------
    m : Bilevel

    Returns
    -------
    dict
        And beyond BOBILib's class: ``followers``, ``complements`` (conditions said directly; of them the rows that tie
        their second expressions are counted alone), ``priced`` (multipliers used by the leader), ``products_u``,
        ``products_l`` (products of variables in the leader's objective and rows, and in the followers' costs), ``nash``
        (followers that see another one's variables), ``lifted`` (products of the leader's binaries with followers'
        expressions, each a column with four rows; ``n_y`` and ``m_l`` count them), ``curved`` (rows of followers with
        squares or norms) and ``conditional`` (rows of followers that hold where a binary of the leader says so).

    Notes
    -----
    ``alpha = d_u'e / (|d_u| |e|)``, both costs minimised: 1 the followers help the leader, -1 they are opposed. Rows of
    the leader are linear, quadratic and indicator rows. Source: bobilib.org, documentation.
    """
    space, zero = m.space, np.zeros(len(m.space))
    systems = [follower.system().fixed(zero) for follower in m.followers]
    kind, is_x, is_y = space.kind, space.role == "leader", space.role == "follower"
    of_conditions = np.isin(space.owner, [f.index for f in m.followers if f.is_condition])
    is_y &= ~of_conditions
    linked = _linking(m, systems) & is_x
    kinds = [s for s in systems if not s.condition]
    return {
        "n_x": int(is_x.sum()), "I_u": _of(kind, is_x, "I"), "B_u": _of(kind, is_x, "B"),
        "n_y": int(is_y.sum()), "I_l": _of(kind, is_y, "I"), "B_l": _of(kind, is_y, "B"),
        "n_link": int(linked.sum()),
        **{f"n_link^{letter}": _of(kind, linked, letter) for letter, _ in _KINDS},
        **_rows(m, systems),
        "alpha": _alignment(m, systems, is_y),
        "followers": len(kinds), "complements": int((of_conditions & (space.role == "follower")).sum()),
        "priced": int((_used_by_leader(m) & space.is_price).sum()),
        **_products(m, systems),
        "nash": sum(not s.condition and _sees_others(space.owner, k, s) for k, s in enumerate(systems)),
        "lifted": sum(len(part.columns) for f in m.followers for part in f.products.lifted),
        "varying": sum(len(part) for f in m.followers for part in with_leader(f.varying, f.cones)),
        "curved": sum(len(np.unique(part.mu)) for f in m.followers for part in f.varying if part.curved)
        + sum(len(f.cones) for f in m.followers),
        "conditional": sum(len(part.lo) for f in m.followers for part in f.products.conditional),
    }  # fmt: skip


def problem_class(m: Bilevel) -> str:
    """Return what the literature calls such a problem.

    ``MCP``: conditions alone, nobody optimises. ``equilibrium problem``: several followers, or followers beside
    conditions, nobody optimises the whole. ``MPEC``: a leader over conditions. ``bilevel problem``: one over followers.
    """
    followers = sum(not f.is_condition for f in m.followers)
    if m.is_equilibrium:
        return "equilibrium problem" if followers else "MCP"
    if m.space.conditions:
        return "MPEC with followers" if followers else "MPEC"
    return "bilevel problem" if followers else "one level"


def _linking(m: Bilevel, systems: list[System]) -> np.ndarray:
    """Return which columns stand in some follower's rows or cost (n,) bool."""
    rows = [d.M.indices[d.M.data != 0] for d in _declared(systems)]
    costs = [part[s.cost.v != 0] for s in systems for part in (s.cost.i, s.cost.j)]
    factors = [part for f in m.followers for t in f.terms for part in (t.quad.i, t.quad.j)]
    factors += [part.x for f in m.followers for part in with_leader(f.varying, f.cones)]
    factors += [part.binary for f in m.followers for part in f.products.parts]
    return _used(len(m.space), *rows, *costs, *factors)


def _declared(systems: list[System]) -> list[Declared]:
    """Return the followers' rows, bounds left out."""
    return [d for system in systems for d in system.declared if not d.is_bound]


def _leaders(m: Bilevel) -> list[Rows]:
    """Return the leader's linear and indicator rows."""
    return [*m.rows, *(rows for *_, rows in m.conditions)]


def _used_by_leader(m: Bilevel) -> np.ndarray:
    """Return which columns stand in the leader's objective or rows (n,) bool."""
    goal = m.objective
    used = [goal.i, goal.j, goal.linear.indices, *(rows.M.indices for rows in _leaders(m))]
    used += [part for q in m.quads for part in (q.quad.i, q.quad.j, q.quad.linear.indices)]
    return _used(len(m.space), *used)


def _rows(m: Bilevel, systems: list[System]) -> dict[str, int]:
    """Return the numbers of rows, and of those that hold columns of the other side."""
    role, leaders, declared = m.space.role, _leaders(m), _declared(systems)
    others = role != "leader"
    coupled = sum(_touching(rows.M, others) for rows in leaders)
    coupled += sum(bool(others[np.concatenate([q.quad.i, q.quad.j, q.quad.linear.indices])].any()) for q in m.quads)
    return {
        "m_u": sum(map(len, leaders)) + len(m.quads), "m_l": sum(len(d.lo) for d in declared), "m_coup": int(coupled),
        "m_link": sum(_touching(d.M, _seen_of_leader(m)) for d in declared),
    }  # fmt: skip


def _seen_of_leader(m: Bilevel) -> np.ndarray:
    """Return the columns that the leader decides or its decision makes (n,) bool: not those of norms and squares."""
    out = np.isin(m.space.role, ["leader", "term"])
    for f in m.followers:
        of_leader = with_leader(f.varying, f.cones)
        for part in f.varying:
            out[part.v] = part in of_leader
        for cone in f.cones:
            out[cone.u] = False
    return out


def _products(m: Bilevel, systems: list[System]) -> dict[str, int]:
    """Return the numbers of products in the leader's objective and rows, and in the followers' costs and rows."""
    upper = [m.objective.canonical(), *(q.quad.canonical() for q in m.quads)]
    lower = [*(s.cost.canonical() for s in systems), *(t.quad for f in m.followers for t in f.terms)]
    varying = sum(part.E.nnz for f in m.followers for part in f.varying)
    return {"products_u": sum(len(q.v) for q in upper), "products_l": sum(len(q.v) for q in lower) + varying}


def _of(kind: np.ndarray, among: np.ndarray, letter: str) -> int:
    return int(np.count_nonzero(among & (kind == letter)))


def _used(n: int, *columns: np.ndarray) -> np.ndarray:
    """Return which of n columns are among those given."""
    out = np.zeros(n, dtype=bool)
    for part in columns:
        out[part] = True
    return out


def _touching(M: Csr, columns: np.ndarray) -> int:
    """Return how many rows have a nonzero entry in the columns."""
    hit = columns[M.indices] & (M.data != 0)
    return len(np.unique(row_index(M)[hit]))


def _alignment(m: Bilevel, systems: list[System], is_y: np.ndarray) -> float | None:
    """Return the cosine between the linear costs of the leader and of the followers in their variables."""
    theirs = np.zeros(len(m.space))
    for k, system in enumerate(systems):
        linear = system.cost.linear
        mine = m.space.owner[linear.indices] == k
        theirs[linear.indices[mine]] += linear.data[mine]
    leader = np.zeros(len(m.space))
    leader[m.objective.linear.indices] = m.objective.linear.data
    leader, theirs = leader[is_y], theirs[is_y]
    size = float(np.linalg.norm(leader) * np.linalg.norm(theirs))
    return float(leader @ theirs) / size if size else None


def _sees_others(owner: np.ndarray, k: int, system: System) -> bool:
    """Return whether a follower's rows or cost hold what belongs to another follower."""
    seen = [system.E.indices, system.C.indices, system.cost.i, system.cost.j]
    owners = owner[np.concatenate(seen)]
    return bool(((owners != k) & (owners != LEADER)).any())
