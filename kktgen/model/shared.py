"""The KKT model of a problem, built once for all stages that only read it.

A problem may change after it was declared, its arrays too; the model is kept for the state it was built from.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..errors import expect
from ..numerics.sparse import Csr
from ..problem.bilevel import Bilevel
from ..problem.expressions import Quad
from .kkt import kkt_model
from .model import Model

_MODELS: WeakKeyDictionary[Bilevel, tuple[bytes, Model]] = WeakKeyDictionary()


def shared_kkt(bilevel: Bilevel) -> Model:
    """Return the KKT model of a problem, the same one until the problem changes. It must not be changed.

    Parameters
    ----------
    bilevel : Bilevel

    Raises
    ------
    ProblemError
        As :func:`kktgen.kkt`.
    """
    expect(bilevel, Bilevel, "kkt")
    state, known = state_of(bilevel), _MODELS.get(bilevel)
    if known is None or known[0] != state:
        known = _MODELS[bilevel] = state, kkt_model(bilevel)
    return known[1]


def state_of(bilevel: Bilevel) -> bytes:
    """Return a digest of all that a problem declares."""
    digest = blake2b(digest_size=16)
    for part in _parts(bilevel):
        if isinstance(part, np.ndarray):
            digest.update(
                np.ascontiguousarray(part).view(np.uint8).data if part.dtype.kind in "biuf" else part.tobytes()
            )
        else:
            digest.update(repr(part).encode())
    return digest.digest()


def _parts(bilevel: Bilevel) -> Iterator[Any]:
    space = bilevel.space
    yield from (bilevel.name, bilevel.sense, bilevel.is_equilibrium, len(space), len(space.blocks))
    yield from (space.lb, space.ub, space.kind, space.owner, space.role)
    yield from _quad(bilevel.objective)
    for rows in bilevel.rows:
        yield from (rows.name, rows.shape, rows.lo, rows.hi, *_matrix(rows.M))
    for quad in bilevel.quads:
        yield from (quad.name, quad.lo, quad.hi, *_quad(quad.quad))
    for name, columns in bilevel.sets:
        yield from (name, np.asarray(columns))
    for name, binary, value, rows in bilevel.conditions:
        yield from (name, binary, value, rows.lo, rows.hi, *_matrix(rows.M))
    for follower in bilevel.followers:
        yield from (follower.name, follower.sense, follower.note, follower.is_condition)
        yield from () if follower.cost is None else _quad(follower.cost)
        for declared in follower.declared:
            yield from (declared.word, declared.shape, declared.is_bound, declared.lo, declared.hi)
            yield from (declared.lam, declared.mu_lo, declared.mu_hi, *_matrix(declared.M))
        for term in follower.terms:
            yield from (term.column, term.row, *_quad(term.quad))
        for varying in follower.varying:
            yield from (varying.v, varying.x, *_matrix(varying.E), varying.p, varying.mu, varying.curved)
        for cone in follower.cones:
            yield from (cone.name, cone.u, *_matrix(cone.M), cone.c, cone.mu, cone.size, cone.p, cone.ratio)
        for part in follower.products.parts:
            yield from (part.name, part.binary, *_matrix(part.E))
        for row in follower.products.conditional:
            yield from (row.lo, row.hi, row.value, row.shape)


def _quad(quad: Quad) -> tuple[Any, ...]:
    return (quad.i, quad.j, quad.v, *_matrix(quad.linear), quad.r)


def _matrix(M: Csr) -> tuple[np.ndarray, ...]:
    return (M.indptr, M.indices, M.data)
