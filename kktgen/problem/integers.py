"""Followers with integer variables: which they are, what they cannot have, and the problem without their optimality.

Such a follower has no KKT conditions. What it has is its problem at every decision of the leader, a mixed-integer one.
In a problem with one of them every follower is treated so, the continuous ones too.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ..errors import BoundError, UnsupportedError
from ..numerics.sparse import take_rows
from .bilevel import Bilevel
from .columns import LEADER, Space, labels
from .follower import Follower
from .follower_rows import Declared
from .rows import Rows

NONE = "proved(D0)"
"""Where the box [0, 0] of a multiplier comes from that prices nothing."""


def integer_columns(space: Space) -> np.ndarray:
    """Return which columns are integer variables of followers (n,) bool."""
    return (space.kind != "C") & (space.owner != LEADER) & (space.role == "follower")


def has_integers(bilevel: Bilevel) -> bool:
    """Return whether some follower has integer variables."""
    return bool(integer_columns(bilevel.space).any())


def integer_followers(bilevel: Bilevel) -> list[Follower]:
    """Return the followers with integer variables."""
    owners = np.unique(bilevel.space.owner[integer_columns(bilevel.space)])
    return [follower for follower in bilevel.followers if follower.index in owners]


def no_kkt(bilevel: Bilevel, verb: str) -> str:
    """Return why a verb does not take a problem with integer followers, with the cure."""
    space = bilevel.space
    first = labels(space.blocks, np.flatnonzero(integer_columns(space))[:1])[0]
    name = integer_followers(bilevel)[0].name
    return (
        f"{verb}: follower {name!r} has integer variables ({first}), and an integer follower has no KKT conditions. "
        "kg.optimize(m) solves such a problem by enumerating responses; kg.master(m, responses) is one of its "
        "relaxations as a model"
    )


CANNOT = {
    "certify": "for integers that are fixed, rational numbers could prove a response; that no other choice of integers "
    "is better needs the proof of a mixed-integer program, which kktgen does not write. kg.verify solves every "
    "follower's program again, in floating point",
    "robust": "a small move settles ties of continuous responses; kg.verify(m, solution, range=True) says what "
    "the ties of integer responses are worth",
    "pessimistic": "worst responses are found through them. kg.verify(m, solution, range=True) says what the "
    "followers' ties are worth at one decision",
    "prove": "the tree branches on KKT pairs; kg.verify solves every follower's program again, in floating point",
    "explain": "kg.optimize says whether a master, a relaxation, is infeasible or unbounded",
    "alignment": "interests are compared over the responses of a convex follower",
    "respond": "result.responses of kg.optimize(m) are the responses it found",
}
"""What some verbs need KKT conditions for, and what there is instead."""


def refuse_integers(bilevel: Bilevel, verb: str) -> None:
    """Refuse a problem with integer followers, and say what can be done instead.

    Raises
    ------
    UnsupportedError
        Some follower has integer variables.
    """
    if has_integers(bilevel):
        raise UnsupportedError(no_kkt(bilevel, verb) + (f"; {CANNOT[verb]}" if verb in CANNOT else ""))


def check_integers(bilevel: Bilevel) -> None:
    """Refuse what a problem with integer followers cannot have.

    Raises
    ------
    UnsupportedError
        Multipliers in use, followers that see each other, complementarity conditions, products of the leader's
        variables in followers' rows, no objective of the leader beside several followers.
    BoundError
        A continuous variable of a follower without a finite box.
    ProblemError
        A follower without an objective.
    """
    space, name = bilevel.space, bilevel.name
    if space.conditions:
        raise UnsupportedError(
            f"{name!r} has integer followers and complementarity conditions ({min(space.conditions)!r}); the two are "
            "not solved together"
        )
    if bilevel.is_equilibrium:
        raise UnsupportedError(
            f"{name!r} has several followers, one with integer variables, and no objective of the leader: equilibria "
            "with integer followers are not looked for. Give the leader one, m.minimize(0) if nothing else"
        )
    priced = _used(bilevel)
    priced = priced[space.is_price[priced]]
    if len(priced):
        raise UnsupportedError(_no_price(bilevel, int(priced[0])))
    for follower in bilevel.followers:
        _check(bilevel, follower)


def _check(bilevel: Bilevel, follower: Follower) -> None:
    space, where = bilevel.space, f"follower {follower.name!r}"
    curved = [name for part in follower.varying if part.curved for name in part.names]
    curved += [cone.name for cone in follower.cones]
    if curved:
        raise UnsupportedError(
            f"{where}, row {curved[0]!r}: squares or norms, in a problem with integer followers; their rows are linear"
        )
    if follower.varying or follower.terms:
        row = follower.terms[0].row if follower.terms else follower.varying[0].names[0]
        raise UnsupportedError(
            f"{where}, row {row!r}: a product of the leader's variables, or of its continuous ones with the "
            "follower's, in a problem with integer followers; products of its binaries with the follower's are fine"
        )
    system = follower.system()
    seen = np.concatenate([system.E.indices, system.C.indices, system.cost.i, system.cost.j])
    other = seen[(space.owner[seen] != follower.index) & (space.owner[seen] != LEADER)]
    if len(other):
        raise UnsupportedError(
            f"{where} sees {space.label(int(other[0]))} of another follower: Nash games with integer followers are "
            "refused, as they need not have an equilibrium. Let one follower decide for both, or relax the integers"
        )
    made = [part.columns for part in follower.products.lifted]  # between rows that bound them
    own = np.setdiff1d(follower.columns, np.concatenate(made)) if made else follower.columns
    loose = own[(space.kind[own] == "C") & ~(np.isfinite(space.lb[own]) & np.isfinite(space.ub[own]))]
    if len(loose):
        raise BoundError(
            f"{where}: {space.label(int(loose[0]))} has no finite box [{space.lb[loose[0]]:g}, "
            f"{space.ub[loose[0]]:g}]; beside integer variables every continuous variable of a follower needs lb and "
            "ub, for without them the cost of a response has no dual bound"
        )


def _no_price(bilevel: Bilevel, column: int) -> str:
    """Return why a multiplier cannot be used."""
    space = bilevel.space
    follower = bilevel.followers[int(space.owner[column])].name
    whole = any(f.name == follower for f in integer_followers(bilevel))
    why = "has integer variables" if whole else "stands beside one with integer variables"
    return (
        f"{space.label(column)}: follower {follower!r} {why}, so that its rows have no dual (no price is "
        "d(cost)/d(right-hand side)). Prices at a fixed choice of the integers are those of a second, continuous "
        "problem in which the leader, or numbers, make the choice"
    )


def _used(bilevel: Bilevel) -> np.ndarray:
    """Return the columns of the leader's objective and rows, and of all followers' rows and costs."""
    goal = bilevel.objective
    used = [goal.i, goal.j, goal.linear.indices, *(rows.M.indices for rows in bilevel.rows)]
    used += [part for row in bilevel.quads for part in (row.quad.i, row.quad.j, row.quad.linear.indices)]
    used += [rows.M.indices for *_, rows in bilevel.conditions] + [columns for _, columns in bilevel.sets]
    for follower in bilevel.followers:
        used += [d.M.indices for d in follower.declared]
        if follower.cost is not None:
            used += [follower.cost.i, follower.cost.j, follower.cost.linear.indices]
    return np.concatenate(used).astype(np.int64)


def released(bilevel: Bilevel, keep: Collection[str] = ()) -> Bilevel:
    """Return the problem in which followers need not be optimal: their columns are the leader's, their rows too.

    Parameters
    ----------
    bilevel : Bilevel
    keep : collection of str
        Followers that stay, with their continuous variables; their integer ones become the leader's, which to them
        are parameters.

    Returns
    -------
    Bilevel
        Over the same columns. Multipliers that are nobody's any more are fixed at zero.
    """
    m = copy.copy(bilevel)
    m.space, m.rows, m._followers = bilevel.space.copy(), list(bilevel.rows), {}
    space, old = m.space, bilevel.space
    for follower in bilevel.followers:
        mine = old.owner == follower.index
        price = mine & old.is_price
        if follower.name not in keep:
            _free(m, follower, mine, price)
            continue
        new = copy.copy(follower)
        new.space, new.index = space, len(m._followers)
        whole = follower.columns[old.kind[follower.columns] != "C"]
        new._columns = [np.setdiff1d(follower.columns, whole)]
        space.owner[mine] = new.index
        space.owner[whole], space.role[whole] = LEADER, "leader"
        new.declared = [part for d in follower.rows() if (part := _kept(space, d, new.columns)) is not None]
        new.products = replace(
            follower.products, space=space, owner=new.index, lifted=[], conditional=[], natural=[]
        )  # fmt: skip
        live = np.concatenate([np.concatenate([d.lam, d.mu_lo, d.mu_hi]) for d in new.declared] or [np.array([-1])])
        price[live[live >= 0]] = False
        space.owner[price] = LEADER
        _dead(space, price)
        m._followers[new.name] = new
    return m


def relaxed(bilevel: Bilevel) -> Bilevel:
    """Return the problem with the followers' integers made continuous: another problem, whose decisions may do."""
    m = copy.copy(bilevel)
    m.space = bilevel.space.copy()
    m.space.kind[integer_columns(bilevel.space)] = "C"
    return m


