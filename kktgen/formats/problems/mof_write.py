"""Bilevel problems as MathOptFormat files: one a level, and a ``.link.json`` that says who owns what.

``NAME.mof.json`` is the leader's level, ``NAME.FOLLOWER.mof.json`` a follower's, ``NAME.link.json`` the table that
joins them (:mod:`kktgen.formats.problems.linked`). Multipliers the leader uses are columns of its level, which the
table calls prices: each is the nonnegative multiplier of one side of a row or bound, that of an equation its dual.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from ...errors import UnsupportedError, expect
from ...numerics.sparse import Csr
from ...problem.bilevel import Bilevel
from ...problem.columns import LEADER
from ...problem.coords import Coords
from ...problem.every_response import names_of
from ...problem.expressions import Quad
from ...problem.follower import Follower
from ..writing.files import replace_file

SUFFIX = ".mof.json"
VERSION = {"major": 1, "minor": 0}
_HOLDS = "MathOptFormat files hold linear rows, quadratic objectives and bounds; .bilevel.json holds the whole problem"


def partners(m: Bilevel, target: Path) -> tuple[list[Path], Path]:
    """Return the paths of the followers' files and of the table that are written beside the leader's."""
    stem = target.name[: -len(SUFFIX)]
    names = [re.sub(r"[^\w.-]", "_", f.name) for f in m.followers]
    once = [name if names.count(name) == 1 else f"{name}_{k}" for k, name in enumerate(names)]
    return [target.with_name(f"{stem}.{name}{SUFFIX}") for name in once], target.with_name(f"{stem}.link.json")


def write(m: Bilevel, target: Path) -> Path:
    """Write the files of a problem; return the path of the leader's.

    Raises
    ------
    UnsupportedError
        What they cannot hold, by name.
    FormatError
        A file cannot be written.
    """
    expect(m, Bilevel, f"{SUFFIX} files", "give the bilevel problem, not a model made from it")
    if target.name.lower().endswith(".gz"):
        raise UnsupportedError(f"{target}: {SUFFIX} files are not packed; .bilevel.json.gz is")
    _refuse(m)
    names = _column_names(m)
    prices = _prices(m, names)
    files, table = partners(m, target)
    entries = []
    for k, (f, file) in enumerate(zip(m.followers, files, strict=True)):
        own = m.space.owner[: len(names)] == k
        mine = [names[j] for j in np.flatnonzero(own & (m.space.role == "follower"))]
        entries.append({"name": f.name, "file": file.name, "owns": mine})
        _put(file, _follower(m, f, k, names))
    root: dict[str, Any] = {"name": m.name, "leader": {"file": target.name}, "follower": entries}
    _put(table, root | ({"prices": prices} if prices else {}))
    return _put(target, _leader(m, names))


def _put(path: Path, value: Any) -> Path:
    data = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)

    def fill(file: IO[bytes]) -> None:
        file.write(data + b"\n")

    return replace_file(path, fill)


def _refuse(m: Bilevel) -> None:
    """Refuse what the files cannot hold."""
    if names := names_of(m):
        raise UnsupportedError(f"row {names[0]!r} of {m.name!r} is for every response; {_HOLDS}")
    for found, what in ((m.sets, "SOS1 sets"), (m.conditions, "indicator rows")):
        if found:
            raise UnsupportedError(f"the leader of {m.name!r} has {len(found)} {what}; {_HOLDS}")
    for k, f in enumerate(m.followers):
        if f.cones or any(part.curved for part in f.varying):
            raise UnsupportedError(f"follower {f.name!r} has rows with squares or norms; {_HOLDS}")
        if f.terms or f.products.natural:
            raise UnsupportedError(f"rows of follower {f.name!r} hold products of the leader's variables; {_HOLDS}")
        if f.cost is None:
            raise UnsupportedError(f"follower {f.name!r} has no objective yet")
        used = [f.cost.i, f.cost.j, f.cost.linear.indices, *(d.M.indices for d in f.declared)]
        prices = np.concatenate(used)[m.space.is_price[np.concatenate(used)]]
        if len(prices):
            label = m.space.label(int(prices[0]))
            raise UnsupportedError(f"follower {f.name!r} {k} uses the price {label}; {_HOLDS}")


def _column_names(m: Bilevel) -> list[str]:
    """Return a name for every column: those of variables as JuMP writes them, ``g[0,1]``; unique."""
    space, out, used = m.space, [""] * len(m.space), set[str]()
    words = Counter(block.word for block in space.blocks if block.role in ("leader", "follower"))
    for block in space.blocks:
        known = block.role in ("leader", "follower")
        alone = known and words[block.word] == 1
        word = block.word if alone else f"{block.follower}.{block.word}" if block.follower and known else block.word
        for k in range(block.stop - block.start):
            name = _entry(word, block.shape, block.coords, int(block.positions()[k])) if known else block.label(k)
            while name in used:
                name += "_"
            used.add(name)
            out[block.start + k] = name
    return out


def _entry(word: str, shape: Sequence[int], coords: Coords | None, position: int) -> str:
    """Return the name of an entry of an array."""
    if coords is not None:
        texts = coords.text(position)
        return texts[0] if coords.bare else f"{word}[{','.join(texts)}]"
    return f"{word}[{','.join(map(str, np.unravel_index(position, tuple(shape))))}]" if len(shape) else word


def _row_names(named: Iterable[tuple[str, Sequence[int], Coords | None, int]]) -> list[list[str]]:
    """Return a name for every row of several blocks of word, shape, labels and size; unique."""
    used, out = set[str](), []
    for word, shape, coords, count in named:
        part = []
        for k in range(count):
            name = _entry(word, shape, coords, k)
            while name in used:
                name += "_"
            used.add(name)
            part.append(name)
        out.append(part)
    return out


def _prices(m: Bilevel, names: list[str]) -> dict[str, Any]:
    """Return what the multipliers are that the leader uses, and call them so."""
    goal = m.objective
    parts = [goal.i, goal.j, goal.linear.indices, *(rows.M.indices for rows in m.rows)]
    parts += [part for q in m.quads for part in (q.quad.i, q.quad.j, q.quad.linear.indices)]
    wanted = np.unique(np.concatenate(parts))
    wanted = wanted[m.space.is_price[wanted]]
    found: dict[int, dict[str, Any]] = {}
    for f in m.followers:
        row_names = _row_names((d.word, d.shape, d.coords, len(d.lo)) for d in f.declared if not d.is_bound)
        at = 0
        for d in f.declared:
            labels = [] if d.is_bound else row_names[at]
            at += not d.is_bound
            for side, columns in ((None, d.lam), ("lower", d.mu_lo), ("upper", d.mu_hi)):
                for k in np.flatnonzero(np.isin(columns, wanted) & (columns >= 0)):
                    what = {"variable": names[int(d.M.indices[k])]} if d.is_bound else {"row": labels[k]}
                    said = side or ("lower" if d.is_bound else None)
                    found[int(columns[k])] = {"follower": f.name, **what, **({"side": said} if said else {})}
    used = set(names)
    for j, one in found.items():
        names[j] = f"{one.get('side', 'dual')}({','.join(value for key, value in one.items() if key != 'side')})"
        while names[j] in used:
            names[j] += "_"
        used.add(names[j])
    return {names[j]: found[int(j)] for j in wanted}


def _leader(m: Bilevel, names: Sequence[str]) -> dict[str, Any]:
    """Return the leader's level."""
    used = np.zeros(len(names), dtype=bool)
    used[m.space.owner == LEADER] = True
    labels = _row_names((rows.name, rows.shape, rows.coords, len(rows)) for rows in m.rows)
    constraints = [
        one for rows, part in zip(m.rows, labels, strict=True) for one in _rows(rows.M, rows.lo, rows.hi, part, names)
    ]
    for rows in m.rows:
        used[rows.M.indices] = True
    taken = {name for part in labels for name in part}
    for q in m.quads:
        label = q.name
        while label in taken:
            label += "_"
        taken.add(label)
        constraints.append({"name": label, "function": _quadratic(q.quad, names), "set": _set(q.lo, q.hi)})
        used[np.concatenate([q.quad.i, q.quad.j, q.quad.linear.indices])] = True
    goal = m.objective if m.sense > 0 else -m.objective
    used[np.concatenate([goal.i, goal.j, goal.linear.indices])] = True
    return _document(m, names, used, LEADER, goal, m.sense, constraints)


