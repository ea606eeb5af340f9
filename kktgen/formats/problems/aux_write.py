"""Linear bilevel problems as a pair of files: ``.mps`` (both levels) and ``.aux`` (who owns what)."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import numpy as np

from ...errors import FormatError, ProblemError, UnsupportedError, expect
from ...model.model import Model
from ...model.relaxations import high_point
from ...model.tables import QuadTable, RowTable
from ...numerics.sparse import joined, position, take_columns
from ...problem.bilevel import Bilevel
from ...problem.columns import Space
from ...problem.every_response import names_of
from ...problem.expressions import Quad
from .. import mps
from ..writing.files import replace_file
from ..writing.plain import plain
from .aux_text import Aux, spell

SUFFIX = ".aux"
FORMS = ("index", "names", "bobilib")
_HOLDS = "an .aux file holds one LP follower and linear rows; .bilevel.json holds the whole problem"


def write(m: Bilevel, target: Path, form: str | None = None) -> Path:
    """Write ``NAME.aux`` and ``NAME.mps`` (``NAME.mps.gz`` for ``NAME.aux.gz``); return the path of the first.

    Parameters
    ----------
    m : Bilevel
        One LP follower; linear rows and a linear objective of the leader without prices.
    target : Path
    form : str
        ``"index"`` (MibS, the default), ``"names"`` (MibS) or ``"bobilib"`` (BOBILib, idol).

    Raises
    ------
    UnsupportedError
        What the pair cannot hold, by name.
    ProblemError
        Unknown form.
    FormatError
        A file cannot be written.
    """
    form = form or FORMS[0]
    if form not in FORMS:
        raise ProblemError(f"no form {form!r} of .aux files; there are {', '.join(FORMS)}")
    _refuse(m)
    zipped, mate = target.name.lower().endswith(".gz"), partner(target)
    if any(letter.isspace() for letter in mate.name) and form != "index":
        raise FormatError(f"{mate}: readers of .aux files take a name up to the first blank; give one without blanks")
    model, owned, cost = single_level(m)
    body = plain(model)
    order = np.argsort(body.kind != "C", kind="stable")  # the order of the columns in the .mps
    mine = np.flatnonzero(np.append(owned, np.zeros(len(order) - len(owned), dtype=bool))[order])
    rows = np.flatnonzero(body.linear.source >= sum(map(len, m.rows)))  # the leader's rows come first
    index = form == "index"
    aux = Aux(
        mine if index else body.columns[order][mine], rows if index else body.linear.names[rows], cost[order[mine]],
        1, body.name.decode(), mate.name,
    )  # fmt: skip
    replace_file(mate, lambda file: _pack(file, lambda inner: mps.dump(model, inner), zipped))
    return replace_file(target, lambda file: _pack(file, lambda inner: spell(aux, form, inner), zipped))


def partner(target: Path) -> Path:
    """Return the path of the ``.mps`` that is written beside an ``.aux`` file."""
    packed = ".gz" if target.name.lower().endswith(".gz") else ""
    return target.with_name(re.sub(r"(?i)\.aux(\.gz)?$", ".mps", target.name) + packed)


def _pack(file: IO[bytes], fill: Callable[[IO[bytes]], None], zipped: bool) -> None:
    """Let ``fill`` write into the file, packed when asked."""
    if not zipped:
        fill(file)
        return
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        fill(cast(IO[bytes], packed))


def single_level(m: Bilevel) -> tuple[Model, np.ndarray, np.ndarray]:
    """Return both levels as one model without multipliers, which columns are the follower's, and his cost over all."""
    relaxed, space = high_point(m), Space(m.name)
    blocks = [block for block in m.space.blocks if block.role in ("leader", "follower")]
    columns = joined((np.arange(b.start, b.stop) for b in blocks), int)
    for block in blocks:
        part = slice(block.start, block.stop)
        at = space.append(block.word, block.role, lb=m.space.lb[part], ub=m.space.ub[part], follower=block.follower,
                          item=block.item, shape=block.shape, index=block.index, coords=block.coords)  # fmt: skip
        space.kind[at], space.owner[at] = m.space.kind[part], m.space.owner[part]
    n = len(space)
    goal = Quad.from_matrices(space, None, _linear(m.objective, columns), m.objective.r)
    rows = RowTable(take_columns(relaxed.rows.M, columns), relaxed.rows.lo, relaxed.rows.hi, relaxed.rows.blocks)
    model = Model(m.name, space, goal, m.sense, rows, QuadTable.of([], np.empty(0), np.empty(0), (), n))
    owned = space.role == "follower"
    return model, owned, np.where(owned, _linear(m.followers[0].system().cost, columns), 0.0)


def _linear(quad: Quad, columns: np.ndarray) -> np.ndarray:
    """Return the linear coefficients over some columns."""
    at = position(columns, quad.linear.indices)
    out = np.zeros(len(columns))
    np.add.at(out, at[at >= 0], quad.linear.data[at >= 0])
    return out


def _refuse(m: Bilevel) -> None:
    """Refuse what the pair of files cannot hold."""
    expect(m, Bilevel, "an .aux file", "give the bilevel problem, not a model made from it")
    if names := names_of(m):
        raise UnsupportedError(f"row {names[0]!r} of {m.name!r} is for every response; {_HOLDS}")
    if m.space.conditions:
        raise UnsupportedError(f"{m.name!r} has complementarity conditions {min(m.space.conditions)!r}; {_HOLDS}")
    if len(m.followers) != 1:
        raise UnsupportedError(f"{m.name!r} has {len(m.followers)} followers; {_HOLDS}")
    follower, space = m.followers[0], m.space
    cost = follower.system().fixed(np.zeros(len(space))).cost.canonical()
    own = (space.owner[cost.i] == 0) | (space.owner[cost.j] == 0)
    if own.any():
        at = int(np.flatnonzero(own)[0])
        product = f"{space.label(int(cost.i[at]))} * {space.label(int(cost.j[at]))}"
        raise UnsupportedError(f"the cost of follower {follower.name!r} holds the product {product}; {_HOLDS}")
    if len(m.objective.canonical().v):
        raise UnsupportedError(f"the leader's objective of {m.name!r} holds products; {_HOLDS}")
    if follower.terms:
        term = follower.terms[0]
        product = f"{space.label(int(term.quad.i[0]))} * {space.label(int(term.quad.j[0]))}"
        raise UnsupportedError(
            f"row {term.row!r} of follower {follower.name!r} holds the product {product} of the leader's; {_HOLDS}"
        )
    if follower.cones:
        raise UnsupportedError(f"row {follower.cones[0].name!r} of follower {follower.name!r} holds a norm; {_HOLDS}")
    if follower.varying:
        x, name = follower.varying[0].x, follower.varying[0].names[0]
        what = "a square of" if follower.varying[0].curved else "a product with"
        raise UnsupportedError(
            f"row {name!r} of follower {follower.name!r} holds {what} {space.label(int(x[0]))}; {_HOLDS}"
        )
    for found, what in ((m.quads, "quadratic rows"), (m.sets, "SOS1 sets"), (m.conditions, "indicator rows")):
        if found:
            raise UnsupportedError(f"the leader of {m.name!r} has {len(found)} {what}; {_HOLDS}")
    parts = [m.objective.linear, *(rows.M for rows in m.rows)]
    used = np.concatenate([part.indices[part.data != 0] for part in parts])
    price = used[space.is_price[used]]
    if len(price):
        raise UnsupportedError(f"the leader of {m.name!r} uses the price {space.label(int(price[0]))}; {_HOLDS}")
