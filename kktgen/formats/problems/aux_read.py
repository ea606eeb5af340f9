"""A pair ``.aux`` and ``.mps`` read: the bilevel problem they describe."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...errors import FormatError
from ...numerics.sparse import Csr, coo, row_index
from ...problem.bilevel import Bilevel
from ...problem.coords import names_of
from ...problem.expressions import Quad
from ...problem.follower import Follower
from ...problem.rows import Rows
from ..writing.names import CONSTANT
from .aux_text import Aux, parse
from .fields import placed
from .linear_read import SingleLevel, read_single_level

FOLLOWER, LEADER_VARIABLE, VARIABLE, LEADER_ROWS, ROWS = "lower", "x", "y", "upper", "rows"


def load(data: bytes, source: Path) -> Bilevel:
    """Return the bilevel problem of an ``.aux`` file and its partner.

    Raises
    ------
    FormatError
        One of the files is not what it should be, or they do not fit together.
    """
    aux = parse(data.decode("utf-8", "replace"), str(source))
    partner = partner_of(source, aux.mps)
    body = read_single_level(partner)
    mine = _chosen(aux.variables, body.columns, len(body.lb), source, partner, "column")
    lower = _chosen(aux.rows, body.rows, len(body.lo), source, partner, "row")
    cost = np.zeros(len(body.lb))
    cost[mine] = aux.cost
    mine = np.sort(mine)
    with placed(str(source), f"the problem of {partner.name}"):
        return _build(aux, cost, body, mine, lower, aux.name or body.name or _stem(source))


def partner_of(source: Path, named: str) -> Path:
    """Return the path of the ``.mps`` (or ``.lp``) that belongs to an ``.aux`` file."""
    stem = _stem(source)
    wanted = [Path(named).name] if named else []
    wanted += [f"{stem}{suffix}{packed}" for suffix in (".mps", ".lp") for packed in ("", ".gz")]
    if named:
        wanted.insert(1, f"{Path(named).name}.gz")
    for name in wanted:
        try:
            there = (source.parent / name).is_file()
        except (OSError, ValueError):  # no name for a file
            there = False
        if there:
            return source.parent / name
    raise FormatError(f"{source}: the .mps file beside it is missing; looked for {', '.join(dict.fromkeys(wanted))}")


def _stem(source: Path) -> str:
    return re.sub(r"(?i)\.aux(\.gz)?$", "", source.name)


def _chosen(wanted: np.ndarray, names: np.ndarray, count: int, source: Path, partner: Path, what: str) -> np.ndarray:
    """Return the positions of the columns or rows an ``.aux`` file lists, by index or by name."""
    if wanted.dtype.kind == "i":
        wrong = (wanted < 0) | (wanted >= count)
        at = wanted
    else:
        order = np.argsort(names, kind="stable")
        place = np.minimum(np.searchsorted(names, wanted, sorter=order), max(count - 1, 0))
        at = order[place] if count else np.zeros(len(wanted), dtype=np.int64)
        wrong = names[at] != wanted if count else np.ones(len(wanted), dtype=bool)
    if wrong.any():
        first = wanted[np.flatnonzero(wrong)[0]]
        raise FormatError(f"{source}: no {what} {str(first)[:60]} in {partner.name}, which has {count}")
    if len(np.unique(at)) < len(at):
        raise FormatError(f"{source}: a {what} is listed twice")
    return at


def _build(aux: Aux, cost: np.ndarray, body: SingleLevel, mine: np.ndarray, lower: np.ndarray, name: str) -> Bilevel:
    """Declare the problem: leader variables ``x``, the follower's ``y``, rows in the order of the file."""
    m = Bilevel(name)
    follows = np.zeros(len(body.lb), dtype=bool)
    follows[mine] = True
    constant = _constant(body, follows)
    theirs = np.flatnonzero(~follows & ~constant)

    x = m.var(LEADER_VARIABLE, coords=names_of(body.columns[theirs], "column"), lb=body.lb[theirs], ub=body.ub[theirs])
    m.space.kind[x.cols] = body.kind[theirs]
    f = m.follower(FOLLOWER)
    y = f.var(VARIABLE, coords=names_of(body.columns[mine], "column"), lb=body.lb[mine], ub=body.ub[mine])
    m.space.kind[y.cols] = body.kind[mine]
    column = np.full(len(body.lb), -1)
    column[theirs], column[mine] = x.cols, y.cols
    is_lower = np.zeros(len(body.lo), dtype=bool)
    is_lower[lower] = True
    lower, upper = np.flatnonzero(is_lower), np.flatnonzero(~is_lower)
    _add(f, body, lower, column, ROWS)
    _add(m, body, upper, column, LEADER_ROWS)

    n, kept = len(m.space), column >= 0
    goal, own = np.zeros(n), np.zeros(n)
    goal[column[kept]], own[y.cols] = body.cost[kept], cost[mine]
    (m.minimize if body.sense > 0 else m.maximize)(
        Quad.from_matrices(m.space, None, goal, body.offset + float(body.cost[constant].sum()))
    )
    (f.minimize if aux.sense > 0 else f.maximize)(Quad.from_matrices(m.space, None, own))
    return m


def _constant(body: SingleLevel, follows: np.ndarray) -> np.ndarray:
    """Return which column carries the objective's constant in files of kktgen: fixed at 1, in no row, ``ONE``."""
    free = np.ones(len(body.lb), dtype=bool)
    free[body.M.indices] = False
    return free & ~follows & (body.lb == 1) & (body.ub == 1) & (body.columns == CONSTANT.decode())


def _add(owner: Bilevel | Follower, body: SingleLevel, rows: np.ndarray, column: np.ndarray, name: str) -> None:
    """Add some rows of the file to a level."""
    if len(rows):
        part = Csr(body.M[rows])
        M = coo(part.data, row_index(part), column[part.indices], (len(rows), len(owner.space)))
        names = names_of(body.rows[rows], "row")
        owner.add(Rows(owner.space, M, body.lo[rows], body.hi[rows], (len(rows),)), name=name, coords=names)