def _follower(m: Bilevel, f: Follower, k: int, names: Sequence[str]) -> dict[str, Any]:
    """Return a follower's level."""
    assert f.cost is not None
    used = (m.space.owner == k) & (m.space.role == "follower")
    rows = [d for d in f.declared if not d.is_bound]
    labels = _row_names((d.word, d.shape, d.coords, len(d.lo)) for d in rows)
    constraints = [one for d, part in zip(rows, labels, strict=True) for one in _rows(d.M, d.lo, d.hi, part, names)]
    goal = f.cost if f.sense > 0 else -f.cost
    for at in (goal.i, goal.j, goal.linear.indices, *(d.M.indices for d in rows)):
        used[at] = True
    return _document(m, names, used, k, goal, f.sense, constraints)


def _document(
    m: Bilevel, names: Sequence[str], used: np.ndarray, owner: int, goal: Quad, sense: int, constraints: list[Any]
) -> dict[str, Any]:
    """Return a file: variables, with bounds and kinds of the owner's, objective, rows."""
    columns = np.flatnonzero(used)
    bounds = []
    for j in columns[(m.space.owner[columns] == owner) & ~m.space.is_price[columns]]:
        variable = {"type": "Variable", "name": names[j]}
        lo, hi, kind = float(m.space.lb[j]), float(m.space.ub[j]), str(m.space.kind[j])
        if np.isfinite(lo) or np.isfinite(hi):
            bounds.append({"function": variable, "set": _set(lo, hi)})
        if kind != "C":
            bounds.append({"function": variable, "set": {"type": "ZeroOne" if kind == "B" else "Integer"}})
    return {
        "name": m.name, "version": VERSION, "variables": [{"name": names[j]} for j in columns.tolist()],
        "objective": {"sense": "min" if sense > 0 else "max", "function": _quadratic(goal, names)},
        "constraints": [*bounds, *constraints],
    }  # fmt: skip


