"""Columns for slacks: shared by the encodings that need the slack of a pair as one column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...model.appended_columns import Lift
from ...model.model import Model
from ...model.pairs import Pairs
from ...model.tables import RowTable, join
from ...numerics.sparse import Csr, coo, csr, joined, row_index
from ...problem.columns import Block, select


def slack_columns(model: Model, pairs: Pairs) -> tuple[Model, np.ndarray]:
    """Return the model in which every pair's slack is a column, and those columns (mi,).

    A slack reuses a column only where it IS that column up to sign and scale (single entry, constant 0).
    Elsewhere a column s in [0, slack_max] and the row ``M z - s = -r`` are added, and the side of the
    row that stated ``M z + r >= 0`` is taken away: it is never written twice.
    """
    reused = pairs.column()
    new = np.flatnonzero(reused < 0)
    if len(new) == 0:
        return model, reused
    space = model.space.copy()
    ub, proof = pairs.slack_max.value[new], pairs.slack_max.proof[new]
    missing = np.ones(len(pairs), dtype=bool)
    missing[reused >= 0] = False
    columns = []
    for block in select(pairs.blocks, missing):
        here = slice(block.start, block.stop)
        columns.append(
            space.append(
                block.word.replace("comp", "s", 1), "slack", lb=0.0, ub=ub[here],
                owner=int(pairs.follower[new[block.start]]),
                follower=block.follower, item=block.item, shape=block.shape, index=block.index, proof=proof[here],
                coords=block.coords,
            )
        )  # fmt: skip
    column = np.concatenate(columns)
    n, k = len(space), len(new)
    M = Csr(pairs.M[new])
    definition = coo(
        np.concatenate([M.data, -np.ones(k)]),
        np.concatenate([row_index(M), np.arange(k)]),
        np.concatenate([M.indices, column]),
        (k, n),
    )
    blocks = tuple(
        replace(b, word=b.word.replace("comp", "slack", 1), role="encoding") for b in select(pairs.blocks, missing)
    )
    lo, hi = model.rows.lo.copy(), model.rows.hi.copy()
    upper, row = pairs.side[new] > 0, pairs.row[new]
    hi[row[upper & (row >= 0)]] = np.inf
    lo[row[~upper & (row >= 0)]] = -np.inf
    rows = join([replace(model.rows, lo=lo, hi=hi), RowTable(definition, -pairs.r[new], -pairs.r[new], blocks)], n)
    out = reused.copy()
    out[new] = column
    lift = Lift(column, M, pairs.r[new], pairs.mu[new], binary=False)
    return replace(model, space=space, rows=rows, lifts=(*model.lifts, lift)), out


def binaries(model: Model, pairs: Pairs) -> tuple[Model, np.ndarray]:
    """Return the model with one binary a pair (1: the row is active, s = 0; 0: mu = 0), and their columns."""
    space = model.space.copy()
    columns = [
        space.append(
            b.word.replace("comp", "z", 1), "binary", lb=0.0, ub=1.0, kind="B", owner=int(pairs.follower[b.start]),
            follower=b.follower, item=b.item, shape=b.shape, index=b.index,
            coords=b.coords,
        )
        for b in pairs.blocks
    ]  # fmt: skip
    column = joined(columns, int)
    lift = Lift(column, pairs.M, pairs.r, pairs.mu, binary=True)
    return replace(model, space=space, lifts=(*model.lifts, lift)), column


def mu_rows(pairs: Pairs, n: int) -> Csr:
    """Return the rows ``z[mu]`` (mi, n)."""
    k = len(pairs)
    return csr(np.ones(k), pairs.mu, np.arange(k + 1), (k, n))


def renamed(pairs: Pairs, word: str) -> tuple[Block, ...]:
    """Return the pairs' blocks as rows of an encoding, under another word."""
    return tuple(replace(b, word=b.word.replace("comp", word, 1), role="encoding") for b in pairs.blocks)