def _free(m: Bilevel, follower: Follower, mine: np.ndarray, price: np.ndarray) -> None:
    """Make a follower's columns and rows the leader's."""
    space = m.space
    space.owner[mine] = LEADER
    space.role[follower.columns] = "leader"
    _dead(space, price)
    for d in follower.rows():
        if not d.is_bound:
            m.rows.append(Rows(space, d.M, d.lo, d.hi, d.shape, f"{follower.name}_{d.word}"))
            m.rows[-1].coords = d.coords


def _dead(space: Space, price: np.ndarray) -> None:
    space.lb[price] = space.ub[price] = 0.0
    space.proof[price] = NONE


def _kept(space: Space, d: Declared, own: np.ndarray) -> Declared | None:
    """Return rows of a follower whose integers are parameters: bounds of integers go, rows of them alone price nothing.

    Rows without a variable of its own stay rows; the box of their multipliers is zero.
    """
    here = np.isin(d.M.indices, own)
    holds = np.zeros(len(d.lo), dtype=bool)
    holds[np.repeat(np.arange(len(d.lo)), np.diff(d.M.indptr))[here]] = True
    if not d.is_bound:
        prices = np.concatenate([side[~holds] for side in d.prices])
        _dead(space, prices[prices >= 0])
        return d
    at = np.flatnonzero(holds)
    if len(at) == 0:
        return None
    if len(at) == len(d.lo):
        return d
    return Declared(
        take_rows(d.M, at), d.lo[at], d.hi[at], d.lam[at], d.mu_lo[at], d.mu_hi[at], d.word, d.item, (len(at),), True
    )  # fmt: skip