def _rows(M: Csr, lo: np.ndarray, hi: np.ndarray, labels: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return linear rows; those without a side are left out."""
    out = []
    for k, label in enumerate(labels):
        if np.isfinite(lo[k]) or np.isfinite(hi[k]):
            part = slice(M.indptr[k], M.indptr[k + 1])
            function = {
                "type": "ScalarAffineFunction",
                "terms": _terms(M.indices[part], M.data[part], names),
                "constant": 0.0,
            }
            out.append({"name": label, "function": function, "set": _set(float(lo[k]), float(hi[k]))})
    return out


def _terms(at: np.ndarray, values: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"coefficient": v, "variable": names[j]} for j, v in zip(at.tolist(), values.tolist(), strict=True)]


def _set(lo: float, hi: float) -> Mapping[str, Any]:
    """Return the set of two sides."""
    if lo == hi:
        return {"type": "EqualTo", "value": lo}
    if np.isfinite(lo) and np.isfinite(hi):
        return {"type": "Interval", "lower": lo, "upper": hi}
    return {"type": "GreaterThan", "lower": lo} if np.isfinite(lo) else {"type": "LessThan", "upper": hi}


def _quadratic(quad: Quad, names: Sequence[str]) -> dict[str, Any]:
    """Return a function; a square has twice its coefficient, as the format has it."""
    one = quad.canonical()
    terms = _terms(one.linear.indices, one.linear.data, names)
    if not len(one.v):
        return {"type": "ScalarAffineFunction", "terms": terms, "constant": float(one.r)}
    value = np.where(one.i == one.j, 2.0 * one.v, one.v)
    products = [
        {"coefficient": v, "variable_1": names[i], "variable_2": names[j]}
        for i, j, v in zip(one.i.tolist(), one.j.tolist(), value.tolist(), strict=True)
    ]
    return {
        "type": "ScalarQuadraticFunction", "affine_terms": terms, "quadratic_terms": products, "constant": float(one.r)
    }  # fmt: skip
